"""What the counting connector must have done for sagas of fan-out.bpmn."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

BRANCHES = ("Left", "LeftAgain", "Middle", "Right")


def check_effects(effects: Iterable[Mapping[str, str]], refused: Mapping[str, bool]) -> None:
    """Every step took effect once, and was undone once, newest first, where its saga was refused."""
    done: dict[str, list[str]] = defaultdict(list)
    undone: dict[str, list[str]] = defaultdict(list)
    for entry in effects:
        (done if entry["operation"] == "noop.do" else undone)[entry["key"]].append(entry["step"])
    for key, fails in refused.items():
        expected = [*BRANCHES] if fails else [*BRANCHES, "Last"]
        assert sorted(done[key]) == sorted(expected), key
        assert sorted(undone[key]) == (sorted(BRANCHES) if fails else []), key
        assert not fails or undone[key].index("LeftAgain") < undone[key].index("Left"), key
