"""One instance under test: gives it inputs, keeps its journal, and checks on every turn that replay gives the same."""

from typing import Any

import msgspec

from saga_coordinator.engine import Decision, InstanceState, decide, fold
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.engine.state import encoder

MONDAY = 1_767_603_600_000  # 2026-01-05T09:00:00Z
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[f.Fact])


class ReplayDiffers(AssertionError):
    """Folding the journal did not give the state that was decided."""


class Case:
    """A running instance on a virtual clock (`now`, ms). Every helper returns the facts of its turn."""

    def __init__(self, process: Process, instance: str = "i1") -> None:
        self.process = process
        self.instance = instance
        self.now = MONDAY
        self.state: InstanceState | None = None
        self.journal: list[bytes] = []
        self.facts: list[f.Fact] = []
        self._inputs = 0

    @property
    def live(self) -> InstanceState:
        """The state of the started instance."""
        if self.state is None:
            raise LookupError("not started")
        return self.state

    def give(self, input_: i.Input) -> Decision:
        """Decide, journal, and check that replaying the row from its bytes leads to the same state."""
        before = self.state if self.state is not None else InstanceState(id=self.instance)
        frozen = encoder.encode(before)
        decision = decide(self.process, self.state, input_)
        if encoder.encode(before) != frozen:
            raise ReplayDiffers("deciding changed the state it was given")
        if not decision.facts:
            return decision
        row = _encoder.encode(decision.facts)
        replayed = fold(before, _decoder.decode(row), seq=before.seq + 1, at=input_.at)
        if encoder.encode(replayed) != encoder.encode(decision.state):
            raise ReplayDiffers(f"after {input_}")
        self.state = replayed
        self.journal.append(row)
        self.facts += decision.facts
        return decision

    def start(self, **variables: Any) -> "Case":
        """Start at the only none start event."""
        self.give(
            i.Start(
                id=self._id(),
                instance=self.instance,
                at=self.now,
                process=self.process.id,
                version=self.process.version,
                variables=variables,
            )
        )
        return self

    def reply(self, element: str, outcome: i.Outcome) -> Decision:
        """Answer the command that is out at the (only) open step of the element."""
        return self.answer(self.command(element), outcome)

    def answer(self, command: f.CommandIssued, outcome: i.Outcome) -> Decision:
        """Answer a certain command."""
        return self.give(
            i.Reply(
                id=f"{command.command}:r",
                instance=self.instance,
                at=self.now,
                command=command.command,
                step=command.step,
                attempt=command.attempt,
                outcome=outcome,
            )
        )

    def complete(self, element: str, output: Any = None, **references: str) -> Decision:
        """The element's command was applied."""
        return self.reply(element, i.CompletedOutcome(output=output, references=references))

    def reject(self, element: str, code: str = "REFUSED") -> Decision:
        """The element's command was refused."""
        return self.reply(element, i.RejectedOutcome(code=code))

    def advance(self, ms: int) -> "Case":
        """Move the clock; timers fire by due time, then by creation."""
        end = self.now + ms
        while due := min(((t.due, t.id) for t in self.live.running_timers() if t.due <= end), default=None):
            self.now = max(self.now, due[0])
            self.give(i.TimerDue(id=f"t:{due[1]}", instance=self.instance, at=self.now, timer=due[1]))
        self.now = end
        return self

    def command(self, element: str) -> f.CommandIssued:
        """The command that is out for the element."""
        step = self.live.steps[self.step(element)]
        command = step.probe if step.phase == "probing" else step.command
        if command is None:
            raise LookupError(f"no command is out for {element}")
        return command

    def step(self, element: str) -> int:
        """The id of the only open step at the element."""
        found = [s.id for s in self.live.steps.values() if s.element == element]
        if len(found) != 1:
            raise LookupError(f"{len(found)} open steps at {element}")
        return found[0]

    def message(self, name: str, payload: Any = None) -> Decision:
        """A message reaches its (first) subscription."""
        subscription = next(s for s in self.live.subscriptions.values() if s.name == name)
        return self.give(
            i.MessageArrived(
                id=self._id(),
                instance=self.instance,
                at=self.now,
                subscription=subscription.id,
                name=name,
                payload=payload,
            )
        )

    def retry(self, element: str | None = None, **answer: Any) -> Decision:
        """An operator retries."""
        step = self.step(element) if element else None
        return self.give(i.Retry(id=self._id(), instance=self.instance, at=self.now, step=step, **answer))

    def cancel(self, *, undo: bool = True) -> Decision:
        """An operator cancels."""
        return self.give(i.Cancel(id=self._id(), instance=self.instance, at=self.now, undo=undo))

    def entered(self) -> list[str]:
        """Flow nodes in the order in which tokens entered them."""
        return [fact.element for fact in self.facts if isinstance(fact, f.Entered)]

    def completed(self) -> list[str]:
        """Activities in the order of their completion."""
        return [fact.element for fact in self.facts if isinstance(fact, f.StepCompleted)]

    def undone(self) -> list[str]:
        """Activities in the order in which their effects were undone."""
        return [fact.element for fact in self.facts if isinstance(fact, f.Undone)]

    def open(self) -> list[str]:
        """Elements of the open steps, sorted."""
        return sorted(step.element for step in self.live.steps.values())

    def incidents(self) -> list[tuple[str, str]]:
        """(element, code) of the open incidents."""
        return [
            (step.element, step.incident.code)
            for step in self.live.steps.values()
            if step.incident is not None and step.id in self.live.incidents
        ]

    def _id(self) -> str:
        self._inputs += 1
        return f"input-{self._inputs}"
