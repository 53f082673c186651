"""Runs scenario files: every scenario gives one result, whatever happens to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saga_coordinator import bpmn
from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine.process import Expression, Process
from saga_coordinator.scenarios import event_verbs, language, surroundings, verbs
from saga_coordinator.scenarios.expectations import Unexpected, check
from saga_coordinator.scenarios.language import BadScenario, Misread, Scenario
from saga_coordinator.scenarios.observations import Observed, observe, reached
from saga_coordinator.scenarios.preparation import prepare
from saga_coordinator.scenarios.run import CannotDo, ReplayDiffers
from saga_coordinator.scenarios.stage import Called, Stage
from saga_coordinator.scenarios.world import settle
from service_kit import catalogue as kit


@dataclass(frozen=True, slots=True)
class Result:
    """How one scenario went. `process` is the BPMN file; `reached` are the elements and flows that tokens came to."""

    file: Path
    name: str
    ok: bool
    reason: str = ""
    skipped: bool = False
    actual: Observed = field(default_factory=Observed)
    process: Path | None = None
    process_id: str | None = None
    reached: frozenset[str] = frozenset()


@dataclass(slots=True)
class Runner:
    """Runs scenarios with one compiler and (where there is one) a catalogue; parses every process once."""

    compile: Callable[[str], Expression]
    catalogue: Mapping[str, kit.Operation] | None = None
    _parsed: dict[tuple[Path, str | None, tuple[Path, ...]], Process | bpmn.Refused] = field(default_factory=dict)

    def run(self, path: Path) -> Iterator[Result]:
        """The results of a file's scenarios, in order."""
        try:
            scenarios = language.read(path)
        except BadScenario as error:
            yield Result(path, "", ok=False, reason=str(error))
            return
        for scenario in scenarios:
            if isinstance(scenario, Misread):
                yield Result(path, scenario.name, ok=False, reason=scenario.reason)
            else:
                yield self._one(path, scenario)

    def parse(self, file: Path, process_id: str | None, rules: tuple[Path, ...] = ()) -> Process:
        """A process as scenarios see it, with the decisions of these files and of its folder. Raises `Refused` or
        `BadScenario`."""
        known = self._parsed.get((file, process_id, rules))
        if known is None:
            known = self._parsed[(file, process_id, rules)] = self._parse(file, process_id, rules)
        if isinstance(known, bpmn.Refused):
            raise known
        return known

    def _parse(self, file: Path, process_id: str | None, rules: tuple[Path, ...]) -> Process | bpmn.Refused:
        try:
            xml = file.read_bytes()
        except OSError as error:
            raise BadScenario(f"{file.name} cannot be read: {error.strerror}") from error
        try:
            return bpmn.parse(
                xml,
                catalogue=self.catalogue,
                compile=self.compile,
                process_id=process_id,
                tolerant=True,
                decisions=surroundings.decisions(file, rules, self.compile),
                calendars=surroundings.calendars_of(file),
            )
        except bpmn.Refused as refused:
            return refused

    def _one(self, path: Path, scenario: Scenario) -> Result:
        if scenario.skip:
            return Result(path, scenario.name, ok=True, reason=scenario.skip, skipped=True)
        try:
            return self._played(path, scenario)
        except BadScenario as error:
            return Result(path, scenario.name, ok=False, reason=str(error))

    def _played(self, path: Path, scenario: Scenario) -> Result:
        """Raises `BadScenario`."""
        file, process_id = _main_process(path, scenario)
        try:
            process = self._main(file, process_id, scenario, _rules(path, scenario))
        except bpmn.Refused as refused:
            reason = _refusal(scenario, refused)
            return Result(path, scenario.name, ok=not reason, reason=reason, process=file, process_id=process_id)
        stage = Stage(scenario, prepare(process, scenario), self._called(path, scenario), self._loaded(path, scenario))
        reason = _play(stage)
        return Result(
            path,
            scenario.name,
            ok=not reason,
            reason=reason,
            actual=observe(stage),
            process=file,
            process_id=process.id,
            reached=reached(stage, process.id),
        )

    def _main(self, file: Path, process_id: str | None, scenario: Scenario, rules: tuple[Path, ...]) -> Process:
        """The process that the scenario is about: of several in a file, where nobody names one, the one that begins
        with the start event of the scenario. Raises `Refused` or `BadScenario`."""
        event = scenario.start.event if scenario.start is not None else None
        try:
            return self.parse(file, process_id, rules)
        except bpmn.Refused as refused:
            if event is None or [finding.rule for finding in refused.findings] != [bpmn.Rule.AMBIGUOUS_PROCESS]:
                raise
            for other in bpmn.process_ids(file.read_bytes()):
                with suppress(bpmn.Refused):
                    process = self.parse(file, other, rules)
                    if event in process.body.starts:
                        return process
            raise

    def _loaded(self, path: Path, scenario: Scenario) -> Callable[[str], Process]:
        def loaded(reference: str) -> Process:
            file, wanted = _split(reference)
            return prepare(self.parse(path.parent / file, wanted), scenario)

        return loaded

    def _called(self, path: Path, scenario: Scenario) -> Called:
        """Which process a call activity runs: what the scenario says, else a loaded one with the id that it names."""

        def called(activity: str, process_id: str) -> Process | None:
            if activity in scenario.calls:
                file, wanted = _split(scenario.calls[activity])
                return prepare(self.parse(path.parent / file, wanted), scenario)
            for file, _ in (_split(reference) for reference in scenario.processes if not _is_rules(reference)):
                if process_id in bpmn.process_ids((path.parent / file).read_bytes()):
                    return prepare(self.parse(path.parent / file, process_id), scenario)
            return None

        return called


def _main_process(path: Path, scenario: Scenario) -> tuple[Path, str | None]:
    """`file.bpmn#id`; the scenario's `start.process` may name another one of several."""
    wanted = scenario.start.process if scenario.start is not None else None
    references = [_split(reference) for reference in scenario.processes if not _is_rules(reference)]
    if not references:
        raise BadScenario("process: a BPMN file is expected")
    file, process_id = references[0]
    if wanted is not None:
        name, id_ = _split(wanted)
        named = [(f, i) for f, i in references if f == name or i == wanted]
        file, process_id = (named[0][0], id_ or named[0][1]) if named else (file, wanted)
    return path.parent / file, process_id


def _rules(path: Path, scenario: Scenario) -> tuple[Path, ...]:
    return tuple(path.parent / reference for reference in scenario.processes if _is_rules(reference))


def _is_rules(reference: str) -> bool:
    return reference.endswith(surroundings.DECISIONS)


def _split(reference: str) -> tuple[str, str | None]:
    file, _, process_id = reference.partition("#")
    return file, process_id or None


def _play(stage: Stage) -> str:
    """Play the scenario; the reason why it failed, or nothing."""
    where = "start"
    try:
        if stage.scenario.start is not None:
            start = stage.scenario.start
            event_verbs.begin(stage, start.event, start.payload, variables=start.variables, business_key=start.key)
            settle(stage)
        for number, action in enumerate(stage.scenario.steps, 1):
            where = f"step {number} ({action.verb} {_short(action.subject)})"
            verbs.perform(stage, action)
        where = "at the end"
        for run in stage.runs.values():
            run.check_replay()
        check(stage, stage.scenario.expect)
    except (CannotDo, BadScenario, IllegalInput, Unexpected, ReplayDiffers) as error:
        return f"{where}: {error}"
    except bpmn.Refused as refused:
        return f"{where}: a called process is refused:\n{_findings(refused)}"
    except Exception as error:  # the scenarios after it are still to be run
        return f"{where}: it broke with {type(error).__name__}: {error}"
    return ""


def _short(subject: Any) -> str:
    text = subject if isinstance(subject, str) else ", ".join(subject) if isinstance(subject, dict) else str(subject)
    return text if len(text) <= 60 else text[:57] + "..."


def _refusal(scenario: Scenario, refused: bpmn.Refused) -> str:
    """Why a refusal is not the one that the scenario expects; nothing where it is."""
    expected = scenario.expect.get("rejected")
    told = _findings(refused)
    if expected is None:
        return f"the process is refused:\n{told}"
    if expected == "any":
        return ""
    wanted = expected if isinstance(expected, list) else [expected]
    missing = [entry for entry in wanted if not any(_fits(entry, finding) for finding in refused.findings)]
    return f"rejected: {', '.join(map(str, missing))} is not among the findings:\n{told}" if missing else ""


def _findings(refused: bpmn.Refused) -> str:
    return "\n".join(f"    line {f.line}: {f.element}: {f.message} ({f.rule})" for f in refused.findings)


def _fits(entry: Any, finding: bpmn.Finding) -> bool:
    return isinstance(entry, dict) and all(
        str(getattr(finding, name, None)) == str(entry[name]) for name in ("element", "rule", "line") if name in entry
    )
