"""What operators do in a scenario: the API's actions, with the same fields."""

from collections.abc import Callable
from typing import Any

import msgspec

from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.state import Step
from saga_coordinator.scenarios.language import Action, Address
from saga_coordinator.scenarios.run import CannotDo, Run
from saga_coordinator.scenarios.stage import Stage


def operator(stage: Stage, action: Action) -> None:
    """`operator: {ACT: ADDR, ...}`. Raises `CannotDo` and `IllegalInput`."""
    told = dict(action.subject) if isinstance(action.subject, dict) else {}
    verb = next((name for name in told if name in ACTS), None)
    if verb is None:
        raise CannotDo(f"operator: one of {', '.join(sorted(ACTS))} is expected")
    subject = told.pop(verb)
    told.setdefault("by", "operator")
    try:
        ACTS[verb](stage, subject, told)
    except TypeError as error:
        raise CannotDo(f"operator {verb}: {error}") from error


def _retry(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    run, step = stage.root, None
    if "input" in told:  # as the API calls it
        told["edited"] = told.pop("input")
    if isinstance(subject, str) and subject != "all":
        run, found = _stuck(stage, Address.read(subject))
        step = found.id
    if "input" in told:
        told["edited"] = told.pop("input")
    stage.give(run, i.Retry(id=stage.next_id(), instance=run.id, at=stage.now, step=step, **told))


def _stuck(stage: Stage, address: Address) -> tuple[Run, Step]:
    """The step with an incident that the address means."""
    stuck = [
        (run, step)
        for run in stage.runs.values()
        for step in (run.state.steps.values() if run.state is not None else ())
        if step.incident is not None and step.element == address.element and address.item in (None, step.item)
    ]
    if address.nth is not None:
        stuck = stuck[address.nth - 1 : address.nth]
    return stuck[0] if len(stuck) == 1 else stage.find(address)


def _cancel(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    stage.give(stage.root, i.Cancel(id=stage.next_id(), instance=stage.root.id, at=stage.now, **told))


def _skip(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    run, step = stage.find(Address.read(subject))
    stage.give(run, i.Skip(id=stage.next_id(), instance=run.id, at=stage.now, step=step.id, **told))


def _move(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    run, step = stage.find(Address.read(subject))
    stage.give(run, i.Move(id=stage.next_id(), instance=run.id, at=stage.now, step=step.id, **told))


def _by_hand(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    run, step = _stuck(stage, Address.read(subject))
    stage.give(run, i.ByHand(id=stage.next_id(), instance=run.id, at=stage.now, step=step.id, **told))


def _suspend(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    stage.give(stage.root, i.Suspend(id=stage.next_id(), instance=stage.root.id, at=stage.now, **told))


def _resume(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    stage.give(stage.root, i.Resume(id=stage.next_id(), instance=stage.root.id, at=stage.now, **told))


def _migrate(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    """To another process file, with its version counted up."""
    process = stage.loaded(str(subject))
    version = stage.root.live.version + 1
    stage.root.process = msgspec.structs.replace(process, version=version)
    migrate = i.Migrate(id=stage.next_id(), instance=stage.root.id, at=stage.now, version=version, **told)
    stage.give(stage.root, migrate)


ACTS: dict[str, Callable[[Stage, Any, dict[str, Any]], None]] = {
    "retry": _retry,
    "cancel": _cancel,
    "skip": _skip,
    "move": _move,
    "by_hand": _by_hand,
    "suspend": _suspend,
    "resume": _resume,
    "migrate": _migrate,
}
