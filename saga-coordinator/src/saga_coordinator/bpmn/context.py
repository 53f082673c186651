"""What reading a process needs besides the file: catalogue, compiler, mode, and where findings go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from saga_coordinator.bpmn.expressions import Foreign
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Expression
from service_kit import catalogue as kit
from service_kit.calendars import Calendar
from service_kit.errors import KitError


@dataclass(frozen=True, slots=True)
class Context:
    """`tolerant` lets pass what only an installation can know; the catalogue may then be missing, too."""

    catalogue: Mapping[str, kit.Operation] | None
    compile: Callable[[str], Expression]
    tolerant: bool
    findings: Findings = field(default_factory=Findings)
    decisions: Mapping[str, Expression] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)

    def expression(self, source: str, element: str, line: int, foreign: bool = False) -> Expression:
        """Compile `source`; one that does not parse is a finding (`foreign`: tolerated in tolerant mode)."""
        try:
            return self.compile(source)
        except KitError as error:
            if not (foreign and self.tolerant):
                position = getattr(error, "position", None)
                where = f" (at character {position + 1})" if isinstance(position, int) else ""
                self.findings.add(Rule.BAD_EXPRESSION, element, line, f"{source!r}: {error}{where}")
            return Foreign(source)

    def foreign(self, source: str, language: str, element: str, line: int) -> Expression:
        """An expression that says it is in another language: a finding unless tolerated."""
        if not self.tolerant:
            self.findings.add(Rule.BAD_EXPRESSION, element, line, f"{language!r} is not spoken here: use JSONata")
        return Foreign(source)

    def decision(self, id_: str, element: str, line: int) -> Expression | None:
        """Look up a decision; an unknown one is a finding unless tolerated."""
        found = self.decisions.get(id_)
        if found is None and not self.tolerant:
            self.findings.add(Rule.UNKNOWN_DECISION, element, line, f"no decision {id_!r} is deployed")
        return found

    def operation(self, name: str, element: str, line: int) -> kit.Operation | None:
        """Look up an operation; an unknown one is a finding unless tolerated."""
        found = self.catalogue.get(name) if self.catalogue is not None else None
        if found is None and not self.tolerant:
            self.findings.add(Rule.UNKNOWN_OPERATION, element, line, f"the catalogue has no operation {name!r}")
        return found
