"""The messages that travel between Throughline's processes.

Every message on the broker is a CloudEvent (JSON). Several for the same destination may travel together as a
CloudEvents batch; one travels alone. `openapi/asyncapi.yaml` describes them for readers in other languages.

Destinations are plain queue names:

    lane.N              inputs of the saga coordinators (N = hash(root instance id) % lanes)
    commands.CONNECTOR  commands for one connector (`commands.erp`)
    events              business events that no instance is known for yet
    journal             journal entries, followed by the monitor
    dead-letters        what nobody could handle, with the reason

Times on the wire are integer milliseconds since the Unix epoch, UTC.
"""

from enum import StrEnum
from typing import Any

import msgspec

COMMAND = "throughline.command.v1"
REPLY = "throughline.reply.v1"
JOURNAL_ENTRY = "throughline.journal-entry.v1"
ENTRIES_FORGOTTEN = "throughline.entries-forgotten.v1"


class Routing(StrEnum):
    """Whom an event is for: the one that waits for it as a message, or all that wait for it as a signal."""

    MESSAGE = "message"
    SIGNAL = "signal"


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A CloudEvents 1.0 envelope. `data` is the still encoded JSON body: decode it when its type is known.

    Extensions: `ttl`, for how many seconds it is kept while no instance waits for it; `tlrouting` (on the queue
    `events`), a `Routing`; without one, an event is a message and a signal.
    """

    id: str
    source: str
    type: str
    specversion: str = "1.0"
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    ttl: int | None = None
    tlrouting: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class CommandKind(StrEnum):
    """What a command asks: do it, or find out whether it was done."""

    EXECUTE = "execute"
    PROBE = "probe"


class Command(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Coordinator -> connector. `id` is deterministic: a command published twice is the same command.

    `hub_key` is the 12 character base32 key that the connector writes into the vendor's document; it is the same
    for every attempt of one step execution. `seals` (probes only) names the execute command that must never be
    sent any more once the probe has been taken. `verify`: this command may have been carried out already, so a create
    that can be probed is looked for and not sent (what is not found is unknown). `timeout` is in seconds.
    """

    id: str
    kind: CommandKind
    instance: str
    step: int
    attempt: int
    operation: str
    system: str
    hub_key: str
    reply_to: str
    input: Any = None
    business_key: str | None = None
    seals: str | None = None
    verify: bool = False
    timeout: float | None = None


class Completed(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="completed"):
    """Applied. `references` are the document numbers it made, by name (`{"salesOrder": "4711"}`)."""

    output: Any = None
    references: dict[str, str] = {}


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="accepted"):
    """The system took it and will tell later; `reference` is what it called it."""

    reference: str | None = None


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="rejected"):
    """A business refusal: certainly not applied."""

    code: str
    message: str = ""
    details: Any = None


class Unavailable(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="unavailable"):
    """Certainly not applied, may work later. `retry_after` in seconds where the system said so."""

    reason: str = ""
    retry_after: float | None = None


class Unknown(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="unknown"):
    """May or may not be applied: the coordinator probes before anything else."""

    reason: str = ""


class ProbeVerdict(StrEnum):
    """What a probe found."""

    APPLIED = "applied"
    PENDING = "pending"
    ABSENT = "absent"
    SEVERAL = "several"
    IMPOSSIBLE = "impossible"  # the operation declares no probe


class Probed(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="probed"):
    """Answer to a probe. `output` and `references` as of `Completed` where the verdict is applied;
    `documents` lists what was found where it is several."""

    verdict: ProbeVerdict
    output: Any = None
    references: dict[str, str] = {}
    documents: list[str] = []


class Deferred(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="outcome", tag="deferred"):
    """Not an outcome: the connector keeps the command, has not sent anything, and carries it out once the system may be
    used. `until` (ms since the epoch) is when it expects that, at the earliest; it tells again if it takes longer."""

    until: int
    reason: str = ""


Outcome = Completed | Accepted | Rejected | Unavailable | Unknown | Probed


class Reply(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Connector -> coordinator, to the command's `reply_to`.

    `id` is `{command}:r`, or `{command}:late` for the result of a step that had been accepted: the same outcome
    sent twice is the same reply. A command has exactly one recorded outcome. `{command}:d{until}` only tells that it is
    deferred.
    """

    id: str
    command: str
    instance: str
    step: int
    attempt: int
    outcome: Outcome | Deferred


class JournalEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One journal row as published to followers: one input and the facts that it caused.

    `at` is the store's clock in ms. `input` and `facts` are the coordinator's own vocabulary
    (`openapi/asyncapi.yaml`); each has its name under `input` and `fact`.
    """

    instance: str
    seq: int
    at: int
    input_id: str
    input: msgspec.Raw
    facts: msgspec.Raw
    process: str = ""
    version: int = 0
    business_key: str | None = None


class EntriesForgotten(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Followers of journals are to forget what they keep of an instance's entries up to `up_to`, and to ignore these
    should they come (again). Not `purged`: their values were erased, and they can be read again without them."""

    instance: str
    up_to: int
    purged: bool = False


_event_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(CloudEvent)
_batch_decoder = msgspec.json.Decoder(list[CloudEvent])


def encode_batch(events: list[CloudEvent]) -> bytes:
    """Encode as `application/cloudevents-batch+json`."""
    return _event_encoder.encode(events)


def decode_batch(body: bytes) -> list[CloudEvent]:
    """Decode a CloudEvents JSON batch, or a single structured event. Raises `msgspec.DecodeError`."""
    if body[:1] == b"[":
        return _batch_decoder.decode(body)
    return [_event_decoder.decode(body)]


def event(
    type_: str, source: str, data: Any, *, id_: str, subject: str | None = None, traceparent: str | None = None
) -> CloudEvent:
    """Wrap `data` (anything msgspec encodes) in an envelope."""
    return CloudEvent(
        id=id_,
        source=source,
        type=type_,
        subject=subject,
        traceparent=traceparent,
        data=msgspec.Raw(_event_encoder.encode(data)),
    )
