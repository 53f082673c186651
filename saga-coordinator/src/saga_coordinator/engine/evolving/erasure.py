"""What is left of a state when its values are erased: the same whether the rows before it had their values or not."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.erasing import ERASED, erased, erased_text
from saga_coordinator.engine.state import ROOT, InstanceState, Scope


def _values_erased(state: InstanceState, fact: f.ValuesErased) -> None:
    """Nothing is left to undo anything with."""
    state.erased = True
    state.identifiers_erased = state.identifiers_erased or fact.identifiers
    state.business_key = erased_text(state.business_key, state.identifiers_erased)
    state.stopping = erased(state.stopping, state.identifiers_erased) if state.stopping else None
    state.scopes = {ROOT: Scope(id=ROOT, element=state.process, variables=dict(ERASED))}
    state.log = {}
    state.absents = {
        command: replace(absent, command=erased(absent.command, state.identifiers_erased))
        for command, absent in state.absents.items()
    }


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {f.ValuesErased: _values_erased}
