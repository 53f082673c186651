import msgspec

from saga_coordinator import sealing


def test_a_mask_hides_what_is_sealed_and_changes_no_text() -> None:
    # given
    value = {"a": {"$sealed": "QUJD"}, "b": 'a text with {"$sealed":"QUJD"} in it', "c{": "$sealed"}

    # when
    shown = msgspec.json.decode(sealing.masked(msgspec.json.encode(value)))

    # then
    assert shown == {**value, "a": {"$sealed": True}}
