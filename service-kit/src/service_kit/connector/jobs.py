"""Commands under way in a worker, and the messages that answer them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from service_kit import logs, tracing
from service_kit.broker import Delivery, Outgoing
from service_kit.catalogue import Operation
from service_kit.connector.gate import NotNow
from service_kit.connector.inbox import Finished, Starting
from service_kit.connector.lanes import Lane
from service_kit.connector.promise_rows import Asked
from service_kit.connector.promises import Kept, Result
from service_kit.messages import COMMAND, REPLY, Command, Deferred, Outcome, Reply, Unknown, event

log = structlog.get_logger(__name__)

_decode_command = msgspec.json.Decoder(Command).decode


@dataclass(eq=False, slots=True)
class Job:
    """One command under way. `run` is what its lane does with it, after `delay` seconds; `records`: its outcome goes
    into the inbox first; `found`: it is what a probe found. `lane` while it counts as active there. `fresh`: this
    process marked it as started, and it was certainly not sent before. `impatient`: it must be answered now, whatever
    stands in its way. `promised`: it was acknowledged earlier; its reply ends that promise. `polls`: it only asks for
    the result of what was accepted."""

    command: Command
    operation: Operation | None
    deliveries: list[Delivery]
    run: Callable[[Command], Outcome | NotNow]
    outcome: Outcome | None = None
    records: bool = False
    found: bool = False
    lane: Lane["Job"] | None = None
    traceparent: str | None = None
    delay: float = 0.0
    fresh: bool = False
    impatient: bool = False
    promised: bool = False
    polls: bool = False

    @property
    def asked(self) -> Asked:
        """The command as it came."""
        return Asked(self.command, self.traceparent)


def run(job: Job) -> Outcome | NotNow:
    """What a lane does with a job; never raises."""
    command = job.command
    known: dict[str, Any] = {"instance": command.instance, "step": command.step, "command": command.id}
    if job.delay:
        time.sleep(job.delay)
    try:
        with logs.bound(**known), tracing.span_from(job.traceparent, command.operation, system=command.system, **known):
            return job.run(command)
    except Exception as error:  # `run` never raises; if it does after all, nobody knows what it had done
        log.exception("command.failed", command=job.command.id)
        return Unknown(reason=f"{type(error).__name__} in the connector")


def read(delivery: Delivery) -> Command | str:
    """The command that a delivery brings, or why there is none."""
    if delivery.event.type != COMMAND:
        return f"not a command: {delivery.event.type}"
    try:
        return _decode_command(delivery.event.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"undecodable command: {error}"


def finished(job: Job) -> Finished:
    """What the inbox records of it."""
    assert job.outcome is not None
    every = job.operation.result if job.operation is not None else None
    return Finished(job.command.id, job.outcome, job.found, job.command.operation, job.asked, every)


def starting(job: Job) -> Starting:
    """What the inbox marks as started."""
    return Starting(job.command.id, job.command.operation, job.command.hub_key)


def sealing(job: Job) -> Starting:
    """What a probe seals."""
    return Starting(job.command.seals or "", job.command.operation, job.command.hub_key)


def reply(connector: str, job: Job) -> Outgoing:
    """The reply to a command."""
    assert job.outcome is not None
    return _outgoing(connector, job.command, job.traceparent, f"{job.command.id}:r", job.outcome)


def deferral(connector: str, kept: Kept, until: int, reason: str) -> Outgoing:
    """That a command is kept, unsent, until (ms)."""
    told = Deferred(until=until, reason=reason)
    return _outgoing(connector, kept.command, kept.traceparent, f"{kept.command.id}:d{until}", told)


def late_reply(connector: str, result: Result) -> Outgoing:
    """The result of a command that had been accepted."""
    kept = result.kept
    return _outgoing(connector, kept.command, kept.traceparent, f"{kept.command.id}:late", result.outcome)


def _outgoing(
    connector: str, command: Command, traceparent: str | None, id_: str, outcome: Outcome | Deferred
) -> Outgoing:
    told = Reply(
        id=id_,
        command=command.id,
        instance=command.instance,
        step=command.step,
        attempt=command.attempt,
        outcome=outcome,
    )
    source = f"connector/{connector}"
    message = event(REPLY, source, told, id_=id_, subject=command.instance, traceparent=traceparent)
    return Outgoing(command.reply_to, message)
