"""The coordinator's tables.

Text is compared byte by byte ("C"): ids are looked up and sorted, never shown in a language's order. Times are integer
milliseconds since the epoch by the store's clock.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def _text() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


# Append only; the truth. One row is one input and its facts, both JSON.
journal = Table(
    "journal",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("input_id", _text(), nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("facts", LargeBinary, nullable=False),
    UniqueConstraint("instance_id", "input_id", name="journal_input"),
)

# Large values that rows and snapshots refer to: JSON by its SHA-256 (see `saga_coordinator.blobs`).
blobs = Table(
    "blobs",
    metadata,
    Column("digest", _text(), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# A folded state, to read less of a long journal. May be deleted at any time.
snapshots = Table(
    "snapshots",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

# What an instance's secrets are sealed with. Without a key: it was destroyed. `master` names the master key that wraps
# it ("": none does).
instance_keys = Table(
    "instance_keys",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("key", LargeBinary),
    Column("master", _text(), nullable=False),
)
Index("instance_keys_master", instance_keys.c.master)

# What can be listed without reading journals. Changes with the status only. `parent` is the instance that called it,
# `root` the first of those; neither: nobody called it.
instances = Table(
    "instances",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("process", _text(), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", _text(), nullable=False),
    Column("business_key", _text()),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("parent", _text()),
    Column("root", _text()),
)
_is_child = instances.c.parent.is_not(None)
Index("instances_parent", instances.c.parent, postgresql_where=_is_child, sqlite_where=_is_child)
Index("instances_root", instances.c.root, postgresql_where=_is_child, sqlite_where=_is_child)
Index(
    "instances_open",
    instances.c.id,
    postgresql_where=instances.c.ended_at.is_(None),
    sqlite_where=instances.c.ended_at.is_(None),
)
_has_ended = instances.c.ended_at.is_not(None)
Index(
    "instances_ended",
    instances.c.process,
    instances.c.ended_at,
    postgresql_where=_has_ended,
    sqlite_where=_has_ended,
)
_has_key = instances.c.business_key.is_not(None)
Index("instances_key", instances.c.business_key, postgresql_where=_has_key, sqlite_where=_has_key)

# (process, key) arbitrates starts; `released` keys may be taken over by the next generation.
business_keys = Table(
    "business_keys",
    metadata,
    Column("process", _text(), primary_key=True),
    Column("key", _text(), primary_key=True),
    Column("instance_id", _text(), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("released", Boolean, nullable=False),
)

# Starts that wait until their business key is free; `wake_at` is when they may be tried (again).
queued_starts = Table(
    "queued_starts",
    metadata,
    Column("input_id", _text(), primary_key=True),
    Column("process", _text(), nullable=False),
    Column("key", _text(), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
)
Index("queued_starts_key", queued_starts.c.process, queued_starts.c.key)

# `wake_at` is when the timer is published next: when it is due, and some time later if nobody consumed it. One that is
# due when it is set has been published with its row.
timers = Table(
    "timers",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("timer", Integer, primary_key=True, autoincrement=False),
    Column("due", BigInteger, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
)
Index("timers_wake", timers.c.wake_at)

# Timer start events of the latest version of each process: `every` is an ISO 8601 duration, `remaining` how many more
# starts there are (None: no end).
schedules = Table(
    "schedules",
    metadata,
    Column("process", _text(), primary_key=True),
    Column("element", _text(), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("every", _text()),
    Column("remaining", Integer),
)
Index("schedules_due", schedules.c.due)

# Lines for semantic locks: the lowest position of a name holds it (`granted`). `wake_at` is when a grant that no
# journal has yet is told again.
locks = Table(
    "locks",
    metadata,
    Column("name", _text(), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("instance_id", _text(), nullable=False),
    Column("step", Integer, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("wake_at", BigInteger),
)
Index("locks_instance", locks.c.instance_id, locks.c.step)
Index("locks_wake", locks.c.wake_at)

# `message` is the one that was given to this subscription and is on its way.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("subscription", Integer, primary_key=True, autoincrement=False),
    Column("name", _text(), nullable=False),
    Column("key", _text(), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("message", _text()),
)
Index("subscriptions_name_key", subscriptions.c.name, subscriptions.c.key)

# Messages that no journal has yet: early ones (no instance), and those on their way to a subscription.
messages = Table(
    "messages",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("name", _text(), nullable=False),
    Column("key", _text(), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("instance_id", _text()),
    Column("subscription", Integer),
    Column("wake_at", BigInteger),
)
Index("messages_name_key", messages.c.name, messages.c.key)
Index("messages_instance", messages.c.instance_id)
Index("messages_wake", messages.c.wake_at)

# Who waits for which signal.
signal_subscriptions = Table(
    "signal_subscriptions",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("subscription", Integer, primary_key=True, autoincrement=False),
    Column("name", _text(), nullable=False),
)
Index("signal_subscriptions_name", signal_subscriptions.c.name)

# Signals that were thrown, until everybody who waited has theirs.
signals = Table(
    "signals",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("name", _text(), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("signals_at", signals.c.at)

# Who waited when `signal` was thrown, and no journal has it yet. `wake_at` is when it is told (again).
signal_deliveries = Table(
    "signal_deliveries",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("input_id", _text(), primary_key=True),
    Column("signal", _text(), nullable=False),
    Column("subscription", Integer, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
)
Index("signal_deliveries_wake", signal_deliveries.c.wake_at)
Index("signal_deliveries_signal", signal_deliveries.c.signal)

# Events that were routed, with the inputs that they became (JSON): a redelivered event becomes the same ones.
seen_events = Table(
    "seen_events",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("inputs", LargeBinary, nullable=False),
)
Index("seen_events_at", seen_events.c.at)

# Inputs that were answered with a no.
refusals = Table(
    "refusals",
    metadata,
    Column("input_id", _text(), primary_key=True),
    Column("instance_id", _text(), nullable=False),
    Column("code", _text(), nullable=False),
    Column("message", Text, nullable=False),
    Column("existing_instance", _text()),
    Column("at", BigInteger, nullable=False),
)
Index("refusals_at", refusals.c.at)

# Inputs under suspicion of killing their consumer, and how often each was tried alone.
suspects = Table(
    "suspects",
    metadata,
    Column("input_id", _text(), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Deployed versions; `digest` of the file recognises one that is deployed again. `decisions` are the versions, by id, of
# those that the process asks.
processes = Table(
    "processes",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", _text(), nullable=False),
    Column("name", Text, nullable=False),
    Column("xml", LargeBinary, nullable=False),
    Column("deployed_at", BigInteger, nullable=False),
    Column("deployed_by", Text),
    Column("decisions", JSON, nullable=False, server_default="{}"),
)

# Deployed versions of decisions; those of one file have the same `digest`.
decisions = Table(
    "decisions",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", _text(), nullable=False),
    Column("name", Text, nullable=False),
    Column("xml", LargeBinary, nullable=False),
    Column("deployed_at", BigInteger, nullable=False),
    Column("deployed_by", Text),
)

# Which instances refer to which contents of `blobs`: one that nobody refers to any more is deleted.
blob_references = Table(
    "blob_references",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("digest", _text(), primary_key=True),
)
Index("blob_references_digest", blob_references.c.digest)

# What is left of purged instances, until `expires_at`: no journal row of theirs is ever written again, and their
# business keys stand until `keys_until` (without: for ever). `rest`: the journal is still to be deleted, once every
# transaction up to `writers` (PostgreSQL's number) is over. `archive` (a file's name) and `digest` where there is one.
tombstones = Table(
    "tombstones",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("process", _text(), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", _text(), nullable=False),
    Column("business_key", _text()),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("purged_at", BigInteger, nullable=False),
    Column("keys_until", BigInteger),
    Column("expires_at", BigInteger),
    Column("archived", Boolean, nullable=False),
    Column("archive", _text()),
    Column("digest", _text()),
    Column("rest", Boolean, nullable=False),
    Column("writers", BigInteger, nullable=False),
)
Index("tombstones_purged", tombstones.c.purged_at, tombstones.c.instance_id)
Index("tombstones_expire", tombstones.c.expires_at)
_keeps_key = tombstones.c.business_key.is_not(None)
Index("tombstones_keys", tombstones.c.keys_until, postgresql_where=_keeps_key, sqlite_where=_keeps_key)
Index(
    "tombstones_rest",
    tombstones.c.purged_at,
    postgresql_where=tombstones.c.rest,
    sqlite_where=tombstones.c.rest,
)

# Instances whose values were erased up to journal row `seq`; `done_at` is when the last of these rows was rewritten.
erasures = Table(
    "erasures",
    metadata,
    Column("instance_id", _text(), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("identifiers", Boolean, nullable=False),
    Column("done_at", BigInteger),
)
Index("erasures_done", erasures.c.done_at)

# Housekeeping that one coordinator does at a time, for speed only: `holder` has it until `until`.
duties = Table(
    "duties",
    metadata,
    Column("name", _text(), primary_key=True),
    Column("holder", _text(), nullable=False),
    Column("until", BigInteger, nullable=False),
)
# Systems and processes that are suspended as a whole. Ended ones stay until none of their instances is left suspended.
suspensions = Table(
    "suspensions",
    metadata,
    Column("id", _text(), primary_key=True),
    Column("kind", _text(), nullable=False),
    Column("name", _text(), nullable=False),
    Column("by", Text),
    Column("reason", Text),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
    Column("ended_reason", Text),
)
Index(
    "suspensions_active",
    suspensions.c.kind,
    suspensions.c.name,
    unique=True,
    postgresql_where=suspensions.c.ended_at.is_(None),
    sqlite_where=suspensions.c.ended_at.is_(None),
)

# Commands that are not sent because their system is suspended. `wake_at` is when their instance is told (again) that
# it is not.
held_commands = Table(
    "held_commands",
    metadata,
    Column("command", _text(), primary_key=True),
    Column("instance_id", _text(), nullable=False),
    Column("step", Integer, nullable=False),
    Column("system", _text(), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
)
Index("held_commands_instance", held_commands.c.instance_id)
Index("held_commands_at", held_commands.c.at)
