"""What happened in a run, in the words of expectations."""

import msgspec

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import Trigger
from saga_coordinator.engine.state import ROOT
from saga_coordinator.scenarios.run import Run


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """`entered`: flow nodes in order; `completed`: activities in order of completion; `undone`: activities in order of
    undo; `open`: element ids of open steps, sorted."""

    status: str = ""
    entered: list[str] = []
    completed: list[str] = []
    undone: list[str] = []
    open: list[str] = []


def observe(run: Run) -> Observed:
    """Look at a run as it is now."""
    return Observed(
        status=run.state.status if run.state is not None else "",
        entered=[fact.element for fact in run.facts if isinstance(fact, f.Entered)],
        completed=[fact.element for fact in run.facts if isinstance(fact, f.StepCompleted) and not fact.late],
        undone=[fact.element for fact in run.facts if isinstance(fact, f.Undone) and not fact.null],
        open=sorted(step.element for step in run.open_steps()),
    )


def incidents(run: Run) -> list[dict[str, str]]:
    """The open incidents."""
    steps = run.state.steps.values() if run.state is not None else []
    return [{"step": step.element, "code": step.incident.code} for step in steps if step.incident is not None]


def variables(run: Run) -> dict[str, object]:
    """The root scope's variables."""
    scopes = run.state.scopes if run.state is not None else {}
    return dict(scopes[ROOT].variables) if ROOT in scopes else {}


def handlers_reached(run: Run) -> set[str]:
    """Compensation boundary events whose handler ran: no token ever comes to them."""
    ran = {fact.element for fact in run.facts if isinstance(fact, f.UndoStarted) and fact.handler}
    attached = (event for event in run.process.elements.values() if event.attached_to in ran)
    return {event.id for event in attached if event.event and event.event.trigger is Trigger.COMPENSATE}


def flows_taken(run: Run) -> set[str]:
    """Sequence flows that a token took."""
    return {fact.via for fact in run.facts if isinstance(fact, f.Entered) and fact.via is not None}
