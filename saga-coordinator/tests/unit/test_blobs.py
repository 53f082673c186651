import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_coordinator import blobs

LARGE = "x" * (blobs.LIMIT + 1)


def stored(value: object) -> tuple[bytes, dict[str, bytes]]:
    aside: dict[str, bytes] = {}
    return blobs.put_aside(msgspec.json.encode(value), aside), aside


def test_a_small_text_stays_as_it_is() -> None:
    text = b'{"variables": {"a": 1}}'

    assert blobs.put_aside(text, {}) is text
    assert blobs.whole(text, {}) is text


def test_a_large_value_has_the_same_name_wherever_it_is() -> None:
    # when
    _, one = stored({"variables": {"a": {"b": LARGE}, "c": 1}})
    _, other = stored([{"fact": "command-issued", "input": {"d": [LARGE]}}])

    # then
    assert one == other
    assert len(one) == 1


def test_fields_of_the_vocabulary_stay_in_their_place() -> None:
    # given
    facts = [{"fact": "step-rejected", "code": LARGE, "details": LARGE}]

    # when
    text, aside = stored(facts)

    # then
    shown = msgspec.json.decode(text)
    assert shown[0]["code"] == LARGE
    assert list(shown[0]["details"]) == ["$blob"]
    assert msgspec.json.decode(blobs.whole(text, aside)) == facts


def test_many_small_values_are_put_aside_together() -> None:
    # given
    value = {"values": {"list": [{"n": n, "text": "y" * 50} for n in range(2_000)]}}

    # when
    text, aside = stored(value)

    # then
    assert (len(aside), len(text) < 200) == (1, True)
    assert msgspec.json.decode(blobs.whole(text, aside)) == value


def test_a_content_may_refer_to_another() -> None:
    # given
    value = {"values": {"a": {"large": LARGE, **{f"k{n}": "z" * 1_000 for n in range(100)}}}}

    # when
    text, aside = stored(value)

    # then
    (outer,) = blobs.referred(text)
    assert blobs.referred(aside[outer]) == set(aside) - {outer}
    assert msgspec.json.decode(blobs.whole(text, aside)) == value


def test_a_content_that_is_missing_is_noticed() -> None:
    text, _ = stored({"values": {"a": LARGE}})

    with pytest.raises(KeyError):
        blobs.whole(text, {})


_names = st.sampled_from(["$blob", "$$blob", "x$blob", "$blobs", "$$$blob", "a", "$sealed"])
_values = st.recursive(
    st.sampled_from([1, "$blob", LARGE, None, "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)


@given(_values)
def test_whatever_is_put_aside_comes_back(value: object) -> None:
    text, aside = stored({"variables": {"v": value}})

    assert msgspec.json.decode(blobs.whole(text, aside)) == {"variables": {"v": value}}
