"""An instance in another version of its process: what has another id there is called by it from now on."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.state import InstanceState


def _migrated(state: InstanceState, fact: f.Migrated) -> None:
    state.version = fact.version
    new = fact.elements
    if not new:
        return
    for table in (state.steps, state.scopes, state.subscriptions, state.conditions):
        for id_, known in table.items():
            if known.element in new:
                table[id_] = replace(known, element=new[known.element])  # type: ignore[assignment]  # the same type
    for timer in list(state.timers.values()):
        if timer.element in new:
            state.timers[timer.id] = replace(timer, element=new[timer.element])
    for effect in list(state.log.values()):
        handler = new.get(effect.handler, effect.handler) if effect.handler is not None else None
        state.log[effect.order] = replace(effect, element=new.get(effect.element, effect.element), handler=handler)
    state.parked = tuple(replace(token, element=new.get(token.element, token.element)) for token in state.parked)


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {f.Migrated: _migrated}
