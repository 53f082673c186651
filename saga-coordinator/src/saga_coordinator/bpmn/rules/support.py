"""Legal BPMN that the engine does not run: refused by name (`supported.SUPPORTED`)."""

from saga_coordinator.bpmn import supported
from saga_coordinator.bpmn.diagram import Diagram, Part
from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.engine.process import Kind


def check(diagram: Diagram, findings: Findings) -> None:
    """Every part is of a supported kind and form."""
    for stranger in diagram.strangers:
        findings.add(
            Rule.UNSUPPORTED_ELEMENT,
            stranger.id or stranger.name,
            stranger.line,
            f"{stranger.name} is not supported",
        )
    for level in diagram.levels:
        for part in level.parts:
            for reason in _reasons(part):
                findings.add(Rule.UNSUPPORTED_ELEMENT, part.id, part.node.line, f"{reason} is not supported")


def _reasons(part: Part) -> list[str]:
    name = part.node.name
    triggers = supported.SUPPORTED.get(part.kind) if part.kind is not None else None
    if triggers is None or name == "adHocSubProcess":
        return [name]
    reasons = [f"{name} with {trigger}EventDefinition" for trigger, _ in part.definitions if trigger not in triggers]
    if len(part.definitions) > 1:
        reasons.append(f"{name} with several event definitions")
    if part.kind is Kind.THROW_EVENT and not part.definitions and not triggers:
        reasons.append(name)
    reasons += _quantities(part)
    return reasons


def _quantities(part: Part) -> list[str]:
    return [
        f"{attribute} {part.node.get(attribute)}"
        for attribute in ("startQuantity", "completionQuantity")
        if part.is_activity and (part.node.get(attribute) or "1").strip() != "1"
    ]
