"""Which item of a multi-instance (or round of a loop) a step belongs to, also when it is over or being undone."""

from saga_coordinator.engine import facts as f


class Items:
    """The innermost item of every step of an instance, as far as its facts have told."""

    def __init__(self) -> None:
        self._of_steps: dict[int, int] = {}
        self._of_scopes: dict[int, int] = {}
        self._done: dict[int, int] = {}

    def note(self, fact: f.Fact) -> None:
        """Something happened in the instance."""
        match fact:
            case f.Entered():
                self._put(self._of_steps, fact.step, fact.item or self._of_scopes.get(fact.scope))
            case f.ScopeOpened():
                around = self._of_steps.get(fact.step) or self._of_scopes.get(fact.parent)
                self._put(self._of_scopes, fact.scope, fact.item or around)
            case f.StepCompleted():
                self._done[fact.order] = fact.step
            case f.UndoStarted():
                self._put(self._of_steps, fact.step, self.of(self._done.get(fact.order, 0)))

    def _put(self, table: dict[int, int], key: int, item: int | None) -> None:
        if item is not None:
            table[key] = item

    def of(self, step: int) -> int | None:
        """From 1; None where the step is inside of none."""
        return self._of_steps.get(step)
