"""One instance in the hands of a scenario: engine, virtual clock, journal, and the commands that were issued."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from saga_coordinator.engine import InstanceState, decide, fold, times
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind, Process
from saga_coordinator.engine.state import ROOT, Phase, Step
from saga_coordinator.scenarios.language import Address, Scenario

INSTANCE = "scenario"
BY_THEMSELVES = frozenset({Kind.TASK, Kind.MANUAL_TASK, Kind.SCRIPT_TASK})
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[f.Fact])


class CannotDo(Exception):
    """A step of the scenario makes no sense where the instance stands."""


class ReplayDiffers(Exception):
    """Folding the journal gave another state than running did: a defect of the engine."""


@dataclass(slots=True)
class Run:
    """The instance (`state` None: not started), its clock (`now`, ms) and everything that has happened to it."""

    process: Process
    scenario: Scenario
    state: InstanceState | None = None
    now: int = 0
    facts: list[f.Fact] = field(default_factory=list)
    journal: list[tuple[int, bytes]] = field(default_factory=list)
    commands: list[tuple[str, f.CommandIssued]] = field(default_factory=list)
    probes: dict[int, i.ProbedOutcome] = field(default_factory=dict)
    inputs: int = 0

    def __post_init__(self) -> None:
        self.now = times.moment(self.scenario.now)

    @property
    def live(self) -> InstanceState:
        """The state of the started instance. Raises `CannotDo`."""
        if self.state is None:
            raise CannotDo("the instance has not started")
        return self.state

    def give(self, input_: i.Input) -> None:
        """Decide on one input and journal what happened. Raises `IllegalInput`."""
        decision = decide(self.process, self.state, input_)
        if not decision.facts:
            return
        self.journal.append((input_.at, _encoder.encode(decision.facts)))
        self.facts += decision.facts
        self.state = decision.state
        for fact in decision.facts:
            if isinstance(fact, f.CommandIssued) and fact.kind == "execute":
                self.commands.append((self._element_of(fact.step), fact))

    def _element_of(self, step: int) -> str:
        found = self.live.steps.get(step)
        if found is not None:
            return found.element
        entered = (fact for fact in reversed(self.facts) if isinstance(fact, f.Entered) and fact.step == step)
        return next((fact.element for fact in entered), "")

    def next_id(self) -> str:
        """A fresh id for an input."""
        self.inputs += 1
        return f"s:{self.inputs}"

    # -- what is open

    def open_steps(self) -> list[Step]:
        """Steps that wait for something outside, oldest first: no containers, no tokens at a join, nothing that was
        interrupted already."""
        if self.state is None:
            return []
        return sorted((step for step in self.state.steps.values() if _is_open(step)), key=lambda step: step.id)

    def find(self, address: Address, *, first: bool = False) -> Step:
        """The open step that the address means. Raises `CannotDo`."""
        if address.item is not None:
            raise CannotDo(f"{address}: {address.element} is not a multi-instance")
        found = [step for step in self.open_steps() if step.element == address.element]
        if not found:
            steps = self.live.steps.values()
            found = [step for step in steps if step.element == address.element and not step.lingers]
        if address.nth is not None:
            found = found[address.nth - 1 : address.nth]
        if not found:
            there = ", ".join(sorted(step.element for step in self.open_steps())) or "nothing"
            raise CannotDo(f"no open step {address}; open: {there}{self._hint(address.element)}")
        if len(found) > 1 and not first:
            raise CannotDo(f"{len(found)} open steps {address.element}: say which one, as {address.element}#1")
        return found[0]

    def _hint(self, element: str) -> str:
        known = self.process.elements.get(element)
        if known is None or self.scenario.holds(element):
            return ""
        if not (known.is_for_compensation or known.kind in BY_THEMSELVES):
            return ""
        if not any(isinstance(fact, f.StepCompleted) and fact.element == element for fact in self.facts):
            return ""
        return f"\n{element} has completed by itself; `hold: [{element}]` in the scenario makes it wait"

    def is_undoing(self, step: Step) -> bool:
        """Whether the step is an undo, or inside a drawn undo handler."""
        current: Step | None = step
        while current is not None:
            if current.undoes is not None:
                return True
            scope = self.live.scopes.get(current.scope)
            current = self.live.steps.get(scope.step) if scope is not None and scope.id != ROOT else None
        return False

    # -- inputs

    def reply(self, command: f.CommandIssued, outcome: i.Outcome, suffix: str = "r") -> None:
        """The connector answers a command."""
        self.give(
            i.Reply(
                id=f"{command.command}:{suffix}:{self.next_id()}",
                instance=INSTANCE,
                at=self.now,
                command=command.command,
                step=command.step,
                attempt=command.attempt,
                outcome=outcome,
            )
        )

    def finish(self, step: Step, output: Any, references: dict[str, str] | None = None) -> None:
        """The step's work is done. Raises `CannotDo` where it waits for something else."""
        if step.phase is Phase.PROBING and step.probe is not None:
            outcome = i.ProbedOutcome(verdict="applied", output=output, references=references or {})
            self.reply(step.probe, outcome)
        elif step.command is not None and not step.completed:
            self.reply(step.command, i.CompletedOutcome(output=output, references=references or {}))
        elif step.waits_for in {"person", "message"}:
            self.give(i.CompleteStep(id=self.next_id(), instance=INSTANCE, at=self.now, step=step.id, output=output))
        else:
            raise CannotDo(f"{step.element} cannot be completed: it {_waiting_for(step)}")

    # -- the end

    def check_replay(self) -> None:
        """Fold the journal from its bytes. Raises `ReplayDiffers`."""
        folded = InstanceState(id=INSTANCE)
        for seq, (at, row) in enumerate(self.journal, 1):
            folded = fold(folded, _decoder.decode(row), seq=seq, at=at)
        if self.state is not None and _encoder.encode(folded) != _encoder.encode(self.state):
            raise ReplayDiffers("the journal does not give the state that the instance is in")


def _is_open(step: Step) -> bool:
    return not step.lingers and step.phase is not Phase.INSIDE and step.waits_for != "tokens"


def _waiting_for(step: Step) -> str:
    return f"waits for a {step.waits_for}" if step.waits_for else f"is {step.phase}"
