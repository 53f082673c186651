"""Asking connectors: commands, attempts, probes, backoff."""

import hashlib
from typing import Any

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import Operation, Retry
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.turn import Turn

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]  # ten bits at once: base64.b32encode is slow

LONGEST_WAIT = 30 * 86_400.0  # seconds: whatever a system asks for
UNDO_RETRY = Retry(attempts=20)
PROBE_AGAIN = Retry(attempts=1_000_000, first=1_000, ceiling=60_000)


def hub_key(instance: str, element: str, step: int, undo: bool) -> str:
    """The 12 character base32 key that marks the vendor's document: one per execution of a step, kept by retries."""
    text = f"{instance}|{element}|{step}|{'undo' if undo else 'do'}"
    bits = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 4
    return "".join([_PAIRS[bits >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)])


def execute(turn: Turn, step: Step, operation: Operation, input_: Any, timeout: int | None = None) -> None:
    """Issue the first attempt."""
    instance = turn.state.id
    turn.emit(
        f.CommandIssued(
            step=step.id,
            command=f"{instance}.{step.id}.1",
            kind="execute",
            attempt=1,
            operation=operation.name,
            system=operation.system,
            hub_key=hub_key(instance, step.element, step.id, step.undoes is not None),
            at=turn.now,
            timeout=timeout or operation.timeout,
            input=input_,
            safe_to_repeat=operation.safe_to_repeat,
            reads=operation.reads,
            probe=operation.probe,
        )
    )


def again(turn: Turn, step: Step, input_: Any = None) -> None:
    """Issue the next attempt of what the step was asked before: same hub key, and the same input unless there is
    another."""
    last = step.sent
    attempt = step.attempt + 1
    turn.emit(
        f.CommandIssued(
            step=step.id,
            command=f"{turn.state.id}.{step.id}.{attempt}",
            kind="execute",
            attempt=attempt,
            operation=last.operation,
            system=last.system,
            hub_key=last.hub_key,
            at=turn.now,
            timeout=last.timeout,
            input=last.input if input_ is None else input_,
            safe_to_repeat=last.safe_to_repeat,
            reads=last.reads,
            probe=last.probe,
        )
    )


def probe(turn: Turn, step: Step) -> None:
    """Seal the attempt that is out and ask whether it was applied."""
    last = step.sent
    turn.emit(
        f.CommandIssued(
            step=step.id,
            command=f"{last.command}p{step.probes + 1}",
            kind="probe",
            attempt=step.attempt,
            operation=last.operation,
            system=last.system,
            hub_key=last.hub_key,
            at=turn.now,
            timeout=last.timeout,
            input=last.input,
            seals=last.command,
            safe_to_repeat=last.safe_to_repeat,
            reads=last.reads,
            probe=last.probe,
        )
    )


def delay(turn: Turn, step: Step, retry: Retry, attempt: int, retry_after: float | None = None) -> int:
    """How long to wait before the next attempt, in ms: exponential, with jitter taken from the step's identity (up to
    a fifth shorter, so that a herd spreads and nobody waits longer than the policy says)."""
    exponent = min(attempt - 1, 40)
    wait = min(retry.first * min(retry.factor, 100.0) ** exponent, retry.ceiling)
    seed = hashlib.sha256(f"{turn.state.id}|{step.id}|{attempt}".encode()).digest()
    wait *= 1 - 0.2 * seed[0] / 255
    return max(round(wait), round(min(retry_after or 0, LONGEST_WAIT) * 1000))


def wake(turn: Turn, step: Step, purpose: str, due: int, element: str | None = None, repeat: str | None = None) -> None:
    """Set a timer for the step."""
    turn.emit(f.TimerSet(timer=turn.new_id(), step=step.id, due=due, purpose=purpose, element=element, repeat=repeat))


def clear(turn: Turn, step: Step, purpose: str | None = None) -> None:
    """Clear the step's timers (of one purpose, or all)."""
    for timer in step.timers:
        if purpose is None or turn.state.timers[timer].purpose == purpose:
            turn.emit(f.TimerCleared(timer=timer))
