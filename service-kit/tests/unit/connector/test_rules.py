"""What a connector may conclude from its inbox."""

from typing import Any

import pytest

from service_kit.catalogue import Effect, Operation
from service_kit.connector.rules import (
    DIED,
    SEALED,
    SEVERAL,
    Answer,
    Ask,
    CarryOutAgain,
    Row,
    Wait,
    as_execution,
    believed,
    delivered_again,
    probed,
)
from service_kit.messages import (
    Accepted,
    Completed,
    Outcome,
    Probed,
    ProbeVerdict,
    Rejected,
    Unavailable,
    Unknown,
)

CREATE = Operation("erp.create-sales-order", "erp", Effect.CREATE, probe=True, settle=5)
BLIND = Operation("erp.post-document", "erp", Effect.CREATE)
CANCEL = Operation("erp.cancel-sales-order", "erp", Effect.IDEMPOTENT)
DONE = Completed(output={"number": "4711"}, references={"salesOrder": "4711"})


def row(**values: Any) -> Row:
    return Row(**{"command": "i.1.1", "owner": "erp:a", "started_at": 1_000, "now": 100_000, **values})


@pytest.mark.parametrize("outcome", [DONE, Rejected(code="NO"), Unavailable(), Unknown(), Accepted(reference="7")])
def test_a_command_with_an_outcome_gives_the_same_reply_again(outcome: Outcome) -> None:
    assert delivered_again(row(outcome=outcome, finished_at=2_000), CREATE) == Answer(outcome)


def test_a_sealed_command_that_was_never_started_is_never_sent() -> None:
    assert delivered_again(row(started_at=None, owner=None, sealed_at=1), CREATE) == Answer(Unavailable(reason=SEALED))


def test_a_command_whose_owner_lives_is_waited_for() -> None:
    assert delivered_again(row(owner_until=100_001), CREATE) == Wait()


def test_a_create_whose_owner_died_is_answered_by_probe() -> None:
    assert delivered_again(row(owner_until=99_999), CREATE) == Ask(settled=False)


def test_a_create_without_a_probe_whose_owner_died_is_unknown() -> None:
    assert delivered_again(row(), BLIND) == Answer(Unknown(reason=DIED), record=True)


def test_an_idempotent_command_whose_owner_died_is_carried_out_again() -> None:
    assert delivered_again(row(), CANCEL) == CarryOutAgain()


@pytest.mark.parametrize("operation", [CREATE, CANCEL, BLIND])
def test_a_started_command_that_was_sealed_is_never_claimed_to_be_absent(operation: Operation) -> None:
    assert delivered_again(row(sealed_at=2_000), operation) == Answer(Unknown(reason=DIED), record=True)


def test_a_started_command_whose_operation_is_gone_is_unknown() -> None:
    assert delivered_again(row(), None) == Answer(Unknown(reason=DIED), record=True)


def test_a_probe_of_a_completed_command_is_answered_from_the_inbox() -> None:
    expected = Probed(verdict=ProbeVerdict.APPLIED, output=DONE.output, references=DONE.references)

    assert probed(row(outcome=DONE, finished_at=2_000, sealed_at=3_000), CREATE) == Answer(expected)


@pytest.mark.parametrize("outcome", [Rejected(code="NO"), Unavailable()])
def test_a_probe_of_a_command_that_was_certainly_not_applied_says_absent(outcome: Outcome) -> None:
    assert probed(row(outcome=outcome), CREATE) == Answer(Probed(verdict=ProbeVerdict.ABSENT))


def test_a_probe_of_a_command_that_is_being_carried_out_says_pending() -> None:
    assert probed(row(owner_until=100_001), CREATE) == Answer(Probed(verdict=ProbeVerdict.PENDING))


@pytest.mark.parametrize(
    ("values", "settled"),
    [
        ({"outcome": Unknown(), "finished_at": 95_000, "sealed_at": 96_000}, True),
        ({"outcome": Unknown(), "finished_at": 95_001, "sealed_at": 96_000}, False),
        ({"owner_until": 96_000, "sealed_at": 90_000}, False),
        ({"owner_until": 95_000, "sealed_at": 90_000}, True),
        ({"started_at": None, "owner": None, "sealed_at": 96_000}, False),
        ({"started_at": None, "owner": None, "sealed_at": 95_000}, True),
    ],
)
def test_absent_is_believed_only_when_the_settle_time_is_over(values: dict[str, Any], settled: bool) -> None:
    assert probed(row(**values), CREATE) == Ask(settled=settled)


def test_without_a_probe_only_what_was_never_started_is_absent() -> None:
    never = row(started_at=None, owner=None, sealed_at=1)

    assert probed(never, BLIND) == Answer(Probed(verdict=ProbeVerdict.ABSENT))
    assert probed(row(sealed_at=2_000), BLIND) == Answer(Probed(verdict=ProbeVerdict.IMPOSSIBLE))
    assert probed(row(outcome=Unknown(), finished_at=2), BLIND) == Answer(Probed(verdict=ProbeVerdict.IMPOSSIBLE))


def test_an_absence_before_the_settle_time_is_pending_and_a_find_counts_at_once() -> None:
    found = Probed(verdict=ProbeVerdict.APPLIED, output=1)

    assert believed(Probed(verdict=ProbeVerdict.ABSENT), settled=False) == Probed(verdict=ProbeVerdict.PENDING)
    assert believed(Probed(verdict=ProbeVerdict.ABSENT), settled=True) == Probed(verdict=ProbeVerdict.ABSENT)
    assert believed(found, settled=False) == found


def test_a_probe_in_place_of_a_reply_never_claims_more_than_it_found() -> None:
    assert as_execution(Probed(verdict=ProbeVerdict.APPLIED, output=1)) == Completed(output=1)
    assert as_execution(Probed(verdict=ProbeVerdict.ABSENT)) == Unknown(reason=DIED)
    assert as_execution(Probed(verdict=ProbeVerdict.SEVERAL, documents=["1", "2"])) == Unknown(reason=SEVERAL)
    assert as_execution(Unavailable(reason="no connection")) == Unknown(reason=DIED)
