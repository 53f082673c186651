"""The fold of an instance's facts into what people read: its steps, with attempts, probes and undos."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from monitor_service.acts import in_words
from monitor_service.entries import Told, told_of
from monitor_service.steps import Attempt, Event, Items, Probe, Step, Undo


class Timeline:
    """Fold entries with `add`, in order; then `steps` and `events` are the timeline."""

    def __init__(self) -> None:
        self._steps: dict[int, Step] = {}
        self._orders: dict[int, int] = {}
        self._insides: dict[int, int] = {}
        self._kept: dict[int, set[int]] = {}
        self._probed: set[int] = set()
        self._at = 0
        self._status = "running"
        self.events: list[Event] = []

    @property
    def steps(self) -> list[Step]:
        """In the order in which they began. What an undo does is told with the step that it undoes."""
        return [step for step in self._steps.values() if step.shown and step.undoes is None]

    def add(self, seq: int, at: int, facts: bytes) -> None:
        """Fold one journal entry."""
        self._at = at
        self._probed.clear()
        told, before = told_of(facts), self._status
        self._status = next((fact.status for fact in reversed(told) if fact.fact == "status-changed"), before)
        for fact in told:
            fold = _FOLDS.get(fact.fact)
            if fold is not None:
                fold(self, fact)
            if fact.fact == "operator-acted":
                self.events.append(self._act(seq, fact, before))
            elif (fold is None and fact.fact not in _SILENT) or fact.fact in _TOLD:
                self.events.append(_event(seq, at, fact))

    def _act(self, seq: int, fact: Told, status: str) -> Event:
        step = self._steps.get(fact.step or 0)
        element = fact.element or (step.element if step is not None else None)
        return msgspec.structs.replace(
            _event(seq, self._at, fact),
            element=element,
            text=in_words(fact.action, fact.by, element, fact.before, fact.after),
            before={"status": status, **_object(fact.before)},
            after={"status": self._status, **_object(fact.after)},
            evidence=fact.evidence,
        )

    # -- tokens

    def _step(self, fact: Told) -> Step:
        """The step that a fact is about; one that never entered (a newer vocabulary) begins with it."""
        id_ = fact.step or 0
        return self._steps.setdefault(id_, Step(id_, fact.element or "", self._at))

    def _entered(self, fact: Told) -> None:
        id_ = fact.step or 0
        self._steps[id_] = Step(id_, fact.element or "", self._at, item=fact.item)

    def _left(self, fact: Told) -> None:
        self._end(self._step(fact), "completed")

    def _joined(self, fact: Told) -> None:
        for id_ in fact.steps:
            if id_ != fact.into and id_ in self._steps:
                self._end(self._steps[id_], "completed")

    def _interrupted(self, fact: Told) -> None:
        step = self._step(fact)
        if fact.lingers:
            step.status = "interrupted"
        else:
            self._end(step, "interrupted")

    def _end(self, step: Step, status: str) -> None:
        if step.status in ("running", "waiting", "incident"):
            step.status = status
        if step.ended_at is None:
            step.ended_at = self._at

    def _scope_opened(self, fact: Told) -> None:
        self._step(fact).shown = True
        self._insides[fact.scope] = fact.step or 0

    # -- several times, and elsewhere

    def _rounds_planned(self, fact: Told) -> None:
        if step := self._steps.get(self._insides.get(fact.scope, 0)):
            step.items = Items(fact.total)

    def _round_done(self, fact: Told) -> None:
        step = self._steps.get(self._insides.get(fact.scope, 0))
        if step is not None and step.items is not None:
            step.items.done += 1

    def _child_called(self, fact: Told) -> None:
        step = self._step(fact)
        step.shown, step.child = True, fact.child
        step.status, step.ended_at = "running", None

    def _child_effects_kept(self, fact: Told) -> None:
        """The step's effect is what the child did: in one piece, or in several where other things were done between."""
        step = self._step(fact)
        self._orders[fact.order] = step.step
        self._kept.setdefault(step.step, set()).add(fact.order)

    def _error_thrown(self, fact: Told) -> None:
        """Of a call, or of somebody who works on the step; what a system refuses is told by itself."""
        step = self._steps.get(fact.step or 0)
        if step is not None and step.status != "rejected":
            step.status, step.ended_at = "rejected", self._at

    def _step_waiting(self, fact: Told) -> None:
        step = self._step(fact)
        step.status = "waiting"
        step.shown = step.shown or fact.waits_for != "tokens"

    # -- commands

    def _command_issued(self, fact: Told) -> None:
        step = self._step(fact)
        step.shown = True
        if fact.kind == "probe":
            step.probes.append(Probe(fact.attempt, self._at))
            return
        step.system, step.operation = fact.system or None, fact.operation or None
        step.attempts.append(Attempt(fact.attempt, self._at))
        if step.status in ("waiting", "rejected", "incident"):
            step.status, step.ended_at = "running", None
        if undo := self._undo_by(step):
            undo.operation = step.operation

    def _answer(self, step: Step, outcome: str, *, over: tuple[str | None, ...] = (None,)) -> Attempt | None:
        """Give the last attempt this outcome if it has none, or one of `over`."""
        if not step.attempts or step.attempts[-1].outcome not in over:
            return None
        attempt = step.attempts[-1]
        attempt.outcome, attempt.answered_at = outcome, self._at
        return attempt

    def _step_accepted(self, fact: Told) -> None:
        step = self._step(fact)
        self._answer(step, "accepted", over=(None, "unknown"))
        step.status = "waiting"

    def _step_completed(self, fact: Told) -> None:
        step = self._step(fact)
        if fact.late and step.status in ("completed", "undone"):
            return  # one effect too many: its undo is a step of its own
        self._orders[fact.order] = step.step
        step.shown = True
        self._applied(step)
        step.status = "completed"
        step.ended_at = self._at

    def _applied(self, step: Step) -> None:
        by_probe = step.step in self._probed
        self._answer(step, "completed", over=(None, "accepted") if by_probe else (None, "accepted", "unknown"))

    def _step_rejected(self, fact: Told) -> None:
        step = self._step(fact)
        attempt = self._answer(step, "rejected", over=(None, "accepted", "unknown"))
        if attempt is not None:
            attempt.code, attempt.reason = fact.code, fact.message or None
        step.status = "rejected"
        step.ended_at = self._at

    def _step_unavailable(self, fact: Told) -> None:
        step = self._step(fact)
        attempt = self._answer(step, "unavailable")
        if attempt is not None:
            attempt.reason = fact.reason or None
        if step.attempts:
            step.attempts[-1].retry_at = fact.retry_at

    def _step_unknown(self, fact: Told) -> None:
        attempt = self._answer(self._step(fact), "unknown")
        if attempt is not None:
            attempt.reason = fact.reason or None

    def _probe_answered(self, fact: Told) -> None:
        step = self._step(fact)
        self._probed.add(step.step)
        if step.probes and step.probes[-1].verdict is None:
            step.probes[-1].verdict, step.probes[-1].answered_at = fact.verdict, self._at

    # -- incidents and undo

    def _incident_raised(self, fact: Told) -> None:
        step = self._step(fact)
        step.shown = True
        step.status, step.ended_at = "incident", None
        if undo := self._undo_by(step):
            undo.status = "incident"

    def _incident_resolved(self, fact: Told) -> None:
        step = self._step(fact)
        if step.status == "incident":
            step.status = "running"
        if undo := self._undo_by(step):
            undo.status = "running"

    def _undo_started(self, fact: Told) -> None:
        self._entered(fact)
        undoing = self._steps[fact.step or 0]
        undone = self._steps.get(self._orders.get(fact.order, 0))
        if undone is None:  # a newer vocabulary completes steps in another way: show the undo by itself
            undoing.shown = True
            return
        undoing.undoes = undone.step
        undone.undo = Undo("running", undoing.step, self._at, attempts=undoing.attempts, probes=undoing.probes)

    def _undo_by(self, step: Step) -> Undo | None:
        return None if step.undoes is None else self._steps[step.undoes].undo

    def _undone(self, fact: Told) -> None:
        undone = self._steps.get(self._orders.get(fact.order, 0))
        if undone is not None:
            undo = undone.undo = undone.undo or Undo("running", fact.step, self._at)
            undo.status = "nothing-to-undo" if fact.null else "undone"
            undo.ended_at = self._at
            left = self._kept.get(undone.step, set())
            left.discard(fact.order)
            undone.status = undone.status if left else "undone"
        if fact.step is not None and fact.step in self._steps:
            self._applied(self._steps[fact.step])
            self._end(self._steps[fact.step], "completed")


def fold(entries: Iterable[tuple[int, int, bytes]]) -> Timeline:
    """The timeline of (seq, at, facts), in order."""
    timeline = Timeline()
    for seq, at, facts in entries:
        timeline.add(seq, at, facts)
    return timeline


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _event(seq: int, at: int, fact: Told) -> Event:
    return Event(
        at,
        seq,
        fact.action or fact.fact,
        fact.step,
        fact.element,
        fact.code or None,
        fact.message or fact.reason or None,
        fact.by,
        fact.name,
        fact.child,
        fact.what or fact.outcome,
    )


_FOLDS: dict[str, Callable[[Timeline, Told], None]] = {
    "entered": Timeline._entered,
    "left": Timeline._left,
    "joined": Timeline._joined,
    "interrupted": Timeline._interrupted,
    "scope-opened": Timeline._scope_opened,
    "rounds-planned": Timeline._rounds_planned,
    "round-done": Timeline._round_done,
    "child-called": Timeline._child_called,
    "child-effects-kept": Timeline._child_effects_kept,
    "error-thrown": Timeline._error_thrown,
    "step-waiting": Timeline._step_waiting,
    "command-issued": Timeline._command_issued,
    "step-accepted": Timeline._step_accepted,
    "step-completed": Timeline._step_completed,
    "step-rejected": Timeline._step_rejected,
    "step-unavailable": Timeline._step_unavailable,
    "step-unknown": Timeline._step_unknown,
    "probe-answered": Timeline._probe_answered,
    "incident-raised": Timeline._incident_raised,
    "incident-resolved": Timeline._incident_resolved,
    "undo-started": Timeline._undo_started,
    "undone": Timeline._undone,
}
# Told beside the steps as well.
_TOLD = frozenset({"incident-raised", "error-thrown"})
# Known, and nothing that anybody would read in a timeline.
_SILENT = frozenset(
    {
        "instance-started",
        "status-changed",
        "variables-merged",
        "scope-closing",
        "scope-closed",
        "timer-set",
        "timer-cleared",
        "subscribed",
        "unsubscribed",
        "condition-watched",
        "condition-changed",
        "condition-dropped",
        "listener-opened",
        "listener-closed",
        "token-parked",
        "tokens-dropped",
        "timer-held",
        "input-ignored",
        "locks-requested",
        "locks-taken",
        "locks-released",
        "command-released",
        "instance-suspended",
        "suspension-lifted",
        "instance-resumed",
        "migrated",
        "move-begun",
        "step-skipped",
    }
)
