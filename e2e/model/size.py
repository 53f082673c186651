"""What is checked: a small process, and how much may go wrong."""

from typing import Any

import msgspec

from e2e.model.inbox import SETTLE_S, InboxOf
from saga_coordinator.engine.process import Process, Retry
from saga_coordinator.testing.drawing import Drawing, operation
from service_kit.catalogue import Catalogue, Effect, Operation, Undo
from service_kit.connector.inbox import Inbox

FAULTS = (
    "coordinator-crash",
    "connector-crash",
    "duplicate",
    "lose",
    "no-answer",
    "down",
    "refuse",
    "lag",
    "lapse",
    "sweep",
    "nudge",
    "cancel",
    "abandon",
    "retry",
)
"""`no-answer`: an answer is lost, or does not come in time; `down`: it certainly did not reach the system; `lag`: the
index does not know a document yet; `lapse`: a live connector loses its lease for a while; `refuse`: the system refuses
what it would take else, also an undo; `cancel` and `abandon`: an operator stops it, with and without undo; `retry`: one
has an incident tried again."""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """`faults` (each at most `each` times) happen `together` times at most. The system refuses `refuses`, by method;
    `names_documents`: it gives references. `beyond` settle: as many requests may land later than the catalogue promises
    while their senders wait. The last ones break a rule each, to see that the checker finds it."""

    tasks: tuple[str, ...] = ("a", "b")
    refuses: frozenset[str] = frozenset({"b"})
    names_documents: bool = True
    coordinators: int = 1
    connectors: int = 1
    faults: tuple[str, ...] = FAULTS
    each: int = 1
    together: int = 2
    beyond: int = 0
    attempts: int = 2
    probes: int = 2
    inbox: InboxOf = Inbox
    rows_compete: bool = True
    acks_first: bool = False
    repeats_blindly: bool = False
    settle: float = SETTLE_S
    leases_count: bool = True
    lapses_count: bool = True

    @property
    def budget(self) -> tuple[tuple[str, int], ...]:
        """What a world begins with."""
        late = (("late", self.beyond),) if self.beyond else ()
        return (*((fault, self.each) for fault in self.faults), *late, ("any", self.together + self.beyond))


def process_of(size: Size) -> Process:
    """The tasks one after the other, each a create with a probe and an undo."""
    drawing = Drawing("p").start()
    for task in size.tasks:
        changes: dict[str, Any] = {"safe_to_repeat": True, "probe": False} if size.repeats_blindly else {}
        declared = operation(f"sys.{task}", **changes)
        drawing.service(task, op=declared, retry=Retry(attempts=size.attempts))
    return drawing.end().flow("start", *size.tasks, "end").process()


def catalogue_of(size: Size) -> Catalogue:
    """The same operations as the connector knows them."""
    found = []
    for task in size.tasks:
        undo = Undo(f"sys.{task}-undo")
        found.append(Operation(f"sys.{task}", "sys", Effect.CREATE, undo, probe=True, settle=size.settle, timeout=1))
        found.append(Operation(f"sys.{task}-undo", "sys", Effect.IDEMPOTENT, timeout=1))
    return Catalogue(found)
