"""What travels together, and what is read back."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from service_kit.broker.batches import BATCH, MAX_BYTES, MAX_EVENTS, SINGLE, Unreadable, bodies, parts
from service_kit.messages import CloudEvent, event

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def order(number: int, data: object = None, traceparent: str | None = None) -> CloudEvent:
    return event("order", "test", data, id_=str(number), traceparent=traceparent)


def test_one_event_travels_alone_and_names_its_trace() -> None:
    (body,) = bodies([order(1, traceparent=TRACE)])

    assert (body.content_type, body.traceparent) == (SINGLE, TRACE)
    assert parts(body.content) == [order(1, traceparent=TRACE)]


def test_several_events_travel_as_one_batch_that_names_no_trace() -> None:
    (body,) = bodies([order(1, traceparent=TRACE), order(2)])

    assert (body.content_type, body.traceparent) == (BATCH, None)
    assert msgspec.json.decode(body.content, type=list[CloudEvent]) == [order(1, traceparent=TRACE), order(2)]


def test_no_events_need_no_message() -> None:
    assert list(bodies([])) == []


@given(st.lists(st.integers(0, 2 * MAX_BYTES // 5), max_size=12), st.integers(0, 2 * MAX_EVENTS))
def test_every_event_travels_once_in_order_and_within_the_caps(sizes: list[int], small: int) -> None:
    events = [order(number, "x" * size) for number, size in enumerate([*sizes, *[1] * small])]

    packed = list(bodies(events))

    assert [part for body in packed for part in parts(body.content)] == events
    for body in packed:
        count = len(parts(body.content))
        assert count <= MAX_EVENTS
        assert count == 1 or len(body.content) <= MAX_BYTES + 2
        assert body.content_type == (SINGLE if count == 1 else BATCH)


def test_an_event_above_the_cap_travels_alone() -> None:
    large = order(1, "x" * (MAX_BYTES + 1))

    assert [len(parts(body.content)) for body in bodies([order(0), large, order(2)])] == [1, 1, 1]


def test_bytes_that_are_no_json_are_unreadable_as_a_whole() -> None:
    (part,) = parts(b"\xff{")

    assert isinstance(part, Unreadable)
    assert part.content == b"\xff{"


def test_a_bad_record_leaves_the_others_readable() -> None:
    content = b'[{"id":"1","source":"s","type":"t"},17,{"id":"2","source":"s","type":"t"}]'

    first, bad, second = parts(content)

    assert isinstance(bad, Unreadable)
    assert (bad.content, bool(bad.reason)) == (b"17", True)
    assert [part.id for part in (first, second) if isinstance(part, CloudEvent)] == ["1", "2"]


@given(st.binary(max_size=200))
def test_reading_never_raises(content: bytes) -> None:
    parts(content)
