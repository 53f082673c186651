"""Commands and what became of them."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.evolving.steps import change
from saga_coordinator.engine.state import ROOT, Absent, Effect, InstanceState, Phase


def _step_waiting(state: InstanceState, fact: f.StepWaiting) -> None:
    change(state, fact.step, phase=Phase.WAITING, waits_for=fact.waits_for)


def _command_issued(state: InstanceState, fact: f.CommandIssued) -> None:
    if fact.kind == "probe":
        known = state.steps.get(fact.step)
        probes = known.probes + 1 if known else 1
        change(state, fact.step, phase=Phase.PROBING, probe=fact, probes=probes)
    else:
        change(state, fact.step, phase=Phase.EXECUTING, command=fact, attempt=fact.attempt)


def _command_deferred(state: InstanceState, fact: f.CommandDeferred) -> None:
    step = state.steps.get(fact.step)
    if step is not None and step.command is not None and step.command.command == fact.command:
        state.steps[step.id] = replace(step, command=replace(step.command, at=fact.until))


def _command_released(state: InstanceState, fact: f.CommandReleased) -> None:
    step = state.steps.get(fact.step)
    if step is None:
        return
    if step.command is not None and step.command.command == fact.command:
        state.steps[step.id] = replace(step, command=replace(step.command, at=fact.at))
    elif step.probe is not None and step.probe.command == fact.command:
        state.steps[step.id] = replace(step, probe=replace(step.probe, at=fact.at))


def _step_accepted(state: InstanceState, fact: f.StepAccepted) -> None:
    change(state, fact.step, phase=Phase.ACCEPTED, accepted=True, reference=fact.reference)


def _step_completed(state: InstanceState, fact: f.StepCompleted) -> None:
    state.order = fact.order
    if fact.step_class == "pivot":
        state.pivoted = True
    step = state.steps.get(fact.step)
    inside = step.inside if step is not None else None
    if step is not None and fact.element == step.element and not fact.late:
        state.steps[step.id] = replace(step, completed=True)
    holds = inside is not None and not fact.partial
    if fact.undo or fact.handler or fact.irreversible or holds:
        state.log[fact.order] = _effect(state, fact, inside)


def _effect(state: InstanceState, fact: f.StepCompleted, inside: int | None) -> Effect:
    scope = fact.scope if fact.scope is not None else ROOT
    known = scope in state.scopes
    tried_before = any(absent.command.step == fact.step for absent in state.absents.values())
    if fact.body and fact.element == state.process:
        snapshot = state.scopes[ROOT].variables
        return Effect(
            order=fact.order,
            step=0,
            element=fact.element,
            scope=ROOT,
            handler=fact.handler,
            inside=ROOT,
            snapshot=snapshot,
            at=state.now,
        )
    return Effect(
        order=fact.order,
        step=fact.step,
        element=fact.element,
        scope=scope,
        path=state.path(scope) if known else (ROOT,),
        undo=fact.undo,
        handler=fact.handler,
        inside=inside,
        snapshot={**state.variables(scope), **fact.own} if fact.handler and known else {},
        irreversible=fact.irreversible,
        together=fact.together,
        at=state.now,
        output=fact.output if tried_before else None,
        references=fact.references if tried_before else {},
        presumed=fact.presumed,
    )


def _child_effects_kept(state: InstanceState, fact: f.ChildEffectsKept) -> None:
    state.order = fact.order
    known = fact.scope in state.scopes
    state.log[fact.order] = Effect(
        order=fact.order,
        step=fact.step,
        element=fact.element,
        scope=fact.scope,
        path=state.path(fact.scope) if known else (ROOT,),
        child=fact.child,
        count=fact.count,
        finished=fact.finished,
        at=fact.at,
    )


def _pivot_passed(state: InstanceState, fact: f.PivotPassed) -> None:
    state.pivoted = True


def _step_rejected(state: InstanceState, fact: f.StepRejected) -> None:
    _settled(state, fact.step, Phase.ENTERED)


def _step_unavailable(state: InstanceState, fact: f.StepUnavailable) -> None:
    if fact.unsure:
        change(state, fact.step, phase=Phase.BACKOFF)
    else:
        _settled(state, fact.step, Phase.BACKOFF)


def _settled(state: InstanceState, step: int, phase: Phase) -> None:
    """The last attempt was certainly not applied; of an earlier one nobody may know still."""
    known = state.steps.get(step)
    if known is not None:
        state.steps[step] = replace(known, phase=phase, unsure=known.unsure if known.unsure < known.attempt else 0)


def _step_unknown(state: InstanceState, fact: f.StepUnknown) -> None:
    change(state, fact.step, phase=Phase.PROBE_WAIT, unsure=fact.attempt)


def _probe_answered(state: InstanceState, fact: f.ProbeAnswered) -> None:
    step = state.steps.get(fact.step)
    if step is None:
        return
    if fact.verdict == "absent" and step.command is not None and step.undoes is None:
        state.absents[step.command.command] = Absent(element=step.element, scope=step.scope, command=step.command)
    known = fact.verdict in ("applied", "absent")
    change(state, fact.step, phase=Phase.PROBE_WAIT, unsure=0 if known else step.unsure)


def _incident_raised(state: InstanceState, fact: f.IncidentRaised) -> None:
    if fact.step in state.steps:
        change(state, fact.step, phase=Phase.INCIDENT, incident=fact)
        state.incidents[fact.step] = None


def _incident_resolved(state: InstanceState, fact: f.IncidentResolved) -> None:
    step = state.steps.get(fact.step)
    if step is not None:
        phase = Phase.INSIDE if step.inside in state.scopes else Phase.WAITING if step.listens else Phase.ENTERED
        state.steps[step.id] = replace(step, phase=phase, incident=None)
    state.incidents.pop(fact.step, None)


def _late_effect_held(state: InstanceState, fact: f.LateEffectHeld) -> None:
    step = state.steps[fact.step]
    state.steps[step.id] = replace(step, held=(*step.held, fact))


def _late_effect_found(state: InstanceState, fact: f.LateEffectFound) -> None:
    state.absents.pop(fact.command, None)


APPLY: dict[type, Callable[[InstanceState, Any], None]] = {
    f.StepWaiting: _step_waiting,
    f.CommandIssued: _command_issued,
    f.CommandDeferred: _command_deferred,
    f.CommandReleased: _command_released,
    f.StepAccepted: _step_accepted,
    f.StepCompleted: _step_completed,
    f.ChildEffectsKept: _child_effects_kept,
    f.PivotPassed: _pivot_passed,
    f.StepRejected: _step_rejected,
    f.StepUnavailable: _step_unavailable,
    f.StepUnknown: _step_unknown,
    f.ProbeAnswered: _probe_answered,
    f.IncidentRaised: _incident_raised,
    f.IncidentResolved: _incident_resolved,
    f.LateEffectHeld: _late_effect_held,
    f.LateEffectFound: _late_effect_found,
}
