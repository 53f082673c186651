import re
from pathlib import Path

from saga_coordinator.bpmn import Rule

PAGE = Path(__file__).parents[4] / "docs" / "lint-rules.md"


def test_every_rule_is_explained_and_nothing_else_is() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`([a-z-]+)`", row)) == sorted(
        rule.value for rule in Rule
    )
