"""A connector process that is killed, at every point where it matters."""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service_kit.broker import Broker, Consumer, Outgoing, Queue, Source, connect
from service_kit.messages import (
    COMMAND,
    Command,
    CommandKind,
    Completed,
    Deferred,
    Probed,
    ProbeVerdict,
    Reply,
    Unknown,
    event,
)

KILLABLE = Path(__file__).with_name("killable.py")
COMMAND_1 = Command(
    id="i.1.1",
    kind=CommandKind.EXECUTE,
    instance="i",
    step=1,
    attempt=1,
    operation="books.post",
    system="books",
    hub_key="ABCDEFGHIJKL",
    reply_to="lane.0",
)


class Coordinator:
    """Does with a command what a coordinator would."""

    def __init__(self, url: str) -> None:
        self.broker: Broker = connect(url, name="test")
        self.broker.declare([Queue("commands.books"), Queue("lane.0")])
        self.replies: Consumer = self.broker.consume([Source("lane.0")])

    def send(self, command: Command) -> None:
        self.broker.publish([Outgoing("commands.books", event(COMMAND, "test", command, id_=command.id))])

    def reply_to(self, command: str) -> Any:
        while True:
            (delivery,) = self.replies.take(1, 20)
            self.replies.ack([delivery])
            reply = msgspec.json.decode(delivery.event.data, type=Reply)
            if reply.command == command:
                return reply.outcome

    def probe_until_known(self) -> Probed:
        for number in itertools.count(1):
            probe = msgspec.structs.replace(COMMAND_1, id=f"i.1.1p{number}", kind=CommandKind.PROBE, seals=COMMAND_1.id)
            self.send(probe)
            outcome = self.reply_to(probe.id)
            assert isinstance(outcome, Probed)
            if outcome.verdict is not ProbeVerdict.PENDING:
                return outcome
        raise AssertionError


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, str(KILLABLE), *arguments]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("point", ["started", "applied", "recorded", "replied"])
def test_a_killed_connector_applies_once_and_its_successor_knows(store_url: str, tmp_path: Path, point: str) -> None:
    # given: a connector that is killed at this point
    broker_url, books = f"sqlite:///{tmp_path}/broker.db", tmp_path / "books"
    books.mkdir()
    coordinator = Coordinator(broker_url)
    coordinator.send(COMMAND_1)
    with process(store_url, broker_url, str(books), point, "0", "0") as first:
        assert first.wait(30) == -9

    # when: another one starts
    with process(store_url, broker_url, str(books), "never", "0", "0"):
        outcome: Any = coordinator.reply_to(COMMAND_1.id)
        if isinstance(outcome, Unknown):
            outcome = coordinator.probe_until_known()

    # then: what is answered is what is in the books
    documents = list(books.iterdir())
    assert len(documents) == (0 if point == "started" else 1)
    if point == "started":
        assert outcome.verdict is ProbeVerdict.ABSENT
    else:
        assert isinstance(outcome, Completed) or outcome.verdict is ProbeVerdict.APPLIED


@pytest.mark.parametrize("point", ["kept", "told", "waiting", "started", "applied", "recorded", "published"])
def test_a_command_that_waits_is_carried_out_once_whenever_a_process_is_killed(
    store_url: str, tmp_path: Path, point: str
) -> None:
    # given: a connector that is killed at this point, while the system is under maintenance or when its turn has come
    broker_url, books = f"sqlite:///{tmp_path}/broker.db", tmp_path / "books"
    books.mkdir()
    coordinator = Coordinator(broker_url)
    coordinator.send(COMMAND_1)
    closed = str(round(time.time() * 1000) + 3_600_000) if point in ("kept", "told", "waiting") else "0"
    with process(store_url, broker_url, str(books), point, closed, "100") as first:
        if point == "waiting":
            assert isinstance(coordinator.reply_to(COMMAND_1.id), Deferred)
            first.kill()
        assert first.wait(30) == -9

    # when: another one starts
    with process(store_url, broker_url, str(books), "never", "0", "100"):
        outcome = coordinator.reply_to(COMMAND_1.id)
        while isinstance(outcome, Deferred):
            outcome = coordinator.reply_to(COMMAND_1.id)
        if isinstance(outcome, Unknown):
            outcome = coordinator.probe_until_known()

    # then: what is answered is what is in the books
    assert len(list(books.iterdir())) == (0 if point == "started" else 1)
    if point == "started":
        assert outcome.verdict is ProbeVerdict.ABSENT
    else:
        assert isinstance(outcome, Completed)
    assert coordinator.broker.depth("commands.books") == 0
