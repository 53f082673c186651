"""What can be searched of an instance, folded from journals that the engine wrote."""

from collections.abc import Callable

import pytest

from monitor_service.entries import facts_of
from monitor_service.summary import Summary
from service_kit.messages import JournalEntry

Journal = Callable[[str], list[JournalEntry]]
MONDAY = 1_767_603_600_000


def folded(entries: list[JournalEntry]) -> Summary:
    summary = Summary(entries[0].instance)
    for entry in entries:
        summary.apply(entry.seq, entry.at, facts_of(entry.facts))
    return summary


def test_a_completed_instance_has_its_times_its_key_and_its_documents(journal: Journal) -> None:
    summary = folded(journal("completes"))

    assert (summary.status, summary.process, summary.version, summary.business_key) == ("completed", "p", 1, "SO-1001")
    assert (summary.started_at, summary.ended_at) == (MONDAY, MONDAY + 5_000)
    assert [(d.system, d.name, d.number) for d in summary.fresh_documents] == [
        ("sys", "salesOrder", "4711"),
        ("sys", "reservation", "R-1"),
        ("sys", "outboundDelivery", "80001"),
    ]


def test_a_refused_instance_tells_why(journal: Journal) -> None:
    summary = folded(journal("refused"))

    assert (summary.status, summary.error) == ("compensated", "OUT_OF_STOCK: 3 of 5 in stock")


def test_an_incident_is_open_until_somebody_has_dealt_with_it(journal: Journal) -> None:
    entries = journal("exhausted")

    stuck, mended = folded(entries[:2]), folded(entries)

    assert (stuck.status, stuck.ended_at) == ("incident", None)
    assert [(i.element, i.code, i.operation) for i in stuck.open_incidents.values()] == [
        ("order", "RETRIES_EXHAUSTED", "sys.order")
    ]
    assert not mended.open_incidents
    assert [i.resolved_at for i in mended.fresh_incidents] == [entries[2].at]
    assert mended.error is None


def test_an_undo_that_is_refused_is_an_incident_of_the_undone_element(journal: Journal) -> None:
    summary = folded(journal("stuck-undo"))

    (incident,) = summary.open_incidents.values()
    assert (incident.element, incident.operation, incident.code) == ("order", "sys.order-undo", "ALREADY_INVOICED")


@pytest.mark.parametrize(
    "fact",
    [
        b'{"fact":"parcel-lost","where":"Ulm"}',
        b'{"fact":"status-changed","status":{"a":1}}',
        b'{"fact":"entered","step":"three"}',
        b'{"fact":"incident-raised","step":7}',
        b'{"fact":"step-completed","step":99,"references":{"a":4711}}',
        b'{"step":1}',
        b"17",
        b"null",
    ],
)
def test_a_fact_of_a_newer_vocabulary_breaks_nothing_beside_it(fact: bytes) -> None:
    summary = Summary("i1")

    summary.apply(1, 5, facts_of(b"[" + fact + b',{"fact":"status-changed","status":"waiting"}]'))

    assert (summary.seq, summary.status) == (1, "waiting")


def test_an_instance_that_another_one_called_knows_its_caller_and_their_root() -> None:
    summary = Summary("a.2.5-1")

    summary.apply(1, MONDAY, facts_of(b'[{"fact":"instance-started","process":"p","version":1,"parent":"a.2"}]'))

    assert (summary.parent, summary.root) == ("a.2", "a")


def test_an_ended_instance_that_its_caller_has_undone_is_open_meanwhile(journal: Journal) -> None:
    summary = folded(journal("completes"))

    summary.apply(90, MONDAY, facts_of(b'[{"fact":"status-changed","status":"compensating"}]'))

    assert (summary.status, summary.ended_at) == ("compensating", None)


def test_an_instance_that_was_migrated_has_its_new_version(journal: Journal) -> None:
    summary = folded(journal("completes"))

    summary.apply(90, MONDAY, facts_of(b'[{"fact":"migrated","version":3}]'))

    assert summary.version == 3
