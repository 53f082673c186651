"""Transactions that are cancelled (BPMN 2.0, 13.5.2): everything inside ends, then it is undone, then the cancel event
on the border is left (`decide` sees to that when nothing is at work inside any more)."""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine.interrupting import interrupt_scope
from saga_coordinator.engine.process import Kind
from saga_coordinator.engine.state import Step
from saga_coordinator.engine.turn import Turn
from saga_coordinator.engine.waiting import disarm


def transaction_around(turn: Turn, step: Step) -> Step | None:
    """The transaction that the step stands in. One that is done several times is one as a whole: its cancel event ends
    all items (10.5.4, "in case of a multi-instance, all its instances are cancelled")."""
    owners = (around for around in turn.around(step) if turn.element(around).kind is Kind.TRANSACTION)
    return next((owner for owner in owners if owner.inside is not None and owner.item is None), None)


def cancel(turn: Turn, transaction: Step, by: str) -> None:
    """Cancel the transaction: the element `by` wants it."""
    inside = transaction.inside or 0
    disarm(turn, transaction.id)
    turn.emit(f.TransactionCancelled(scope=inside, by=by))
    interrupt_scope(turn, inside, by)
    turn.check(inside)
