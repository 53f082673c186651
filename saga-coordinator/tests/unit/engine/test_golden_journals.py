"""Journals written by earlier versions stay readable for ever: these files are added to, and never changed."""

import json
from pathlib import Path

import msgspec
import pytest

from saga_coordinator.engine import InstanceState, fold
from saga_coordinator.engine import facts as f

FILES = sorted((Path(__file__).parent / "golden").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_journal_of_an_earlier_version_folds_to_the_state_it_had(path: Path) -> None:
    golden = json.loads(path.read_text())
    state = InstanceState(id="golden")
    undone = []

    for seq, row in enumerate(golden["rows"], start=1):
        facts = msgspec.json.decode(msgspec.json.encode(row), type=list[f.Fact])
        state = fold(state, facts, seq=seq, at=0)
        undone += [fact.element for fact in facts if isinstance(fact, f.Undone)]

    assert state.status == golden["status"]
    assert state.variables(1) == golden["variables"]
    assert undone == golden["undone"]
    assert not state.steps


def test_an_unknown_fact_is_never_skipped() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'from-the-future'"):
        msgspec.json.decode(b'[{"fact":"from-the-future","step":1}]', type=list[f.Fact])
