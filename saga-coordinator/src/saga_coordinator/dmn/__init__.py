"""DMN decisions: files become callables here (`decision(variables, bindings) -> value`), or are refused with every
reason. `docs/decisions-dmn.md` says what runs and how."""

from saga_coordinator.dmn.decision import Decision
from saga_coordinator.dmn.failing import DecisionFailed
from saga_coordinator.dmn.parse import lint, parse

__all__ = ["Decision", "DecisionFailed", "lint", "parse"]
