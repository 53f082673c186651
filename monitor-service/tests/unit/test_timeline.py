"""The timeline of an instance, folded from journals that the engine wrote."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from monitor_service.steps import Items, Step
from monitor_service.timeline import Timeline, fold
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


# -- facts of the whole profile; the journals above are of the engine's first form


def told(*rows: list[dict[str, Any]]) -> Timeline:
    return fold((seq, MONDAY + seq, msgspec.json.encode(facts)) for seq, facts in enumerate(rows, 1))


def test_an_activity_that_is_done_several_times_tells_how_far_it_is_and_has_a_step_for_each_item() -> None:
    timeline = told(
        [
            {"fact": "entered", "step": 2, "element": "each", "scope": 1, "body": True},
            {"fact": "scope-opened", "scope": 3, "parent": 1, "step": 2, "element": "each"},
            {"fact": "rounds-planned", "scope": 3, "total": 2, "values": ["a", "b"]},
            {"fact": "scope-opened", "scope": 4, "parent": 3, "step": 2, "element": "each", "item": 1},
            {"fact": "entered", "step": 5, "element": "each", "scope": 4, "item": 1},
            {"fact": "step-waiting", "step": 5, "waits_for": "person"},
        ],
        [
            {"fact": "step-completed", "step": 5, "element": "each", "order": 1},
            {"fact": "left", "step": 5},
            {"fact": "scope-closed", "scope": 4},
            {"fact": "round-done", "scope": 3, "item": 1, "result": 7},
        ],
    )

    body, item = timeline.steps
    assert (body.item, body.items, body.status) == (None, Items(total=2, done=1), "running")
    assert (item.item, item.items, item.status) == (1, None, "completed")
    assert timeline.events == []


def test_a_call_names_the_instance_that_it_runs_and_how_that_ended() -> None:
    begun: list[list[dict[str, Any]]] = [
        [
            {"fact": "entered", "step": 2, "element": "call", "scope": 1},
            {"fact": "child-called", "step": 2, "child": "i.2", "process": "p"},
        ],
        [
            {"fact": "child-effects-kept", "step": 2, "element": "call", "order": 1, "child": "i.2", "count": 1},
            {"fact": "child-effects-kept", "step": 2, "element": "call", "order": 2, "child": "i.2", "count": 3},
            {"fact": "error-thrown", "step": 2, "code": "NO_CREDIT", "message": "not this one"},
            {"fact": "undo-started", "step": 3, "order": 2, "element": "call", "scope": 1},
            {"fact": "step-waiting", "step": 3, "waits_for": "child"},
            {"fact": "child-told", "step": 3, "child": "i.2", "what": "undo", "left": 1},
        ],
    ]
    undone: list[list[dict[str, Any]]] = [
        [{"fact": "undone", "order": 2, "element": "call", "step": 3}],
        [
            {"fact": "undo-started", "step": 4, "order": 1, "element": "call", "scope": 1},
            {"fact": "undone", "order": 1, "element": "call", "step": 4},
        ],
    ]

    timeline = told(*begun)
    (call,) = timeline.steps
    assert (call.child, call.status, call.undo and call.undo.status) == ("i.2", "rejected", "running")
    assert told(*begun, undone[0]).steps[0].status == "rejected"
    assert told(*begun, *undone).steps[0].status == "undone"
    assert [(event.fact, event.code, event.what) for event in timeline.events] == [
        ("error-thrown", "NO_CREDIT", None),
        ("child-told", None, "undo"),
    ]


def test_signals_messages_escalations_and_what_a_caller_is_told_stand_beside_the_steps() -> None:
    timeline = told(
        [
            {"fact": "signal-thrown", "step": 2, "name": "plant.closed", "payload": {"plant": "1010"}},
            {"fact": "message-thrown", "step": 3, "name": "order.shipped", "key": "SO-1"},
            {"fact": "escalation-thrown", "step": 4, "code": "LATE", "caught_by": "Event_late"},
            {"fact": "transaction-cancelled", "scope": 5, "by": "Event_cancel"},
            {"fact": "parent-told", "number": 1, "parent": "i", "step": 7, "outcome": "completed"},
            {"fact": "condition-watched", "condition": 8, "step": 4, "element": "Event_if"},
            {"fact": "listener-opened", "step": 9, "element": "Event_any", "scope": 1},
        ]
    )

    assert [(event.fact, event.name or event.code or event.by or event.what) for event in timeline.events] == [
        ("signal-thrown", "plant.closed"),
        ("message-thrown", "order.shipped"),
        ("escalation-thrown", "LATE"),
        ("transaction-cancelled", "Event_cancel"),
        ("parent-told", "completed"),
    ]
    assert timeline.steps == []


def test_facts_that_nobody_knows_yet_break_nothing_whatever_their_fields_are() -> None:
    timeline = told([{"fact": "from-the-future", "step": "seven", "scope": [], "item": {}, "child": 1}, {"step": 2}])

    assert [event.fact for event in timeline.events] == ["from-the-future?", "unknown?"]
