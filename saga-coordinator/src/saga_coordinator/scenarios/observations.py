"""What happened on a stage, in the words of expectations."""

from collections.abc import Iterator

import msgspec

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import Trigger
from saga_coordinator.engine.state import ROOT
from saga_coordinator.scenarios.stage import Stage


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """`entered`: flow nodes in order; `completed`: activities in order of completion; `undone`: activities in order of
    undo; `open`: element ids of open steps, sorted. Called processes count as if they were inside."""

    status: str = ""
    entered: list[str] = []
    completed: list[str] = []
    undone: list[str] = []
    open: list[str] = []


def observe(stage: Stage) -> Observed:
    """Look at a stage as it is now."""
    facts = [fact for _, fact in stage.told]
    state = stage.root.state
    return Observed(
        status=state.status if state is not None else "",
        entered=[fact.element for fact in facts if isinstance(fact, f.Entered) and not fact.body],
        completed=[
            fact.element for fact in facts if isinstance(fact, f.StepCompleted) and not (fact.late or fact.body)
        ],
        undone=list(_undone(stage)),
        open=sorted(step.element for _, step in stage.open_steps()),
    )


def _undone(stage: Stage) -> Iterator[str]:
    """Of a called process that was loaded, what was undone in it is told, and not the calling activity; unless the
    called process was undone as a whole."""
    for run, fact in stage.told:
        if not isinstance(fact, f.Undone) or fact.null or fact.element == run.process.id:
            continue
        child = stage.runs.get(run.live.log[fact.order].child or "")
        if child is None or child.process.body.handler is not None:
            yield fact.element


def incidents(stage: Stage) -> list[dict[str, str]]:
    """The open incidents."""
    states = [run.state for run in stage.runs.values() if run.state is not None]
    steps = [step for state in states for step in state.steps.values()]
    return [{"step": step.element, "code": step.incident.code} for step in steps if step.incident is not None]


def variables(stage: Stage) -> dict[str, object]:
    """The root scope's variables."""
    scopes = stage.root.state.scopes if stage.root.state is not None else {}
    return dict(scopes[ROOT].variables) if ROOT in scopes else {}


def reached(stage: Stage, process: str) -> frozenset[str]:
    """Flow nodes and sequence flows of the process that tokens came to, and compensation boundary events whose handler
    ran: no token ever comes to them."""
    told = [(run, fact) for run, fact in stage.told if run.process.id == process]
    entered = {fact.element for _, fact in told if isinstance(fact, f.Entered)}
    flows = {fact.via for _, fact in told if isinstance(fact, f.Entered) and fact.via is not None}
    ran = {fact.element for _, fact in told if isinstance(fact, f.UndoStarted) and fact.handler}
    elements = (element for run in stage.runs.values() for element in run.process.elements.values())
    attached = (event for event in elements if event.attached_to in ran and event.event is not None)
    handlers = {event.id for event in attached if event.event and event.event.trigger is Trigger.COMPENSATE}
    return frozenset(entered | flows | handlers)
