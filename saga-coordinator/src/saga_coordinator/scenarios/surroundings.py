"""What lies beside a process's file and is deployed with it: decisions (`*.dmn`) and calendars (`calendars.yaml`)."""

from collections.abc import Callable, Iterable
from pathlib import Path

from saga_coordinator import bpmn, dmn
from saga_coordinator.engine.process import Expression
from saga_coordinator.scenarios.language import BadScenario
from service_kit import calendars
from service_kit.calendars import Calendar, CalendarError

DECISIONS = ".dmn"
CALENDARS = "calendars.yaml"


def decisions(
    process: Path,
    named: Iterable[Path],
    compile: Callable[[str], Expression],  # noqa: A002 - the word for it
) -> dict[str, Expression]:
    """The decisions of the files that are named and of those in the process's folder; the named ones come first. A file
    that nobody named and that cannot run counts for nothing. Raises `Refused` and `BadScenario`."""
    found: dict[str, Expression] = {}
    for file in sorted(process.parent.glob(f"*{DECISIONS}")):
        try:
            found |= dmn.parse(file.read_bytes(), compile=compile)
        except (OSError, bpmn.Refused):
            continue
    for file in named:
        try:
            found |= dmn.parse(file.read_bytes(), compile=compile)
        except OSError as error:
            raise BadScenario(f"{file.name} cannot be read: {error.strerror}") from error
    return found


def calendars_of(process: Path) -> dict[str, Calendar]:
    """The calendars of the file beside the process, if there is one. Raises `BadScenario`."""
    file = process.parent / CALENDARS
    try:
        return calendars.load(file) if file.exists() else {}
    except CalendarError as error:
        raise BadScenario(str(error)) from error
