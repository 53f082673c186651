"""One instance in the hands of a scenario: its engine state, its journal, and the commands that were issued."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from saga_coordinator.engine import InstanceState, decide, fold
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind, Process
from saga_coordinator.engine.state import Phase, Step, encoder
from saga_coordinator.scenarios.items import Items
from saga_coordinator.scenarios.language import Address

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
    """An instance (`state` None: not started). `probes` are what the scenario says that probes find, by step; `caller`
    are the instance and the step that called it."""

    id: str
    process: Process
    caller: "tuple[Run, int] | None" = None
    state: InstanceState | None = None
    facts: list[f.Fact] = field(default_factory=list)
    journal: list[tuple[int, bytes]] = field(default_factory=list)
    commands: list[tuple[str, f.CommandIssued]] = field(default_factory=list)
    probes: dict[int, i.ProbedOutcome] = field(default_factory=dict)
    items: Items = field(default_factory=Items)

    @property
    def live(self) -> InstanceState:
        """The state of the started instance. Raises `CannotDo`."""
        if self.state is None:
            raise CannotDo("the instance has not started")
        return self.state

    def decide(self, input_: i.Input) -> list[f.Fact]:
        """Decide on one input and journal what happened: the new facts. Raises `IllegalInput`."""
        decision = decide(self.process, self.state, input_)
        if not decision.facts:
            return []
        self.journal.append((input_.at, _encoder.encode(decision.facts)))
        self.facts += decision.facts
        self.state = decision.state
        for fact in decision.facts:
            self.items.note(fact)
            if isinstance(fact, f.CommandIssued) and fact.kind == "execute":
                self.commands.append((self._element_of(fact.step), fact))
        return decision.facts

    def _element_of(self, step: int) -> str:
        found = self.live.steps.get(step)
        if found is not None:
            return found.element
        entered = (fact for fact in reversed(self.facts) if isinstance(fact, f.Entered) and fact.step == step)
        return next((fact.element for fact in entered), "")

    def matching(self, address: Address) -> list[Step]:
        """Its open steps that the address could mean, oldest first; tokens at a join only if there is nothing else."""
        if self.state is None:
            return []
        steps = [s for s in self.state.steps.values() if s.element == address.element and not s.lingers]
        steps = sorted((s for s in steps if not s.listens), key=lambda step: step.id)
        if address.item is not None:
            numbered = [step for step in steps if step.item == address.item]
            if numbered:
                return numbered
            steps = [step for step in steps if self.is_of_item(step, address.item)]
        return [step for step in steps if is_open(step)] or [s for s in steps if s.phase is not Phase.INSIDE] or steps

    def is_of_item(self, step: Step, item: int) -> bool:
        """Whether the step is, or is inside of, or undoes something in the item with this number."""
        return item in (step.item, self.items.of(step.id), self._item_around(step))

    def _item_around(self, step: Step) -> int | None:
        """The number of the innermost item that the step is inside of, be it of the caller."""
        scope = self.live.scopes.get(step.scope)
        while scope is not None and scope.item is None:
            scope = self.live.scopes.get(scope.parent)
        if scope is not None or self.caller is None:
            return scope.item if scope is not None else None
        run, number = self.caller
        calling = run.live.steps.get(number)
        return None if calling is None else calling.item or run._item_around(calling)

    def is_undoing(self, step: Step) -> bool:
        """Whether the step is an undo, or inside a drawn undo handler."""
        return any(around.undoes is not None for around in self.around(step))

    def around(self, step: Step) -> Iterator[Step]:
        """The step, and the steps that it is inside of."""
        current: Step | None = step
        while current is not None:
            yield current
            current = self.live.owner(current.scope)

    def check_replay(self) -> None:
        """Fold the journal from its bytes. Raises `ReplayDiffers`."""
        folded = InstanceState(id=self.id)
        for seq, (at, row) in enumerate(self.journal, 1):
            folded = fold(folded, _decoder.decode(row), seq=seq, at=at)
        if self.state is not None and encoder.encode(folded) != encoder.encode(self.state):
            raise ReplayDiffers("the journal does not give the state that the instance is in")


def is_open(step: Step) -> bool:
    """Whether the step waits for something outside: it is no container, no token at a join, and was not interrupted."""
    return (
        not step.lingers
        and not step.listens
        and step.phase is not Phase.INSIDE
        and step.waits_for not in {"tokens", "compensation"}
    )


def waiting_for(step: Step) -> str:
    """What the step does at the moment, in words."""
    return f"waits for a {step.waits_for}" if step.waits_for else f"is {step.phase}"
