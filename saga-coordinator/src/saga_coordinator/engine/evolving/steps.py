"""Opening, changing and closing steps."""

from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine.state import InstanceState, Step


def change(state: InstanceState, step: int, **changes: Any) -> None:
    """Replace fields of an open step; one that is over stays over."""
    known = state.steps.get(step)
    if known is not None:
        state.steps[step] = replace(known, **changes)


def open_step(state: InstanceState, step: Step) -> None:
    """The step is open from now on."""
    state.steps[step.id] = step
    state.counter = max(state.counter, step.id)
    scope = state.scopes[step.scope]
    if step.listens:
        state.scopes[step.scope] = replace(scope, listeners={**scope.listeners, step.id: None})
    else:
        state.scopes[step.scope] = replace(scope, steps={**scope.steps, step.id: None})


def close(state: InstanceState, step_id: int) -> None:
    """The step is over."""
    step = state.steps.pop(step_id, None)
    if step is None:
        return
    state.incidents.pop(step_id, None)
    scope = state.scopes.get(step.scope)
    if scope is None:
        return
    if step.listens:
        state.scopes[step.scope] = replace(scope, listeners=_without(scope.listeners, step_id))
    else:
        state.scopes[step.scope] = replace(scope, steps=_without(scope.steps, step_id))


def _without(ids: dict[int, None], gone: int) -> dict[int, None]:
    left = ids.copy()
    left.pop(gone, None)
    return left
