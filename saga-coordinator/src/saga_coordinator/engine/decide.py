"""What happens: one input on one instance gives facts, or `IllegalInput` and nothing at all."""

from collections.abc import Callable
from typing import Any

import msgspec

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.compensating import orders_inside
from saga_coordinator.engine.conditions import came_true
from saga_coordinator.engine.elements import enter, inclusive_gateway, multi_instance, sub_process
from saga_coordinator.engine.handling import acting, arriving, calling, starting
from saga_coordinator.engine.happening import fire_boundary, happen
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.listening import retire
from saga_coordinator.engine.process import Process, Trigger
from saga_coordinator.engine.recovery import conclude, end, proceed, start_walk, undone
from saga_coordinator.engine.state import BUSY, ROOT, InstanceState
from saga_coordinator.engine.turn import Turn


class Decision(msgspec.Struct, frozen=True):
    """The facts to journal and the state they lead to. No facts: there is nothing to journal (the input is stale).
    `returned`: the message was for a subscription that is over, and wants another receiver."""

    facts: list[f.Fact]
    state: InstanceState
    returned: bool = False


def decide(process: Process, state: InstanceState | None, input_: i.Input) -> Decision:
    """Decide what `input_` does to an instance (None: not started yet). `state` does not change.

    Raises `IllegalInput` for a start, a person's act or a choice that makes no sense; replies, timers and messages
    that come too late never raise.
    """
    if isinstance(input_, i.Start):
        if state is not None:
            raise IllegalInput("ALREADY_STARTED", f"instance {state.id} exists")
        state = InstanceState(id=input_.instance)
    elif state is None:
        raise IllegalInput("NOT_STARTED", f"instance {input_.instance} does not exist")
    draft = state.fork()
    draft.now = max(state.now, input_.at)
    turn = Turn(process, draft, draft.now, enter)
    returned = not _INPUTS[type(input_)](turn, input_)
    if turn.facts:
        settle(turn)
    draft.seq += 1 if turn.facts else 0
    return Decision(turn.facts, draft, returned)


def settle(turn: Turn) -> None:
    """Let everything go as far as it can without the outside world, then say what the instance's status is."""
    while True:
        turn.run(finish)
        if turn.state.suspended or not _go_further(turn):
            break
    status = status_of(turn.state)
    if status != turn.state.status:
        turn.emit(f.StatusChanged(status=status))


def _go_further(turn: Turn) -> bool:
    """What can happen when every token stands still; whether anything did."""
    _retire(turn)
    joined = bool(turn.process.joins) and inclusive_gateway.join(turn)
    return joined or _react(turn) or proceed(turn) or conclude(turn)


def _retire(turn: Turn) -> None:
    while turn.thinned:
        retire(turn, turn.thinned.pop())


def _react(turn: Turn) -> bool:
    """Let a conditional event fire whose condition has become true; whether there was one."""
    condition = came_true(turn) if turn.state.conditions else None
    if condition is not None:
        happen(turn, condition, None)
    return condition is not None


def status_of(state: InstanceState) -> str:
    """The open status that the steps imply; a final one stays."""
    if state.ended and not state.incidents:
        return state.status
    if state.suspended:
        return "suspended"
    if state.incidents:
        return "incident"
    if state.stopping is not None:
        return "compensating" if state.stopping.undo else "running"
    if any(step.phase in BUSY for step in state.steps.values()):
        return "running"
    return "waiting"


def finish(turn: Turn, scope_id: int) -> None:
    """Nothing is left in the scope."""
    if scope_id == ROOT:
        if turn.state.stopping is None and not turn.state.compensations and not turn.state.ended:
            end(turn, "completed")
        return
    scope = turn.state.scopes[scope_id]
    owner = turn.state.steps[scope.step]
    if scope.item is not None:
        multi_instance.finish_item(turn, scope_id)
    elif scope.cancelled:
        _finish_cancelled(turn, scope_id)
    elif scope.closing:
        turn.emit(f.ScopeClosed(scope=scope_id, completed=False))
        turn.leave(owner.id, [])
    elif owner.undoes is not None:
        turn.emit(f.ScopeClosed(scope=scope_id))
        undone(turn, owner.id)
    elif scope.rounds is not None:
        multi_instance.finish(turn, owner.id, scope_id)
    else:
        sub_process.finish(turn, owner.id, scope_id)


def _finish_cancelled(turn: Turn, scope_id: int) -> None:
    """Nothing is at work in a cancelled transaction: undo what it did, then leave it by its cancel event."""
    scope = turn.state.scopes[scope_id]
    if any(walk.step == scope.step for walk in turn.state.compensations.values()):
        return
    orders = orders_inside(turn.state, scope_id)
    if orders:
        start_walk(turn, orders, f"cancelled by {scope.by}", scope.step)
        return
    owner = turn.state.steps[scope.step]
    turn.emit(f.ScopeClosed(scope=scope_id, completed=False))
    events = (turn.process.elements[id_] for id_ in turn.boundary(owner))
    event = next((e for e in events if e.event is not None and e.event.trigger is Trigger.CANCEL), None)
    if event is not None and not owner.lingers:
        fire_boundary(turn, owner.id, event, None)
    else:
        turn.leave(owner.id, [])


_INPUTS: dict[type, Callable[[Turn, Any], bool]] = {
    **starting.HANDLE,
    **arriving.HANDLE,
    **calling.HANDLE,
    **acting.HANDLE,
}
