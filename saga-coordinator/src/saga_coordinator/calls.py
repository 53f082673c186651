"""What an instance and those that it calls send each other: inputs on the lane that they share.

Their ids follow from the journal rows that ask for them. Sent again, they are recognised.
"""

from collections.abc import Iterable

from saga_coordinator.engine import InstanceState
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i

# The newest version at the time when the start is decided.
NEWEST = 0
DEEPEST = 30


def sent(seq: int, facts: Iterable[f.Fact], state: InstanceState, traceparent: str) -> list[i.Input]:
    """The inputs for callers and children that row `seq` asks for; `traceparent` is what children go on with."""
    inputs: list[i.Input] = []
    for fact in facts:
        match fact:
            case f.ChildCalled():
                inputs.append(start(fact, state, traceparent))
            case f.ChildTold():
                inputs.append(ask(fact, f"{state.id}.{fact.step}:{fact.what}:{seq}"))
            case f.ParentTold():
                inputs.append(report(fact, state.id))
    return inputs


def start(called: f.ChildCalled, caller: InstanceState, traceparent: str) -> i.Start:
    """The child begins: in its caller's trace, and under its caller's business key where it names itself by none."""
    return i.Start(
        id=f"call:{called.child}",
        instance=called.child,
        process=called.process,
        version=NEWEST,
        variables=called.variables,
        business_key=caller.business_key,
        digest=f"call:{called.child}",
        traceparent=traceparent,
        parent=caller.id,
        parent_step=called.step,
    )


def ask(told: f.ChildTold, id_: str) -> i.ParentAsked:
    """The caller wants the child to stop or to undo."""
    return i.ParentAsked(id=id_, instance=told.child, what=told.what, left=told.left)


def report(told: f.ParentTold, child: str) -> i.ChildReported:
    """The child tells its caller what became of it."""
    return i.ChildReported(
        id=f"{child}:told:{told.number}",
        instance=told.parent,
        step=told.step,
        child=child,
        outcome=told.outcome,
        code=told.code,
        message=told.message,
        output=told.output,
        times=told.times,
        pivoted=told.pivoted,
    )


def refused(begins: i.Input, reason: str) -> i.ChildReported | None:
    """What a caller learns of a child that cannot begin; None where `begins` is no start of a child."""
    if not isinstance(begins, i.Start) or begins.parent is None:
        return None
    return i.ChildReported(
        id=f"{begins.instance}:refused",
        instance=begins.parent,
        step=begins.parent_step,
        child=begins.instance,
        outcome="refused",
        message=reason,
    )


def is_too_deep(begins: i.Start) -> bool:
    """Whether calls are nested so deep that they would hardly come to an end."""
    return begins.instance.count(".") > DEEPEST
