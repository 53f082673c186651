"""The timeline of an instance, folded from journals that the engine wrote."""

from collections.abc import Callable

import pytest

from monitor_service.timeline import Step, Timeline, fold
from service_kit.messages import JournalEntry

Journal = Callable[[str], list[JournalEntry]]
MONDAY = 1_767_603_600_000


def folded(entries: list[JournalEntry]) -> Timeline:
    return fold((entry.seq, entry.at, bytes(entry.facts)) for entry in entries)


def steps(timeline: Timeline) -> dict[str, Step]:
    return {step.element: step for step in timeline.steps}


def test_steps_come_in_the_order_in_which_they_began_without_what_only_passes_tokens_on(journal: Journal) -> None:
    timeline = folded(journal("completes"))

    assert [step.element for step in timeline.steps] == ["credit", "order", "reserve", "deliver", "inform"]
    order = steps(timeline)["order"]
    assert (order.operation, order.system, order.status) == ("sys.order", "sys", "completed")
    assert (order.started_at, order.ended_at) == (MONDAY + 1_000, MONDAY + 2_000)
    assert [(a.attempt, a.outcome, a.sent_at, a.answered_at) for a in order.attempts] == [
        (1, "completed", MONDAY + 1_000, MONDAY + 2_000)
    ]


def test_the_step_that_is_out_has_no_outcome_and_no_end(journal: Journal) -> None:
    reserve = steps(folded(journal("completes")[:3]))["reserve"]

    assert (reserve.status, reserve.ended_at, reserve.attempts[0].outcome) == ("running", None, None)


def test_a_refusal_shows_what_was_undone_by_which_operation_and_when(journal: Journal) -> None:
    found = steps(folded(journal("refused")))

    assert (found["reserve"].status, found["reserve"].attempts[0].code) == ("rejected", "OUT_OF_STOCK")
    assert found["reserve"].attempts[0].reason == "3 of 5 in stock"
    undo = found["order"].undo
    assert found["order"].status == "undone"
    assert undo is not None
    assert (undo.status, undo.operation, undo.started_at, undo.ended_at) == (
        "undone",
        "sys.order-undo",
        MONDAY + 3_000,
        MONDAY + 4_000,
    )
    assert [attempt.outcome for attempt in undo.attempts] == ["completed"]
    assert found["credit"].undo is not None
    assert found["credit"].undo.started_at == undo.ended_at


def test_an_undo_in_progress_is_running(journal: Journal) -> None:
    order = steps(folded(journal("refused")[:4]))["order"]

    assert order.undo is not None
    assert (order.status, order.undo.status, order.undo.ended_at) == ("completed", "running", None)


def test_an_unknown_outcome_stays_unknown_where_a_probe_found_the_effect(journal: Journal) -> None:
    order = steps(folded(journal("dropped")))["order"]

    assert [(a.outcome, a.reason) for a in order.attempts] == [("unknown", "connection reset")]
    assert [(p.attempt, p.verdict) for p in order.probes] == [(1, "applied")]
    assert order.status == "completed"


def test_every_attempt_is_there_with_the_time_of_the_next(journal: Journal) -> None:
    order = steps(folded(journal("retried")))["order"]

    assert [(a.attempt, a.outcome) for a in order.attempts] == [(1, "unavailable"), (2, "completed")]
    assert order.attempts[0].reason == "connection refused"
    assert order.attempts[0].retry_at == order.attempts[1].sent_at


def test_an_incident_ends_with_the_retry_and_both_are_events(journal: Journal) -> None:
    entries = journal("exhausted")

    assert steps(folded(entries[:2]))["order"].status == "incident"
    whole = folded(entries)
    assert steps(whole)["order"].status == "completed"
    assert [(e.fact, e.code, e.by) for e in whole.events] == [
        ("incident-raised", "RETRIES_EXHAUSTED", None),
        ("retry", None, "ada"),
    ]


def test_an_undo_with_an_incident_says_so_at_the_step_that_it_undoes(journal: Journal) -> None:
    order = steps(folded(journal("stuck-undo")))["order"]

    assert order.undo is not None
    assert (order.status, order.undo.status) == ("completed", "incident")


def test_a_person_who_was_too_slow_was_interrupted(journal: Journal) -> None:
    entries = journal("interrupted")

    assert steps(folded(entries[:1]))["approve"].status == "waiting"
    approve = steps(folded(entries))["approve"]
    assert (approve.status, approve.ended_at) == ("interrupted", MONDAY + 3_600_000)


def test_a_step_that_was_interrupted_while_its_command_was_out_shows_probe_and_undo(journal: Journal) -> None:
    entries = journal("cancelled-branches")

    assert steps(folded(entries[:3]))["c"].status == "interrupted"
    c = steps(folded(entries))["c"]
    assert (c.status, [p.verdict for p in c.probes]) == ("undone", ["applied"])


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (b'{"fact":"parcel-lost","where":"Ulm"}', ["parcel-lost"]),
        (b'{"fact":"entered","step":"three"}', ["entered?"]),
        (b'{"fact":"undone","order":9,"element":"x","step":8}', []),
        (b'{"fact":"undo-started","order":9,"element":"x","step":8}', []),
        (b'{"fact":"probe-answered","step":8}', []),
        (b'{"step":1}', ["unknown?"]),
        (b"17", ["unknown?"]),
    ],
)
def test_what_is_not_known_is_told_and_breaks_nothing(fact: bytes, told: list[str]) -> None:
    timeline = fold([(1, 5, b"[" + fact + b',{"fact":"entered","step":3,"element":"a"}]')])

    assert [event.fact for event in timeline.events] == told
