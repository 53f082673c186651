"""The scenario runner: processes played on the pure engine, with a virtual clock and no system at all."""

from saga_coordinator.scenarios.coverage import Coverage, measure
from saga_coordinator.scenarios.language import is_scenario_file
from saga_coordinator.scenarios.runner import Result, Runner

__all__ = ["Coverage", "Result", "Runner", "is_scenario_file", "measure"]
