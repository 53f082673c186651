import re
from pathlib import Path

import pytest

from saga_coordinator.scenarios import language, operator_verbs

DOCS = next(parent / "docs" for parent in Path(__file__).parents if (parent / "docs" / "semantics.md").exists())
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))

    assert [link for link in links if not (DOCS / link).exists()] == []


def test_the_scenario_language_is_described_in_full() -> None:
    described = re.sub(r"```.*?```", "", (DOCS / "scenarios.md").read_text("utf-8"), flags=re.DOTALL)
    words = re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", described)))

    told = {*language.VERBS, *language.FIELDS, *language.EXPECT_FIELDS, *language.START_FIELDS, *operator_verbs.ACTS}
    companions = set().union(*language.VERBS.values())
    assert sorted((told | companions) - {*words, "name", "description"}) == []
