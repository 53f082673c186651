"""What is the SQL queue's own: a file, other processes on it, and their sudden deaths."""

import random
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from service_kit.broker import Broker, BrokerError, Consumer, Delivery, Outgoing, Queue, Source, connect
from service_kit.messages import event
from service_kit.testing.waiting import until


class Sqlite(Protocol):
    """See `conftest.Sqlite`."""

    path: Path
    url: str

    def open(self) -> Broker: ...


def orders(*ids: str) -> list[Outgoing]:
    return [Outgoing("orders", event("order", "test", None, id_=id_)) for id_ in ids]


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.event.id for delivery in deliveries]


def drain(consumer: Consumer) -> list[Delivery]:
    taken: list[Delivery] = []
    while more := consumer.take(100, 0.0):
        taken.extend(more)
    return taken


_children: list["subprocess.Popen[str]"] = []


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    yield
    for child in list(_children):
        kill(child)


def take(consumer: Consumer, count: int) -> list[Delivery]:
    taken: list[Delivery] = []

    def enough() -> bool:
        taken.extend(consumer.take(count - len(taken), 1.0))
        return len(taken) == count

    until(enough)
    return taken


def process(code: str, *arguments: str) -> "subprocess.Popen[str]":
    """A Python process that prints a line whenever it has got on."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _children.append(child)
    return child


def kill(child: "subprocess.Popen[str]") -> list[str]:
    """Kill it without warning; what it had printed."""
    if child in _children:
        _children.remove(child)
    child.kill()
    # Not communicate(): it passes over what readline() has buffered.
    with child:
        return child.stdout.read().splitlines() if child.stdout else []


@pytest.fixture
def broker(sqlite: Sqlite) -> Iterator[Broker]:
    opened = sqlite.open()
    opened.declare([Queue("orders", delivery_limit=3)])
    yield opened
    opened.close()


TAKER = """
    import sys
    from service_kit import logs
    from service_kit.broker import Source, connect

    logs.configure("child", "ERROR")
    consumer = connect(sys.argv[1], name="child").consume([Source("orders")])
    taken = consumer.take(2, 20)
    print(" ".join(delivery.event.id for delivery in taken), flush=True)
    sys.stdin.read()
"""

PUBLISHER = """
    import sys
    from itertools import count
    from service_kit.broker import Outgoing, connect
    from service_kit.messages import event

    broker = connect(sys.argv[1], name="child")
    for number in count():
        broker.publish([Outgoing("orders", event("order", "test", None, id_=f"{sys.argv[2]}-{number}"))])
        print(f"{sys.argv[2]}-{number}", flush=True)
"""


def test_a_new_broker_gets_at_once_what_a_killed_process_had_taken(sqlite: Sqlite, broker: Broker) -> None:
    broker.publish(orders("a", "b", "c"))
    broker.close()
    child = process(TAKER, sqlite.url)
    assert child.stdout
    assert child.stdout.readline() == "a b\n"
    kill(child)

    again = sqlite.open()
    deliveries = drain(again.consume([Source("orders")]))

    assert [(delivery.event.id, delivery.deliveries) for delivery in deliveries] == [("a", 2), ("b", 2), ("c", 1)]
    again.close()


def test_a_living_process_keeps_what_it_took_and_a_killed_one_gives_it_back(sqlite: Sqlite, broker: Broker) -> None:
    broker.publish(orders("a", "b", "c"))
    child = process(TAKER, sqlite.url)
    assert child.stdout
    child.stdout.readline()
    other = sqlite.open()
    consumer = other.consume([Source("orders")])
    assert ids(drain(consumer)) == ["c"]

    kill(child)

    taken = take(consumer, 2)
    assert sorted(ids(taken)) == ["a", "b"]
    other.close()


def test_nothing_confirmed_is_lost_when_publishers_are_killed_again_and_again(sqlite: Sqlite, broker: Broker) -> None:
    seed = 20261123
    draw = random.Random(seed)
    confirmed: set[str] = set()
    for run in range(5):
        child = process(PUBLISHER, sqlite.url, str(run))
        assert child.stdout
        confirmed.update(child.stdout.readline().strip() for _ in range(draw.randrange(1, 40)))
        confirmed.update(line for line in kill(child) if line.startswith(f"{run}-"))

    found = ids(drain(broker.consume([Source("orders")])))

    assert confirmed <= set(found), f"seed {seed}"
    assert len(found) == len(set(found))
    assert len(found) - len(confirmed) <= 5  # a killed one may have stored one more than it could tell


def test_an_event_that_kills_its_process_every_time_ends_in_dead_letters(sqlite: Sqlite, broker: Broker) -> None:
    broker.publish(orders("a"))
    broker.close()
    for _ in range(3):
        child = process(TAKER, sqlite.url)
        assert child.stdout
        assert child.stdout.readline() == "a\n"
        kill(child)

    again = sqlite.open()

    assert (again.depth("orders"), again.depth("dead-letters")) == (0, 1)
    again.close()


def test_what_another_process_publishes_is_taken(sqlite: Sqlite, broker: Broker) -> None:
    consumer = broker.consume([Source("orders")])
    child = process(PUBLISHER, sqlite.url, "x")

    first = consumer.take(1, 20)

    kill(child)
    assert ids(first) == ["x-0"]


def test_a_source_of_higher_priority_is_emptied_first(broker: Broker) -> None:
    broker.declare([Queue("urgent")])
    broker.publish(orders("a", "b"))
    broker.publish([Outgoing("urgent", orders("now")[0].event)])

    deliveries = broker.consume([Source("orders"), Source("urgent", priority=1)]).take(2, 1)

    assert ids(deliveries) == ["now", "a"]


def test_a_long_transaction_of_somebody_else_on_the_file_only_delays(sqlite: Sqlite, broker: Broker) -> None:
    other = sqlite3.connect(sqlite.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    child = process(PUBLISHER, sqlite.url, "x")
    consumer = broker.consume([Source("orders")])
    assert consumer.take(1, 0.2) == []

    other.execute("COMMIT")
    other.close()

    assert ids(consumer.take(1, 20)) == ["x-0"]
    kill(child)


def test_closing_leaves_nothing_beside_the_database(sqlite: Sqlite, broker: Broker) -> None:
    broker.publish(orders("a"))
    broker.close()

    assert [path.name for path in sqlite.path.parent.iterdir()] == [sqlite.path.name]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///file?mode=ro", "redis://localhost"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(BrokerError):
        connect(url, name="test")
