"""What a connector may conclude from its inbox. Pure: rows in, decisions out.

The inbox row of a command is written before anything is sent, so its absence proves that nothing was. A row that is
started and has no outcome is being carried out while its owner lives; afterwards only the system itself knows.

An execute command that is delivered again:

    outcome recorded                  the same reply
    sealed, never started             Unavailable: certainly not applied
    started, its owner lives          wait for that owner's outcome
    started, owner dead, sealed       Unknown (a probe is finding out)
    started, owner dead, create       find out by probe, else Unknown
    started, owner dead, idempotent   carry it out again

A command that waits for its system (see `promises`) has no row: nothing was sent. A probe that finds it waiting takes
it out of the line and records Unavailable.

A probe, after it has sealed the execute command:

    completed                         applied, with what was recorded
    accepted, and finished since      the same by its result
    rejected, unavailable             absent
    started, its owner lives          pending
    anything else                     ask the system, and believe "absent" only once `settle` is over
    no probe in the catalogue         absent if it was never started, else impossible
"""

import msgspec

from service_kit.catalogue import Effect, Operation
from service_kit.messages import (
    Accepted,
    Completed,
    Outcome,
    Probed,
    ProbeVerdict,
    Rejected,
    Unavailable,
    Unknown,
)

SEALED = "sealed"
DIED = "the connector stopped while it carried this out"
MAYBE = "it may have been carried out before, and the system cannot tell for certain yet"
SEVERAL = "the system holds several documents of this hub key"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox row. `owner_until` is the end of the owner's lease, `now` the store's clock when the row was read."""

    command: str
    owner: str | None = None
    started_at: int | None = None
    sealed_at: int | None = None
    finished_at: int | None = None
    outcome: Outcome | None = None
    owner_until: int | None = None
    digest: str | None = None
    result: Outcome | None = None
    now: int = 0

    @property
    def owner_lives(self) -> bool:
        """Whether its owner may still send."""
        return self.owner_until is not None and self.owner_until > self.now

    @property
    def quiet_since(self) -> int:
        """Since when nothing more was sent for it, in ms."""
        if self.finished_at is not None:
            return self.finished_at
        return max(self.started_at or 0, self.sealed_at or 0, self.owner_until or 0)


class Answer(msgspec.Struct, frozen=True):
    """Reply this; `record` it first where the inbox has no outcome yet."""

    outcome: Outcome
    record: bool = False


class Wait(msgspec.Struct, frozen=True):
    """Look again a little later."""


class CarryOutAgain(msgspec.Struct, frozen=True):
    """Take it over and do it: twice is the same as once."""


class Ask(msgspec.Struct, frozen=True):
    """Ask the system. `settled`: nothing that was sent before can still appear."""

    settled: bool


def delivered_again(row: Row, operation: Operation | None) -> Answer | Wait | CarryOutAgain | Ask:
    """What to do with an execute command that has a row already and is not being carried out by this process."""
    if row.outcome is not None:
        return Answer(row.outcome)
    if row.started_at is None:
        return Answer(Unavailable(reason=SEALED))
    if row.owner_lives:
        return Wait()
    if row.sealed_at is not None or operation is None:
        return Answer(Unknown(reason=DIED), record=True)
    if operation.effect is not Effect.CREATE:
        return CarryOutAgain()
    return Ask(settled=False) if operation.probe else Answer(Unknown(reason=DIED), record=True)


def probed(row: Row | None, operation: Operation) -> Answer | Ask:
    """What a probe answers whose execute command has this row, which is sealed now. None: it seals nothing."""
    if row is None:
        return Ask(settled=True) if operation.probe else Answer(Probed(verdict=ProbeVerdict.IMPOSSIBLE))
    match row.result or row.outcome:
        case Completed(output=output, references=references):
            return Answer(Probed(verdict=ProbeVerdict.APPLIED, output=output, references=references))
        case Rejected() | Unavailable():
            return Answer(Probed(verdict=ProbeVerdict.ABSENT))
    if row.started_at is not None and row.outcome is None and row.owner_lives:
        return Answer(Probed(verdict=ProbeVerdict.PENDING))
    if operation.probe:
        return Ask(settled=row.now >= row.quiet_since + round(operation.settle * 1000))
    never_started = row.started_at is None
    return Answer(Probed(verdict=ProbeVerdict.ABSENT if never_started else ProbeVerdict.IMPOSSIBLE))


def believed(found: Probed, settled: bool) -> Probed:
    """What a probe's answer is worth: before everything has settled, absent may still become applied."""
    if found.verdict is ProbeVerdict.ABSENT and not settled:
        return Probed(verdict=ProbeVerdict.PENDING)
    return found


def as_execution(found: Outcome, otherwise: str = DIED) -> Outcome:
    """The outcome of an execute command that was answered by a probe instead. `otherwise`: why nobody knows."""
    match found:
        case Probed(verdict=ProbeVerdict.APPLIED, output=output, references=references):
            return Completed(output=output, references=references)
        case Probed(verdict=ProbeVerdict.SEVERAL):
            return Unknown(reason=SEVERAL)
        case Accepted() | Completed():
            return found
    return Unknown(reason=otherwise)
