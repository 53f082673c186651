"""Everything that a scenario plays with: the instance, those that it calls, the clock, and what passes between them."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from saga_coordinator.calls import is_too_deep, refused
from saga_coordinator.engine import IllegalInput, times
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.engine.state import Phase, Step, Subscription
from saga_coordinator.scenarios.language import Address, Scenario
from saga_coordinator.scenarios.run import BY_THEMSELVES, INSTANCE, CannotDo, Run, is_open, waiting_for

# The process that the call activity `element` runs, by the id that it says; None: none is loaded.
Called = Callable[[str, str], Process | None]

_MOST_RUNS = 10_000


@dataclass(slots=True)
class Stage:
    """The instance is `root`; `runs` has it and its children by id. `now` is the virtual time (ms), `told` everything
    that happened, whoever it happened to. `loaded` reads another process by its file."""

    scenario: Scenario
    process: Process
    called: Called
    loaded: Callable[[str], Process]
    now: int = 0
    told: list[tuple[Run, f.Fact]] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    _inputs: int = 0
    _post: deque[tuple[Run, i.Input]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.now = times.moment(self.scenario.now)
        self.runs[INSTANCE] = Run(INSTANCE, self.process)

    @property
    def root(self) -> Run:
        """The instance that the scenario is about."""
        return self.runs[INSTANCE]

    def next_id(self) -> str:
        """A fresh id for an input. Where there are several instances, what happens later has a later time: only that
        tells in which order they did things."""
        self._inputs += 1
        self.now += len(self.runs) > 1
        return f"s:{self._inputs}"

    # -- inputs

    def give(self, run: Run, input_: i.Input) -> None:
        """Decide on an input, then on whatever it makes instances tell each other. Raises `IllegalInput`."""
        self._decide(run, input_)
        while self._post:
            self._decide(*self._post.popleft())

    def _decide(self, run: Run, input_: i.Input) -> None:
        for fact in self._facts(run, input_):
            self.told.append((run, fact))
            self._pass_on(run, fact)

    def _facts(self, run: Run, input_: i.Input) -> list[f.Fact]:
        """What happens. A called process that cannot begin tells its caller so. Raises `IllegalInput`."""
        try:
            if isinstance(input_, i.Start) and is_too_deep(input_):
                raise IllegalInput("TOO_DEEP", "calls are nested too deep")
            return run.decide(input_)
        except IllegalInput as error:
            report = refused(input_, str(error))
            if report is None:
                raise
            del self.runs[run.id]
            self._post.append((self.runs[report.instance], msgspec.structs.replace(report, at=self.now)))
            return []

    def _pass_on(self, run: Run, fact: f.Fact) -> None:
        match fact:
            case f.ChildCalled():
                self._call(run, fact)
            case f.ChildTold() if fact.child in self.runs:
                ask = i.ParentAsked(id=self.next_id(), instance=fact.child, at=self.now, what=fact.what, left=fact.left)
                self._post.append((self.runs[fact.child], ask))
            case f.ParentTold():
                self._post.append((self.runs[fact.parent], self._report(run, fact)))
            case f.SignalThrown():
                self.signal(fact.name, fact.payload, besides=run)

    def _call(self, run: Run, fact: f.ChildCalled) -> None:
        process = self.called(run.live.steps[fact.step].element, fact.process)
        if process is None:
            return
        if len(self.runs) > _MOST_RUNS:
            raise CannotDo(f"more than {_MOST_RUNS} processes are called: does a process call itself?")
        child = self.runs[fact.child] = Run(fact.child, process, caller=(run, fact.step))
        start = i.Start(
            id=self.next_id(),
            instance=fact.child,
            at=self.now,
            process=process.id,
            version=process.version,
            variables=fact.variables,
            parent=run.id,
            parent_step=fact.step,
        )
        self._post.append((child, start))

    def _report(self, child: Run, fact: f.ParentTold) -> i.ChildReported:
        return i.ChildReported(
            id=self.next_id(),
            instance=fact.parent,
            at=self.now,
            step=fact.step,
            child=child.id,
            outcome=fact.outcome,
            code=fact.code,
            message=fact.message,
            output=fact.output,
            times=fact.times,
            pivoted=fact.pivoted,
        )

    def signal(self, name: str, payload: Any, besides: Run | None = None) -> None:
        """Everybody who waits for the signal (besides one instance) gets it."""
        for run, sub in self.subscribed(name, signal=True):
            if run is besides:
                continue
            arrived = i.SignalArrived(
                id=self.next_id(), instance=run.id, at=self.now, subscription=sub.id, name=sub.name, payload=payload
            )
            self._post.append((run, arrived))

    def subscribed(self, name: str, *, signal: bool) -> list[tuple[Run, Subscription]]:
        """All that wait for the message or signal of that name, by instance, oldest first; where there is nobody, those
        whose event has this id."""
        waiting = [
            (run, sub)
            for run in self.runs.values()
            if run.state is not None
            for sub in sorted(run.state.subscriptions.values(), key=lambda sub: sub.id)
            if sub.signal is signal
        ]
        named = [(run, sub) for run, sub in waiting if sub.name == name]
        return named or [(run, sub) for run, sub in waiting if sub.element == name]

    def deliver(self) -> None:
        """Let what was posted arrive."""
        while self._post:
            self._decide(*self._post.popleft())

    # -- what is open

    def is_open(self, step: Step) -> bool:
        """Whether the step waits for something outside; a call activity does only if its process is not loaded."""
        return is_open(step) and not (step.child is not None and step.child in self.runs)

    def open_steps(self) -> list[tuple[Run, Step]]:
        """All that wait for something outside, by instance, oldest first."""
        return [
            (run, step)
            for run in self.runs.values()
            if run.state is not None
            for step in sorted(run.state.steps.values(), key=lambda step: step.id)
            if self.is_open(step)
        ]

    def find(self, address: Address, *, first: bool = False) -> tuple[Run, Step]:
        """The open step that the address means, and its instance. Raises `CannotDo`."""
        found = [(run, step) for run in self.runs.values() for step in run.matching(address)]
        if address.nth is not None:
            found = found[address.nth - 1 : address.nth]
        if not found and self.root.state is None:
            raise CannotDo("the instance has not started")
        if not found:
            there = ", ".join(sorted(step.element for _, step in self.open_steps())) or "nothing"
            raise CannotDo(f"no open step {address}; open: {there}{self._hint(address.element)}")
        if len(found) > 1 and not first:
            raise CannotDo(f"{len(found)} open steps {address.element}: say which one, as {address.element}#1")
        return found[0]

    def _hint(self, element: str) -> str:
        known = next((r.process.elements[element] for r in self.runs.values() if element in r.process.elements), None)
        if known is None or self.scenario.holds(element):
            return ""
        if not (known.is_for_compensation or known.kind in BY_THEMSELVES):
            return ""
        if not any(isinstance(fact, f.StepCompleted) and fact.element == element for _, fact in self.told):
            return ""
        return f"\n{element} has completed by itself; `hold: [{element}]` in the scenario makes it wait"

    # -- answers

    def reply(self, run: Run, command: f.CommandIssued, outcome: i.Outcome, suffix: str = "r") -> None:
        """The connector answers a command."""
        answer = i.Reply(
            id=f"{command.command}:{suffix}:{self.next_id()}",
            instance=run.id,
            at=self.now,
            command=command.command,
            step=command.step,
            attempt=command.attempt,
            outcome=outcome,
        )
        self.give(run, answer)

    def report(self, run: Run, step: Step, outcome: str, **told: Any) -> None:
        """A process that is not loaded tells its caller what became of it."""
        report = i.ChildReported(
            id=self.next_id(),
            instance=run.id,
            at=self.now,
            step=step.id,
            child=step.child or "",
            outcome=outcome,
            **told,
        )
        self.give(run, report)

    def finish(self, run: Run, step: Step, output: Any, references: dict[str, str] | None = None) -> None:
        """The step's work is done. Raises `CannotDo` where it waits for something else."""
        if step.phase is Phase.PROBING and step.probe is not None:
            outcome = i.ProbedOutcome(verdict="applied", output=output, references=references or {})
            self.reply(run, step.probe, outcome)
        elif step.command is not None and not step.completed:
            self.reply(run, step.command, i.CompletedOutcome(output=output, references=references or {}))
        elif step.child is not None and step.child not in self.runs:
            self.report(run, step, "compensated" if step.undoes is not None else "completed", output=output)
        elif step.waits_for in {"person", "message"}:
            done = i.CompleteStep(id=self.next_id(), instance=run.id, at=self.now, step=step.id, output=output)
            self.give(run, done)
        else:
            raise CannotDo(f"{step.element} cannot be completed: it {waiting_for(step)}")
