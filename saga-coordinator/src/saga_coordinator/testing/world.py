"""A world of vendor systems for one instance under test: what was applied there, and whether replies tell the truth.

Every applied create is a document with an id of its own; the hub learns the id by a completed reply or a probe. Undo
operations name the document. The world never lies, but it may be silent, slow, or land a document after a probe had
found nothing.
"""

import random
from typing import Any

from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.incidents import SEVERAL_DOCUMENTS, UNKNOWN_OUTCOME
from saga_coordinator.engine.state import Step, open_commands
from saga_coordinator.testing.case import Case


class World:
    """Drives a `Case` with random but truthful outcomes. `documents`: id -> how often it was undone."""

    def __init__(
        self, case: Case, seed: int, *, trouble: float = 0.5, landings: bool = True, operators: bool = False
    ) -> None:
        self.case = case
        self.random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.trouble = trouble
        self.landings = landings
        self.operators = operators
        self.documents: dict[str, int] = {}
        self.by_key: dict[str, list[str]] = {}
        self.in_flight: dict[str, f.CommandIssued] = {}  # unknown, and not yet looked at by a probe
        self.may_land: list[f.CommandIssued] = []

    def step(self) -> bool:
        """One thing happens; False if nothing can."""
        commands = open_commands(self.case.live)
        actions = [self._answer] * (4 * len(commands)) + [self._tick] * bool(self.case.live.running_timers())
        if self.case.live.incidents:
            actions.append(self._retry)
        if self.may_land and self.landings:
            actions.append(self._land)
        if self.operators:
            actions.append(self._operate)
        if not actions:
            return False
        self.random.choice(actions)()
        return True

    def drain(self, most: int = 2_000) -> None:
        """From now on everything works: go on until nothing can happen any more. Raises `AssertionError` if that
        never comes."""
        self.trouble = 0.0
        self.landings = self.operators = False
        if self.case.live.suspended:
            self._give(i.Resume(id="resumed", instance=self.case.instance, at=self.case.now))
        for _ in range(most):
            if self.case.live.ended or not self.step():
                return
        raise AssertionError(f"no end in sight: {self.case.live.status} {self.case.open()}")

    def _answer(self) -> None:
        command = self.random.choice(open_commands(self.case.live))
        if command.kind == "probe":
            self._probe(command)
        elif self.random.random() < self.trouble:
            self._fail(command)
        else:
            self.case.answer(command, self._apply(command))

    def _apply(self, command: f.CommandIssued) -> i.CompletedOutcome:
        if command.operation.endswith("-undo"):
            self.documents[command.input["output"]["doc"]] += 1
            return i.CompletedOutcome()
        doc = f"{command.command}/{len(self.documents)}"
        self.documents[doc] = 0
        self.by_key.setdefault(command.hub_key, []).append(doc)
        return i.CompletedOutcome(output={"doc": doc})

    def _fail(self, command: f.CommandIssued) -> None:
        undoing = command.operation.endswith("-undo")
        kind = self.random.choice(["unavailable", "lost-before", "lost-after", "rejected"])
        if kind == "unavailable":
            self.case.answer(command, i.UnavailableOutcome(reason="down"))
        elif kind == "rejected":
            self.case.answer(command, i.RejectedOutcome(code="REFUSED"))
        elif kind == "lost-after" and not undoing:
            self._apply(command)
            self.case.answer(command, i.UnknownOutcome(reason="connection reset"))
        else:
            self.may_land += [] if undoing else [command]
            self.case.answer(command, i.UnknownOutcome(reason="timeout"))

    def _probe(self, command: f.CommandIssued) -> None:
        if self.random.random() < self.trouble / 2:
            self.case.answer(command, i.UnavailableOutcome(reason="down"))
            return
        known = [doc for doc in self.by_key.get(command.hub_key, []) if self.documents[doc] == 0]
        if not known:
            self.case.answer(command, i.ProbedOutcome(verdict="absent"))
        elif len(known) == 1:
            self.case.answer(command, i.ProbedOutcome(verdict="applied", output={"doc": known[0]}))
        else:
            self.case.answer(command, i.ProbedOutcome(verdict="several", documents=known))

    def _tick(self) -> None:
        due = min(timer.due for timer in self.case.live.running_timers())
        self.case.advance(max(0, due - self.case.now))

    def _operate(self) -> None:
        """An operator interferes; what makes no sense is refused."""
        steps = list(self.case.live.steps.values())
        told: dict[str, Any] = {
            "id": f"act-{len(self.case.journal)}",
            "instance": self.case.instance,
            "at": self.case.now,
        }
        acts: list[i.Input] = [i.Suspend(**told), i.Resume(**told)]
        if steps:
            step = self.random.choice(steps)
            beside = self.case.process.elements[step.element].parent
            targets = [e.id for e in self.case.process.elements.values() if e.parent == beside]
            undo = self.random.random() < 0.5
            acts += [i.Skip(step=step.id, **told), i.Resume(**told)]
            acts.append(i.Move(step=step.id, to=self.random.choice(targets), undo=undo, **told))
        self._give(self.random.choice(acts))

    def _give(self, input_: i.Input) -> None:
        try:
            self.case.give(input_)
        except IllegalInput:
            return

    def _retry(self) -> None:
        if self.case.live.suspended:
            return
        step = self.case.live.steps[self.random.choice(list(self.case.live.incidents))]
        happened, output = None, None
        if step.incident is not None and step.incident.code in (UNKNOWN_OUTCOME, SEVERAL_DOCUMENTS):
            document = self._looked_up(step)
            happened, output = document is not None, {"doc": document}
        self.case.give(
            i.Retry(
                id=f"retry-{len(self.case.journal)}",
                instance=self.case.instance,
                at=self.case.now,
                step=step.id,
                happened=happened,
                output=output,
            )
        )

    def _looked_up(self, step: Step) -> str | None:
        """A person looks into the vendor's system, takes one document and removes those unknown to the hub."""
        held = {effect.output["doc"] for effect in step.held}
        found = [doc for doc in self.by_key.get(step.sent.hub_key, []) if self.documents[doc] == 0]
        found.sort(key=lambda doc: doc in held)
        for doc in found[1:]:
            self.documents[doc] += doc not in held
        return found[0] if found else None

    def _land(self) -> None:
        """A document appears although a probe had found nothing; the reply comes with it."""
        command = self.may_land.pop(self.random.randrange(len(self.may_land)))
        if command.command in self.case.live.absents:
            self.case.answer(command, self._apply(command))
