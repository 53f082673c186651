"""BPMN 2.0 files become processes here, or are refused with every reason."""

from saga_coordinator.bpmn.findings import Finding, Refused, Rule
from saga_coordinator.bpmn.parse import lint, parse, process_ids

__all__ = ["Finding", "Refused", "Rule", "lint", "parse", "process_ids"]
