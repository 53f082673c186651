import pytest

from saga_coordinator import wire
from saga_coordinator.cache import LONGEST_S, Cache, Known, folded
from saga_coordinator.engine import InstanceState
from saga_coordinator.errors import Poison
from saga_coordinator.store.journal import Record, Row

STARTED = (
    b'[{"fact":"instance-started","process":"p","version":1,"element":"start"},'
    b'{"fact":"status-changed","status":"running"}]'
)


def known(id_: str) -> Known:
    return Known(InstanceState(id=id_), {}, whole=True)


def row(seq: int, facts: bytes = STARTED) -> Row:
    return Row("a", seq, 1000 + seq, f"input-{seq}", b"{}", facts)


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    # given
    cache = Cache(2)
    cache.put("a", known("a"))
    cache.put("b", known("b"))

    # when
    cache.get("a")
    cache.put("c", known("c"))

    # then
    assert [cache.get(id_) is not None for id_ in "abc"] == [True, False, True]


def test_a_journal_folds_to_a_state_and_the_ids_of_its_inputs() -> None:
    # when
    state = folded("a", Record([row(1), row(2, b"[]")]))

    # then
    assert state is not None
    assert (state.state.seq, state.state.now, state.state.status) == (2, 1002, "running")
    assert state.inputs == {"input-1": 1, "input-2": 2}


def test_an_instance_without_rows_does_not_exist() -> None:
    assert folded("a", Record([])) is None


def test_a_snapshot_of_another_version_is_not_used() -> None:
    # given what an engine with other states wrote
    snapshot = wire.snapshot_of(InstanceState(id="a", seq=1), {})

    # then
    assert folded("a", Record([row(2)], snapshot)) is not None
    assert folded("a", Record([row(2)], b"otherver" + snapshot[8:])) is None


def test_a_journal_with_a_gap_cannot_be_read() -> None:
    with pytest.raises(Poison, match="gap before 3"):
        folded("a", Record([row(1), row(3)]))


def test_the_cache_forgets_what_nobody_has_asked_for_in_hours() -> None:
    # given
    now = 0.0
    cache = Cache(10, lambda: now)
    cache.put("asked for", known("asked for"))
    cache.put("left alone", known("left alone"))

    # when
    now = LONGEST_S - 1
    asked = cache.get("asked for")
    now = LONGEST_S + 1

    # then
    assert asked is not None
    assert (cache.get("asked for") is None, cache.get("left alone") is None) == (False, True)
