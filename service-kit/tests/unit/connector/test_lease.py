"""Who may still send."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from service_kit.connector.lease import Lease
from service_kit.connector.process import PACKAGE
from service_kit.database import migrate, open_engine

TTL = 5.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/hub.db")
    migrate(engine, PACKAGE)
    yield engine
    engine.dispose()


@pytest.fixture
def lease(engine: Engine, clock: Clock) -> Lease:
    lease = Lease(engine, "books:a", TTL, clock)
    lease.renew()
    return lease


def test_what_was_started_may_be_sent_as_long_as_the_lease_is_renewed_in_time(lease: Lease, clock: Clock) -> None:
    permit = lease.permit()

    for _ in range(5):
        clock.now += TTL / 5
        lease.renew()

    assert permit()


def test_nothing_may_be_sent_after_the_lease_has_run_out(lease: Lease, clock: Clock) -> None:
    permit = lease.permit()

    clock.now += TTL

    assert not lease.valid()
    assert not permit()


def test_what_was_started_before_a_lapse_is_not_sent_after_it_but_what_is_started_then_is(
    lease: Lease, clock: Clock
) -> None:
    before = lease.permit()

    clock.now += TTL
    lease.renew()

    assert lease.valid()
    assert not before()
    assert lease.permit()()


def test_a_lease_that_runs_out_while_the_store_takes_its_time_to_renew_it_has_lapsed(
    lease: Lease, clock: Clock, engine: Engine
) -> None:
    before = lease.permit()

    def take_long(*_: object) -> None:
        clock.now += TTL / 10

    clock.now += TTL * 0.79  # here it ends a little earlier than in the store
    event.listen(engine, "before_cursor_execute", take_long)
    lease.renew()
    event.remove(engine, "before_cursor_execute", take_long)

    assert lease.valid()
    assert not before()
