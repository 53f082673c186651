import base64

import pytest

from service_kit.sealing import SealBroken, Sealer, opened, sealed_at

KEY = b"k" * 32


def shout(value: object) -> object:
    return f"sealed {value}"


def test_a_value_is_what_it_was_when_it_is_opened() -> None:
    # given
    sealer = Sealer("a", KEY)

    # when
    sealed = {"list": [sealer.seal({"n": [1, None]})], "plain": {"$sealed": True}}

    # then
    assert opened(sealed, sealer.open) == {"list": [{"n": [1, None]}], "plain": {"$sealed": True}}


@pytest.mark.parametrize("text", ["", "no base64!", "AAAA", base64.b64encode(b"x" * 60).decode()])
def test_what_was_never_sealed_cannot_be_opened(text: str) -> None:
    with pytest.raises(SealBroken):
        Sealer("a", KEY).open({"$sealed": text})


def test_paths_go_through_lists_and_any_name() -> None:
    # given
    value = {"people": [{"pin": 1, "name": "a"}, {"pin": None}, "odd"], "by": {"x": {"pin": 2}}, "other": 3}

    # when
    sealed = sealed_at(value, [("people", "pin"), ("by", "*", "pin"), ("not", "there")], shout)

    # then
    assert sealed == {
        "people": [{"pin": "sealed 1", "name": "a"}, {"pin": None}, "odd"],
        "by": {"x": {"pin": "sealed 2"}},
        "other": 3,
    }
    assert value["by"] == {"x": {"pin": 2}}


def test_what_is_sealed_stays_and_what_has_no_secret_is_itself() -> None:
    # given
    sealed = {"iban": {"$sealed": "x"}, "a": [1]}

    # then
    assert sealed_at(sealed, [("iban",), ("iban", "country"), ("a", "b")], shout) is sealed


def test_when_everything_is_secret_each_field_is() -> None:
    assert sealed_at({"a": 1, "b": {"c": 2}}, [()], shout) == {"a": "sealed 1", "b": "sealed {'c': 2}"}
    assert sealed_at("text", [()], shout) == "sealed text"
