"""The command protocol, checked in every world that small sizes can reach: see `e2e.model`."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from e2e.model.checker import Checker, Report, Violated
from e2e.model.inbox import UNIT_MS
from e2e.model.size import FAULTS, Size
from service_kit.connector.inbox import Exchanged, Finished, Inbox, Starting
from service_kit.connector.rules import Row

pytestmark = pytest.mark.timeout(900)  # seconds of processor each, but the machine may do other things too

NOTHING = frozenset[str]()
REFUSED = Size(together=1)
COMPLETES = Size(together=1, refuses=NOTHING)
ONE_TASK = Size(together=2, refuses=NOTHING, tasks=("a",))
# What lands later than promised is told by its sender alone: it must live, and its reply must not be lost.
BEYOND = replace(ONE_TASK, beyond=1, together=3, faults=("lapse", "nudge", "retry"))
CRASHES_AND_LOSSES = ("coordinator-crash", "connector-crash", "lose", "lag", "nudge", "refuse")


def check(size: Size) -> Report:
    return Checker(size).run()


@pytest.mark.parametrize(
    ("size", "ends"),
    [
        (REFUSED, {"compensated", "cancelled", "incident RETRIES_EXHAUSTED", "incident REFUSED"}),
        (COMPLETES, {"completed", "compensated", "cancelled", "incident RETRIES_EXHAUSTED"}),
        (replace(REFUSED, coordinators=2), {"compensated", "cancelled", "incident RETRIES_EXHAUSTED"}),
        (replace(REFUSED, connectors=2), {"compensated", "cancelled", "incident RETRIES_EXHAUSTED"}),
        (ONE_TASK, {"completed", "compensated", "cancelled", "incident RETRIES_EXHAUSTED", "incident REFUSED"}),
        (BEYOND, {"completed", "incident LATE_EFFECT", "incident RETRIES_EXHAUSTED"}),
    ],
    ids=["refused", "completes", "two coordinators", "two connectors", "one task, two faults", "beyond settle"],
)
def test_no_effect_is_doubled_lost_or_left_and_everything_comes_to_rest(size: Size, ends: set[str]) -> None:
    report = check(size)

    print(report)
    assert ends <= set(report.ends)
    assert set(report.ends) <= ends | {"completed", "compensated", "cancelled", "incident REFUSED"}


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "size",
    [
        replace(REFUSED, together=2),
        replace(COMPLETES, together=2),
        replace(ONE_TASK, coordinators=2),
        replace(ONE_TASK, connectors=2),
        replace(ONE_TASK, together=3, faults=("connector-crash", "duplicate", "no-answer", "lapse", "cancel")),
        replace(ONE_TASK, together=3, faults=CRASHES_AND_LOSSES),
        replace(ONE_TASK, each=2),
        replace(BEYOND, together=2, faults=tuple(fault for fault in FAULTS if fault != "lose")),
    ],
    ids=[
        "refused",
        "completes",
        "coordinators",
        "connectors",
        "three faults",
        "three others",
        "the same fault twice",
        "beyond",
    ],
)
def test_the_same_holds_in_larger_worlds(size: Size) -> None:
    print(check(size))


class SealsNothing(Inbox):
    def seal(self, commands: Sequence[Starting]) -> dict[str, Row]:
        return self.look([item.command for item in commands])


class RemembersNothing(Inbox):
    def exchange(self, finished: Sequence[Finished], starting: Sequence[Starting]) -> Exchanged:
        exchanged = super().exchange(finished, starting)
        return replace(exchanged, started=frozenset(item.command for item in starting))


class RecordsWhatWasFoundOfSealed(Inbox):
    def exchange(self, finished: Sequence[Finished], starting: Sequence[Starting]) -> Exchanged:
        return super().exchange([Finished(item.command, item.outcome) for item in finished], starting)


@pytest.mark.parametrize(
    ("broken", "wrong"),
    [
        (replace(ONE_TASK, inbox=SealsNothing), "effect"),
        (replace(ONE_TASK, together=1, inbox=RemembersNothing), "a double effect"),
        (
            replace(
                ONE_TASK,
                inbox=RecordsWhatWasFoundOfSealed,
                names_documents=False,
                faults=("nudge", "connector-crash"),
            ),
            "an incident that should not be",
        ),
        (replace(ONE_TASK, settle=1 / UNIT_MS), "effect"),
        (replace(ONE_TASK, together=1, repeats_blindly=True), "a double effect"),
        (replace(ONE_TASK, together=1, acks_first=True), "it neither ends nor waits for a person"),
        (replace(ONE_TASK, coordinators=2, rows_compete=False), "effect"),
        (replace(ONE_TASK, leases_count=False), "effect"),
        (replace(ONE_TASK, lapses_count=False), "effect"),
    ],
    ids=[
        "probes do not seal",
        "the inbox forgets",
        "what was found of a sealed command is recorded",
        "settle is not waited for",
        "an unknown create is repeated",
        "an input is acknowledged before its commit",
        "two rows have one place",
        "a lease means nothing",
        "a lease that has lapsed is as good as new",
    ],
)
def test_a_broken_rule_is_found(broken: Size, wrong: str) -> None:
    with pytest.raises(Violated) as violated:
        check(broken)

    story = str(violated.value).splitlines()
    print(violated.value)
    assert wrong in story[0]
    assert story[1].startswith("  1. a coordinator ")
