"""What is secret in an instance: where inputs carry it in, and where facts would tell it.

`Process.secrets` are paths of variables, `Process.secret_fields` the fields that schemas of operations mark. An input
is sealed before it is decided; expressions move what is sealed and cannot read it. What an expression puts into a
secret place from elsewhere is sealed in the facts.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from saga_coordinator.engine import Decision, InstanceState, fold
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Element, Process
from saga_coordinator.mapped_paths import overlaps, path_of, source_path
from service_kit.sealing import Path, sealed_at

Seal = Callable[[Any], Any]
T = TypeVar("T", bound=msgspec.Struct)
_replace = msgspec.structs.replace


def has_secrets(process: Process) -> bool:
    """Whether anything of its instances is secret."""
    return bool(process.secrets or process.secret_fields)


def sealed_input(process: Process, state: InstanceState | None, input_: i.Input, seal: Seal) -> i.Input:
    """The input with its secrets sealed; itself where there are none. What is sealed already stays as it is."""
    if isinstance(input_, i.Start):
        arrivals = _arrivals(process, process.elements.get(input_.element or ""))
        variables = sealed_at(input_.variables, map(path_of, process.secrets), seal)
        return _replace(input_, variables=variables, payload=sealed_at(input_.payload, arrivals, seal))
    if state is None:
        return input_
    if isinstance(input_, i.MessageArrived | i.SignalArrived):
        waits = state.subscriptions.get(input_.subscription)
        paths = _paths_into(process, waits.element if waits else None)
        return _replace(input_, payload=sealed_at(input_.payload, paths, seal))
    if isinstance(input_, i.FireEvent | i.Throw):
        element = input_.element if isinstance(input_, i.FireEvent) else None
        return _replace(input_, payload=sealed_at(input_.payload, _paths_into(process, element), seal))
    if isinstance(input_, i.SetVariables):
        return _replace(input_, values=sealed_at(input_.values, map(path_of, process.secrets), seal))
    if isinstance(input_, i.ChildReported):
        step = state.steps.get(input_.step)
        paths = _paths_into(process, step.element if step else None)
        return _replace(input_, output=sealed_at(input_.output, paths, seal))
    if isinstance(input_, i.Move):
        return _replace(input_, variables=sealed_at(input_.variables, map(path_of, process.secrets), seal))
    if isinstance(input_, i.CompleteStep | i.Retry | i.Skip):
        step = state.steps.get(input_.step) if input_.step is not None else None
        paths = [*_paths_into(process, step.element if step else None), *_outputs(process, state, input_.step, "")]
        return _replace(_edited(process, state, input_, seal), output=sealed_at(input_.output, paths, seal))
    if isinstance(input_, i.Reply) and isinstance(input_.outcome, i.CompletedOutcome | i.ProbedOutcome):
        return _replace(input_, outcome=_sealed_outcome(process, state, input_, input_.outcome, seal))
    return input_


def _edited(
    process: Process, state: InstanceState, act: i.CompleteStep | i.Retry | i.Skip, seal: Seal
) -> i.CompleteStep | i.Retry | i.Skip:
    """A retry with the secret fields of an edited input sealed: those of what the step asks for, or (where it has not
    asked yet) of anything that could be asked for."""
    if not isinstance(act, i.Retry) or act.edited is None:
        return act
    step = state.steps.get(act.step) if act.step is not None else None
    asked = step.command.operation if step is not None and step.command is not None else None
    names = list(process.secret_fields) if asked is None else [asked]
    paths = [path for name in names for path in _inputs(process, name)]
    return _replace(act, edited=sealed_at(act.edited, paths, seal))


def _sealed_outcome(
    process: Process,
    state: InstanceState,
    reply: i.Reply,
    outcome: i.CompletedOutcome | i.ProbedOutcome,
    seal: Seal,
) -> i.Outcome:
    step, absent = state.steps.get(reply.step), state.absents.get(reply.command)
    element = step.element if step else absent.element if absent else None
    paths = [*_outputs(process, state, reply.step, reply.command), *_paths_into(process, element)]
    return _replace(outcome, output=sealed_at(outcome.output, paths, seal))


def sealed_decision(
    process: Process, before: InstanceState | None, decision: Decision, at: int, seal: Seal
) -> Decision:
    """The decision with no secret told in its facts, and the state that these lead to."""
    facts = [_sealed_fact(process, fact, seal) for fact in decision.facts]
    if all(new is old for new, old in zip(facts, decision.facts, strict=True)):
        return decision
    after = decision.state
    state = fold(before or InstanceState(id=after.id), facts, seq=after.seq, at=at)
    return _replace(decision, facts=facts, state=state)


def _sealed_fact(process: Process, fact: f.Fact, seal: Seal) -> f.Fact:
    if isinstance(fact, f.InstanceStarted | f.ScopeOpened):
        return _with(fact, "variables", fact.variables, map(path_of, process.secrets), seal)
    if isinstance(fact, f.VariablesMerged):
        return _with(fact, "values", fact.values, map(path_of, process.secrets), seal)
    if isinstance(fact, f.CommandIssued):
        return _with(fact, "input", fact.input, _inputs(process, fact.operation), seal)
    if isinstance(fact, f.StepCompleted) and fact.undo is not None:
        undo = _with(fact.undo, "input", fact.undo.input, _inputs(process, fact.undo.operation), seal)
        return fact if undo is fact.undo else _replace(fact, undo=undo)
    return fact


def _with(holder: T, field: str, value: Any, paths: Iterable[Path], seal: Seal) -> T:
    sealed = sealed_at(value, paths, seal)
    return holder if sealed is value else _replace(holder, **{field: sealed})


def _inputs(process: Process, operation: str) -> list[Path]:
    fields = process.secret_fields.get(operation)
    return [path_of(path) for path in fields.inputs] if fields else []


def _outputs(process: Process, state: InstanceState, step: int | None, command: str) -> list[Path]:
    """Secret fields of the answer to the command; of every answer, where it is not known what was asked."""
    known = state.steps.get(step) if step is not None else None
    absent = state.absents.get(command)
    issued = known.command if known is not None else absent.command if absent is not None else None
    if known is not None and issued is None:
        return []
    names = [issued.operation] if issued is not None else list(process.secret_fields)
    return [path_of(p) for name in names if name in process.secret_fields for p in process.secret_fields[name].outputs]


def _paths_into(process: Process, element: str | None) -> list[Path]:
    """Where the data that comes to an element carries what becomes a secret variable; None: any element."""
    if not process.secrets:
        return []
    if element is not None:
        return _arrivals(process, process.elements.get(element))
    return sorted({path for known in process.elements.values() for path in _arrivals(process, known)})


def _arrivals(process: Process, element: Element | None) -> list[Path]:
    secrets = [path_of(path) for path in process.secrets]
    mappings = element.task.outputs if element is not None and element.task is not None else ()
    if not mappings:
        return secrets
    found = []
    for mapping in mappings:
        source, target = source_path(mapping.source.source), path_of(mapping.target)
        if source is not None:
            found += [source + secret[len(target) :] for secret in secrets if overlaps(target, secret)]
    return found
