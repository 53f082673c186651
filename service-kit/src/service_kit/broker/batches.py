"""Between events and broker messages: which events travel together, and what is in a message."""

from collections.abc import Iterator, Sequence

import msgspec

from service_kit.messages import CloudEvent, decode_batch

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_EVENTS = 256
MAX_BYTES = 512 * 1024

_encoder = msgspec.json.Encoder()
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])


class Body(msgspec.Struct, frozen=True):
    """The body of one broker message. `traceparent` only where it carries a single event that has one."""

    content: bytes
    content_type: str
    traceparent: str | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """A part of a message that is not a CloudEvent."""

    content: bytes
    reason: str


def bodies(events: Sequence[CloudEvent]) -> Iterator[Body]:
    """Pack events in order into as few bodies as the caps allow. An event above the byte cap travels alone."""
    if len(events) == 1:
        yield _single(events[0], _encoder.encode(events[0]))
        return
    packed: list[tuple[CloudEvent, bytes]] = []
    size = 0
    for item in events:
        encoded = _encoder.encode(item)
        if packed and (len(packed) == MAX_EVENTS or size + len(encoded) > MAX_BYTES):
            yield _pack(packed)
            packed, size = [], 0
        packed.append((item, encoded))
        size += len(encoded) + 1
    if packed:
        yield _pack(packed)


def _single(item: CloudEvent, encoded: bytes) -> Body:
    return Body(encoded, SINGLE, item.traceparent)


def _pack(packed: Sequence[tuple[CloudEvent, bytes]]) -> Body:
    if len(packed) == 1:
        return _single(*packed[0])
    return Body(b"[" + b",".join(encoded for _, encoded in packed) + b"]", BATCH)


def parts(content: bytes) -> Sequence[CloudEvent | Unreadable]:
    """The events of a message's body, with what cannot be read between them: one bad record costs no other."""
    try:
        return decode_batch(content.lstrip())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            raws = _raw_list.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [Unreadable(content, str(error))]
    return [record(bytes(raw)) for raw in raws]


def record(content: bytes) -> CloudEvent | Unreadable:
    """One encoded event, if it is one."""
    try:
        return msgspec.json.decode(content, type=CloudEvent)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unreadable(content, str(error))
