"""Parallel gateways: wait for one token on every incoming flow, then go out on every outgoing one."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.turn import Turn


def enter(turn: Turn, step_id: int) -> None:
    """Join if every incoming flow has a token (BPMN 2.0, 13.4.1); surplus tokens keep waiting."""
    step = turn.state.steps[step_id]
    element = turn.element(step)
    if len(element.incoming) > 1:
        first: dict[str | None, int] = {}
        for other in turn.state.scopes[step.scope].steps:
            waiting = turn.state.steps[other]
            if waiting.element == element.id:
                first.setdefault(waiting.via, waiting.id)
        if len(first) < len(element.incoming):
            turn.emit(f.StepWaiting(step=step_id, waits_for="tokens"))
            return
        turn.emit(f.Joined(steps=sorted(first.values()), into=step_id))
    turn.leave(step_id, list(element.outgoing))
