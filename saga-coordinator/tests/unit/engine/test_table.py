"""Tables of a state: copies that share what does not change."""

from hypothesis import given
from hypothesis import strategies as st

from saga_coordinator.engine.table import LARGE, Table, copied

changes = st.lists(st.tuples(st.integers(0, 1_000), st.booleans()), max_size=60)


def _change(table: dict[int, str], acts: list[tuple[int, bool]], value: str) -> None:
    for id_, put in acts:
        if put:
            table[id_] = value
        else:
            table.pop(id_, None)


@given(changes, changes)
def test_a_copy_and_its_original_change_without_the_other_noticing(
    first: list[tuple[int, bool]], second: list[tuple[int, bool]]
) -> None:
    # given
    expected = dict.fromkeys(range(0, 2 * LARGE, 2), "old")
    table = copied(expected)
    assert isinstance(table, Table)

    # when
    copy, copied_expected = copied(table), dict(expected)
    _change(table, first, "one")
    _change(expected, first, "one")
    _change(copy, second, "two")
    _change(copied_expected, second, "two")

    # then
    assert dict(table) == expected
    assert dict(copy) == copied_expected
    assert len(table) == len(expected)
    assert all((id_ in table) == (id_ in expected) for id_ in range(1_000))


def test_values_stay_in_the_order_of_their_ids() -> None:
    table = copied(dict.fromkeys(range(LARGE), "x"))
    table[LARGE] = "new"
    table[3] = "changed"

    assert list(table) == list(range(LARGE + 1))


def test_a_small_dictionary_stays_one() -> None:
    assert type(copied({1: "x"})) is dict
