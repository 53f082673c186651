"""Timer event definitions: ISO 8601, or `=` and an expression."""

import re
from collections.abc import Callable

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.expressions import Foreign
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine import times
from saga_coordinator.engine.process import TimerDefinition, TimerKind

NEVER = TimerDefinition(TimerKind.DATE, "9999-12-31T23:59:59Z")
_PARSERS: dict[TimerKind, Callable[[str], object]] = {
    TimerKind.DATE: times.moment,
    TimerKind.DURATION: times.duration,
    TimerKind.CYCLE: times.cycle,
}
# Other engines' ways to say when: placeholders, FEEL, cron, "500ms". Only an installation that has them knows.
_FOREIGN = re.compile(
    r"^(=.*|[$#%@]\{.*\}|\d+ ?(ms|s|m|h|d)\b.*|[-\d*/,?LW#A-Z]+( +[-\d*/,?LW#A-Z]+){4,6})$", re.DOTALL
)


def read(node: Node, element: str, context: Context) -> TimerDefinition:
    """The timer of a timerEventDefinition. One that says nothing, or says it in another language (both are tolerated in
    tolerant mode only), never fires by itself."""
    forms = list(node.bpmn(*(kind.value for kind in TimerKind)))
    if len(forms) != 1 or not forms[0].text:
        return NEVER
    form, kind = forms[0], TimerKind(forms[0].name)
    if form.text.startswith("="):
        expression = context.expression(form.text[1:], element, form.line, foreign=True)
        return NEVER if isinstance(expression, Foreign) else TimerDefinition(kind, form.text, expression)
    try:
        _PARSERS[kind](form.text)
    except times.BadTime as error:
        if not (context.tolerant and (_FOREIGN.match(form.text) or form.get("language"))):
            context.findings.add(Rule.BAD_TIMER, element, form.line, str(error))
        return NEVER
    return TimerDefinition(kind, form.text)


def milliseconds(text: str, element: str, line: int, what: str, context: Context) -> int | None:
    """A constant ISO 8601 duration of an extension attribute, in ms; anything else is a finding."""
    try:
        parsed = times.duration(text)
    except times.BadTime as error:
        context.findings.add(Rule.BAD_EXTENSION, element, line, f"{what}: {error}")
        return None
    if parsed.months or parsed.ms <= 0:
        context.findings.add(Rule.BAD_EXTENSION, element, line, f"{what}: {text!r} is no fixed length of time")
        return None
    return parsed.ms
