import re
from pathlib import Path

import yaml

from saga_coordinator.bpmn import Rule
from saga_coordinator.bpmn.parse import PROCESS_ID

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "lint-rules.md"


def test_every_rule_is_explained_and_nothing_else_is() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`([a-z-]+)`", row)) == sorted(
        rule.value for rule in Rule
    )


def test_ids_that_may_be_deployed_are_those_that_the_api_takes() -> None:
    contract = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))

    assert contract["components"]["schemas"]["ProcessId"]["pattern"] == f"^{PROCESS_ID.pattern}$"
