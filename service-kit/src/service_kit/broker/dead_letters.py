"""What lies in `dead-letters`: a wrapper event around what nobody could handle.

Every adapter delivers from `dead-letters` events of the type `throughline.dead-letter.v1`, whatever way they came
there (a consumer's decision, too many deliveries, an unreadable message):

    {"queue": "lane.3", "reason": "...", "deliveries": 20, "event": {the original CloudEvent, untouched}}
    {"queue": "lane.3", "reason": "...", "deliveries": 1,  "body": "base64 of bytes that are no CloudEvent"}
"""

import msgspec

from service_kit.ids import derived_id, new_id
from service_kit.messages import CloudEvent, event

DEAD_LETTER = "throughline.dead-letter.v1"
TOO_MANY_DELIVERIES = "delivered too often"
_SOURCE = "throughline/broker"


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why and from where something came to `dead-letters`: either an `event` or a raw `body`."""

    queue: str
    reason: str
    deliveries: int = 1
    event: CloudEvent | None = None
    body: bytes | None = None


def wrap(original: CloudEvent, *, queue: str, reason: str, deliveries: int) -> CloudEvent:
    """The wrapper of an event. The same event of the same queue always gets the same wrapper id."""
    letter = DeadLetter(queue=queue, reason=reason, deliveries=deliveries, event=original)
    return event(
        DEAD_LETTER,
        _SOURCE,
        letter,
        id_=derived_id(DEAD_LETTER, queue, original.source, original.id),
        subject=original.subject,
        traceparent=original.traceparent,
    )


def wrap_body(body: bytes, *, queue: str, reason: str, deliveries: int) -> CloudEvent:
    """The wrapper of bytes that could not be read as a CloudEvent."""
    letter = DeadLetter(queue=queue, reason=reason, deliveries=deliveries, body=body)
    return event(DEAD_LETTER, _SOURCE, letter, id_=new_id())


def read(wrapper: CloudEvent) -> DeadLetter:
    """Open a wrapper. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(wrapper.data, type=DeadLetter)
