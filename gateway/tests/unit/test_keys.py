from datetime import timedelta

from gateway import keys
from gateway.keys import ApiKey


def test_a_key_is_found_by_its_id_and_proved_by_its_secret() -> None:
    # given
    fresh = keys.new_key()

    # when
    parts = keys.split(fresh.text)

    # then
    assert parts is not None
    assert parts[0] == fresh.id
    assert keys.matches(parts[1], fresh.digest)
    assert not keys.matches(parts[1][:-1] + "!", fresh.digest)


def test_what_is_kept_and_what_is_printed_do_not_hold_the_secret() -> None:
    fresh = keys.new_key()
    secret = fresh.text.rpartition(f"{fresh.id}_")[2]

    assert secret not in fresh.digest
    assert secret not in repr(fresh)


def test_two_keys_are_never_the_same() -> None:
    assert len({keys.new_key().text for _ in range(100)}) == 100


def test_anything_that_is_not_a_key_is_told_from_one() -> None:
    fresh = keys.new_key().text

    for text in ("", "tl_", fresh[:-1], fresh + "x", fresh.upper(), f"{fresh}\n"):
        assert keys.split(text) is None


def test_a_key_is_valid_until_it_is_revoked_or_expires() -> None:
    now = keys.now()
    key = ApiKey("id", "crm", ["viewer"], now, "setup", expires_at=now + timedelta(seconds=1))

    assert key.valid(now)
    assert not key.valid(now + timedelta(seconds=1))
    assert not ApiKey("id", "crm", ["viewer"], now, "setup", revoked_at=now).valid(now)
