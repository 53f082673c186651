"""What was told between callers and children and may have been lost on the way, told again.

A broker that lost its data took with it starts of children, what they reported, and what they were asked. All of it is
in the journals, or follows from how things stand now.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from saga_coordinator import calls, wire
from saga_coordinator.engine import InstanceState, open_calls
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.children import ask_to_undo
from saga_coordinator.engine.state import Step
from saga_coordinator.store import instances, journal
from saga_coordinator.store.instances import Instance


def told_again(connection: Connection, state: InstanceState, mark: int) -> list[i.Input]:
    """For every child that a step of this instance waits for: its start if it is not there, what is wanted of it if it
    has not ended, and what it has reported. `mark` tells one time of asking again from another."""
    waiting = open_calls(state)
    found = instances.find(connection, [step.child for step in waiting if step.child is not None])
    inputs: list[i.Input] = []
    missing = {step.child for step in waiting if step.child not in found}
    if missing:
        inputs += [start for start in _starts(connection, state) if start.instance in missing]
    for step in waiting:
        child = found.get(step.child or "")
        if child is not None:
            inputs += _asks(state, step, child, mark)
            inputs += _reports(connection, child.id)
    return inputs


def _asks(state: InstanceState, step: Step, child: Instance, mark: int) -> Sequence[i.Input]:
    if step.undoes is not None:
        told = ask_to_undo(state, step.id, state.log[step.undoes])
    elif step.lingers:
        told = f.ChildTold(step=step.id, child=step.child or "", what="stop")
    elif child.status == "suspended" and not state.suspended:
        told = f.ChildTold(step=step.id, child=step.child or "", what="resume")
    else:
        return []
    return [calls.ask(told, f"{told.child}:{told.what}:again:{mark}")]


def _starts(connection: Connection, caller: InstanceState) -> Iterator[i.Start]:
    here = wire.begun(caller)
    for row in journal.load_whole(connection, caller.id).rows:
        yield from (calls.start(fact, caller, here) for fact in wire.facts_of(row) if isinstance(fact, f.ChildCalled))


def _reports(connection: Connection, child: str) -> Iterator[i.Input]:
    for row in journal.load_whole(connection, child).rows:
        yield from (calls.report(fact, child) for fact in wire.facts_of(row) if isinstance(fact, f.ParentTold))
