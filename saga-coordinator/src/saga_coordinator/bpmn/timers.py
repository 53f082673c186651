"""Timer event definitions: ISO 8601, cron, or `=` and an expression; on a working calendar where one is named."""

import re
from collections.abc import Callable

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.expressions import Foreign
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.timetables import Timetable
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine import times
from saga_coordinator.engine.process import TimerDefinition, TimerKind
from service_kit.calendars import is_cron, wall_clock

_SOME_DAY = times.moment("2026-01-05")
NEVER = TimerDefinition(TimerKind.DATE, "9999-12-31T23:59:59Z")
_PARSERS: dict[TimerKind, Callable[[str], object]] = {
    TimerKind.DATE: times.moment,
    TimerKind.DURATION: times.duration,
    TimerKind.CYCLE: times.cycle,
}
# Other engines' ways to say when: placeholders, FEEL, cron, "500ms". Only an installation that has them knows.
_FOREIGN = re.compile(
    r"^(=.*|.*[$#%@]\{.*\}.*|\d+ ?(ms|s|m|h|d)\b.*|[-\d*/,?LW#A-Z]+( +[-\d*/,?LW#A-Z]+){4,6})$", re.DOTALL
)


def read(node: Node, element: str, context: Context) -> TimerDefinition:
    """The timer of a timerEventDefinition. One that says nothing, or says it in another language (both are tolerated in
    tolerant mode only), never fires by itself."""
    forms = list(node.bpmn(*(kind.value for kind in TimerKind)))
    if len(forms) != 1 or not forms[0].text:
        return NEVER
    form, kind = forms[0], TimerKind(forms[0].name)
    text = _unquoted(form.text) if context.tolerant else form.text
    calendar = node.tl("calendar")
    if calendar is not None and calendar not in context.calendars:
        if not context.tolerant:
            context.findings.add(Rule.UNKNOWN_CALENDAR, element, node.line, f"there is no calendar {calendar!r}")
        return NEVER
    expression = None
    if text.startswith("="):
        expression = context.expression(text[1:], element, form.line, foreign=True)
        if isinstance(expression, Foreign):
            return NEVER
    try:
        timetable = _timetable(node, kind, text, context)
        if expression is None:
            _check(kind, text, timetable)
    except (ValueError, OverflowError) as error:
        if not (context.tolerant and (_FOREIGN.match(text) or form.get("language"))):
            context.findings.add(Rule.BAD_TIMER, element, form.line, str(error))
        return NEVER
    return TimerDefinition(kind, text, expression, timetable)


def _unquoted(text: str) -> str:
    """A text in quotes is, in every expression language, that text."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'" else text


def _timetable(node: Node, kind: TimerKind, text: str, context: Context) -> Timetable | None:
    """What reads the timer's text, where ISO 8601 alone does not. Raises `ValueError`."""
    time_zone, calendar = node.tl("timeZone"), context.calendars.get(node.tl("calendar") or "")
    if calendar is not None and kind is TimerKind.DATE:
        raise ValueError("a tl:calendar means nothing for a date")
    dynamic = text.startswith("=")
    may_be_cron = kind is TimerKind.CYCLE and (dynamic or is_cron(text))
    if time_zone is not None:
        wall_clock.zone(time_zone)
        if not may_be_cron:
            raise ValueError("a tl:timeZone means something for cron only")
    if calendar is None and not may_be_cron:
        return None
    return Timetable(time_zone or (calendar.zone.key if calendar is not None else "UTC"), calendar)


def _check(kind: TimerKind, text: str, timetable: Timetable | None) -> None:
    """Raises `ValueError` or `OverflowError` where a constant text means nothing."""
    cron = kind is TimerKind.CYCLE and is_cron(text)
    if not cron:
        _PARSERS[kind](text)
    if timetable is not None:
        timetable.next(text if cron else text.rsplit("/", 1)[-1], _SOME_DAY)


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
