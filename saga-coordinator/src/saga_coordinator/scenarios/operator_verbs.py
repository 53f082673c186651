"""What operators do in a scenario: the API's actions, with the same fields."""

from collections.abc import Callable
from typing import Any

from saga_coordinator.engine import inputs as i
from saga_coordinator.scenarios.language import Action, Address
from saga_coordinator.scenarios.run import CannotDo
from saga_coordinator.scenarios.stage import Stage


def operator(stage: Stage, action: Action) -> None:
    """`operator: {ACT: ADDR, ...}`. Raises `CannotDo` and `IllegalInput`."""
    told = dict(action.subject) if isinstance(action.subject, dict) else {}
    verb = next((name for name in told if name in _OPERATOR), None)
    if verb is None:
        raise CannotDo(f"operator: one of {', '.join(sorted(_OPERATOR))} is expected")
    subject = told.pop(verb)
    told.setdefault("by", "operator")
    try:
        _OPERATOR[verb](stage, subject, told)
    except TypeError as error:
        raise CannotDo(f"operator {verb}: {error}") from error


def _retry(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    run, step = stage.root, None
    if isinstance(subject, str) and subject != "all":
        address = Address.read(subject)
        stuck = [
            (run, step)
            for run in stage.runs.values()
            for step in (run.state.steps.values() if run.state is not None else ())
            if step.incident is not None and step.element == address.element
        ]
        run, found = stuck[0] if len(stuck) == 1 else stage.find(address)
        step = found.id
    stage.give(run, i.Retry(id=stage.next_id(), instance=run.id, at=stage.now, step=step, **told))


def _cancel(stage: Stage, subject: Any, told: dict[str, Any]) -> None:
    stage.give(stage.root, i.Cancel(id=stage.next_id(), instance=stage.root.id, at=stage.now, **told))


_OPERATOR: dict[str, Callable[[Stage, Any, dict[str, Any]], None]] = {"retry": _retry, "cancel": _cancel}
