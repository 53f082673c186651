import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, UniqueConstraint, create_engine, select, update
from sqlalchemy.pool import StaticPool

from connector_wms.adapters.staging_messages import Messages, Status, Taken
from connector_wms.adapters.staging_schema import RESERVATION_IN
from service_kit.connector.outcomes import NotApplied

LINES = [
    {"line_no": n, "line_count": 2, "hub_key": "K", "order_no": "1", "material": "TG11", "qty": 1, "uom": "PC"}
    for n in (1, 2)
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The WMS's table in memory. Nobody processes it but the test."""
    table = RESERVATION_IN.to_metadata(type(RESERVATION_IN.metadata)())
    table.append_constraint(UniqueConstraint("msg_id", "line_no"))
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    table.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def messages(engine: Engine) -> Messages:
    return Messages(engine)


def process(engine: Engine, **answer: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(RESERVATION_IN).values(**answer))


def soon() -> float:
    return time.monotonic() + 0.05


def test_a_message_is_written_once(messages: Messages) -> None:
    # given
    messages.post(RESERVATION_IN, "K", LINES)

    # when / then
    with pytest.raises(Taken):
        messages.post(RESERVATION_IN, "K", LINES)


def test_all_lines_are_written_as_new_and_without_an_answer(messages: Messages, engine: Engine) -> None:
    # when
    messages.post(RESERVATION_IN, "K", LINES)

    # then
    columns = RESERVATION_IN.c
    with engine.connect() as connection:
        rows = connection.execute(select(columns.line_no, columns.status, columns.doc_no, columns.created_at)).all()
    assert [(row.line_no, row.status, row.doc_no) for row in rows] == [(1, "N", None), (2, "N", None)]
    assert all(row.created_at.endswith("Z") and len(row.created_at) == 24 for row in rows)


@pytest.mark.parametrize(
    ("answer", "status"),
    [({"status": "P", "doc_no": "R-1"}, Status.PROCESSED), ({"status": "E", "err_code": "OUT_OF_STOCK"}, Status.ERROR)],
)
def test_the_answer_is_read_from_the_rows(
    messages: Messages, engine: Engine, answer: dict[str, str], status: Status
) -> None:
    # given
    messages.post(RESERVATION_IN, "K", LINES)
    process(engine, **answer)

    # when
    found = messages.answer(RESERVATION_IN, "K", soon())

    # then
    assert (found.status, found.document, found.code) == (status, answer.get("doc_no"), answer.get("err_code"))


def test_a_message_that_was_not_answered_in_time_is_withdrawn(messages: Messages) -> None:
    # given
    messages.post(RESERVATION_IN, "K", LINES)

    # when
    found = messages.answer(RESERVATION_IN, "K", soon())

    # then
    assert found.status is Status.WITHDRAWN
    assert [answer.status for answer in messages.sent(RESERVATION_IN, "K")] == [Status.WITHDRAWN]


def test_an_answer_that_came_while_withdrawing_counts(messages: Messages, engine: Engine) -> None:
    # given time that was over before the first look
    messages.post(RESERVATION_IN, "K", LINES)
    process(engine, status="P", doc_no="R-1")

    # when
    found = messages.answer(RESERVATION_IN, "K", time.monotonic() - 1)

    # then
    assert (found.status, found.document) == (Status.PROCESSED, "R-1")


def test_a_database_without_the_tables_has_certainly_taken_nothing() -> None:
    # given
    engine = create_engine("sqlite://")

    # when / then
    with pytest.raises(NotApplied):
        Messages(engine).post(RESERVATION_IN, "K", LINES)
    engine.dispose()
