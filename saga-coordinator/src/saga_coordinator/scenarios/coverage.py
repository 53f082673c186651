"""Which flow nodes and sequence flows of a process the scenarios reached."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from saga_coordinator import bpmn
from saga_coordinator.scenarios.runner import Result, Runner


@dataclass(frozen=True, slots=True)
class Coverage:
    """One process: all its flow nodes and flows in file order, and those that were reached."""

    file: Path
    process: str
    elements: tuple[str, ...]
    flows: tuple[str, ...]
    reached: frozenset[str]

    @property
    def missed(self) -> list[str]:
        """What no scenario reached."""
        return [id_ for id_ in (*self.elements, *self.flows) if id_ not in self.reached]

    @property
    def percent(self) -> int:
        """Reached flow nodes and flows of a hundred, rounded down."""
        total = len(self.elements) + len(self.flows)
        return (total - len(self.missed)) * 100 // total if total else 100


def measure(runner: Runner, results: Iterable[Result]) -> list[Coverage]:
    """Coverage of every process that was run, in the order of the results."""
    reached: dict[tuple[Path, str], set[str]] = {}
    for result in results:
        if result.process is not None and result.process_id is not None and result.actual.entered:
            reached.setdefault((result.process, result.process_id), set()).update(result.reached)
    found = []
    for (file, process_id), ids in reached.items():
        try:
            process = runner.parse(file, process_id)
        except bpmn.Refused:
            continue
        found.append(Coverage(file, process_id, tuple(process.elements), tuple(process.flows), frozenset(ids)))
    return found
