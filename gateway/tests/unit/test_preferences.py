import pytest

from gateway.preferences import Preference, read_preference


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Preference()),
        ("respond-async", Preference(respond_async=True)),
        ("wait=30", Preference(wait=30)),
        ('Wait = "30"', Preference(wait=30)),
        ("respond-async, wait=10", Preference(respond_async=True, wait=10)),
        ("wait=86400", Preference(wait=60)),
        ("wait=soon; return=minimal, 数", Preference()),
    ],
)
def test_the_header_is_read_and_what_cannot_be_read_is_ignored(header: str | None, expected: Preference) -> None:
    assert read_preference(header) == expected
