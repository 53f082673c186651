"""Draws `docs/pictures/*.svg`: example processes of `docs/semantics.md`, each after one of its scenarios was played.

python -m scripts.pictures            draws them
python -m scripts.pictures --check    1 if one would be different, or stands there without being drawn here
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from saga_coordinator.scenarios import Result, Runner
from saga_coordinator.scenarios.picture import GREEN, GREY, paint
from saga_coordinator.scenarios.shapes import Ink
from service_kit import expressions

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "saga-coordinator" / "tests" / "scenarios" / "semantics"
TARGET = ROOT / "docs" / "pictures"
OPEN, UNDONE = Ink("#0969da", "#ddf4ff"), Ink("#bc4c00", "#fff1e5")
# example: the scenario after which it is drawn
PICTURES = {
    "levels": "terminate ends its own level, and the one around goes on",
    "inclusive-join": "a token that left its branch by a boundary event can still come, and is waited for",
    "beside-and-instead": "the deadline ends the activity and leaves the reminder alone",
    "who-takes-an-error": "then the event sub-process beside the activity, which ends its level and takes its place",
    "what-a-throw-reaches": (
        "completed activities of its own level and inside completed sub-processes, but nothing in one that still runs"
    ),
    "transaction": "cancel undoes what was completed inside, then leaves by the cancel event",
    "backward-recovery": "a refusal that nobody takes undoes in every scope, newest completion first",
    "point-of-no-return": "refused behind the pivot, the step waits for a person and nothing is undone",
    "deadlines-of-steps": "a step that is late throws, where somebody takes that very code",
}


def drawn(runner: Runner, example: str, scenario: str) -> str:
    """The example after the scenario, as SVG. Raises `LookupError` where there is no such scenario or diagram, or the
    scenario fails."""
    results = list(runner.run(EXAMPLES / f"{example}.scenarios.yaml"))
    result = next((result for result in results if result.name == scenario and result.ok), None)
    if result is None:
        raise LookupError(f"{example}: no scenario {scenario!r} that passes")
    svg = paint((EXAMPLES / f"{example}.bpmn").read_bytes(), _Inks(result), _badges(result))
    if svg is None:
        raise LookupError(f"{example}: there is no diagram in the file")
    return svg


class _Inks:
    """What is open is blue, what was undone is orange, what else was reached is green."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def __call__(self, id_: str) -> Ink:
        if id_ in self._result.actual.open:
            return OPEN
        if id_ in self._result.actual.undone:
            return UNDONE
        return GREEN if id_ in self._result.reached else GREY


def _badges(result: Result) -> Mapping[str, str]:
    """In which order the activities were undone."""
    badges: dict[str, str] = {}
    for number, id_ in enumerate(result.actual.undone, 1):
        badges[id_] = f"{badges[id_]},{number}" if id_ in badges else str(number)
    return badges


def main() -> int:
    """Draw them, or say whether they are up to date."""
    runner = Runner(expressions.compile)
    pictures = {TARGET / f"{name}.svg": drawn(runner, name, scenario) for name, scenario in PICTURES.items()}
    if "--check" in sys.argv[1:]:
        old = [path for path, svg in pictures.items() if not path.exists() or path.read_text("utf-8") != svg]
        stray = [path for path in TARGET.glob("*") if path not in pictures]
        for path in (*old, *stray):
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: python -m scripts.pictures\n")
        return int(bool(old or stray))
    TARGET.mkdir(exist_ok=True)
    for path, svg in pictures.items():
        path.write_text(svg, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
