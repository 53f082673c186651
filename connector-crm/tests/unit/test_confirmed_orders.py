from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from connector_crm.adapters.confirmed_orders import look
from service_kit.connector.mapping import MappingFailed

OVERLAP = timedelta(minutes=2)
START = datetime(2026, 11, 23, 4, 40, tzinfo=UTC)


def record(number: str, stamp: str = "04:41:00.000", modified: str | None = None) -> dict[str, Any]:
    return {
        "Id": f"801{number}",
        "OrderNumber": number,
        "LastModifiedDate": f"2026-11-23T{modified or stamp}+0000",
        "SystemModstamp": f"2026-11-23T{stamp}+0000",
    }


class Crm:
    """A CRM in which these looks find these records."""

    def __init__(self, *looks: list[dict[str, Any]]) -> None:
        self.looks = list(looks)
        self.asked_since: list[datetime] = []

    def newest_stamp(self, deadline: float) -> datetime | None:
        return START

    def confirmed_orders(self, since: datetime, deadline: float) -> Iterable[dict[str, Any]]:
        self.asked_since.append(since)
        return self.looks.pop(0)

    def order(self, record: dict[str, Any]) -> Any:
        if record["OrderNumber"] == "broken":
            raise MappingFailed("sales-order.totalAmount: not a number")
        return {"number": record["OrderNumber"]}


def test_a_confirmed_order_becomes_one_event_however_often_it_is_seen() -> None:
    # given
    crm = Crm([record("101")], [record("101"), record("102", "04:41:01.000")])

    # when
    first = look(crm, None, OVERLAP)
    second = look(crm, first.watermark, OVERLAP)

    # then
    assert [(event.type, event.subject, event.data) for event in first.events] == [
        ("crm.order.confirmed", "101", {"number": "101"})
    ]
    assert [event.subject for event in second.events] == ["102"]


def test_a_look_that_was_not_kept_gives_the_same_events_again() -> None:
    # given
    crm = Crm([record("101")], [record("101")])

    # when / then
    assert look(crm, None, OVERLAP) == look(crm, None, OVERLAP)


def test_a_look_starts_earlier_than_the_newest_stamp() -> None:
    # given
    crm = Crm([record("101", "04:41:00.000")], [])

    # when
    first = look(crm, None, OVERLAP)
    look(crm, first.watermark, OVERLAP)

    # then
    assert crm.asked_since == [START - OVERLAP, START + timedelta(minutes=1) - OVERLAP]


def test_a_recalculation_is_no_new_event_and_a_persons_change_is_one() -> None:
    # given
    confirmed = record("101", "04:41:00.000")
    recalculated = record("101", "04:42:00.000", modified="04:41:00.000")
    changed = record("101", "04:43:00.000")
    crm = Crm([confirmed], [recalculated], [changed])

    # when
    first = look(crm, None, OVERLAP)
    after_recalculation = look(crm, first.watermark, OVERLAP)
    after_change = look(crm, after_recalculation.watermark, OVERLAP)

    # then
    assert (len(after_recalculation.events), len(after_change.events)) == (0, 1)


def test_events_are_remembered_no_longer_than_they_can_be_seen_again() -> None:
    # given
    crm = Crm([record("101", "04:41:00.000")], [record("102", "04:50:00.000")])

    # when
    first = look(crm, None, OVERLAP)
    second = look(crm, first.watermark, OVERLAP)

    # then
    assert "801101" in (first.watermark or "")
    assert "801101" not in (second.watermark or "")


def test_an_order_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    # given
    crm = Crm([record("broken"), record("102", "04:41:01.000")])

    # when
    page = look(crm, None, OVERLAP)

    # then
    assert [event.subject for event in page.events] == ["102"]
