"""What cannot be understood on a queue is put aside, and costs what travels with it nothing."""

import sqlite3
import uuid
from contextlib import closing
from functools import partial
from urllib.parse import parse_qs, urlsplit

import msgspec
import pika

from e2e.stacks import Stack, new_key, order
from saga_coordinator.starts import start
from saga_coordinator.wire import input_event
from service_kit.broker import DEAD_LETTERS, Consumer, Queue, Source
from service_kit.broker.dead_letters import DeadLetter, read
from service_kit.messages import COMMAND, CloudEvent, Command, CommandKind, event
from service_kit.testing.waiting import until

LANES = 8


def test_inputs_that_cannot_be_read_cost_the_other_inputs_nothing(hub: Stack) -> None:
    starts = [start("sums-up", 1, variables={"amounts": [1, 2]}) for _ in range(3)]
    good = [input_event(input_, LANES).event for input_ in starts]
    bad = event("throughline.input.v1", "test", {"input": "start"}, id_=uuid.uuid4().hex)

    letters = buried_among(hub, "lane.0", good, bad)

    assert {letter.queue for letter in letters} == {"lane.0"}
    assert [hub.wait(input_.instance)["status"] for input_ in starts] == ["completed"] * 3


def test_events_that_cannot_be_read_cost_the_other_events_nothing(hub: Stack) -> None:
    numbers = [new_key() for _ in range(3)]
    confirmed = [order(number, customer="10100666") for number in numbers]
    good = [event("crm.order.confirmed", "test", data, id_=uuid.uuid4().hex) for data in confirmed]

    letters = buried_among(hub, "events", good)

    assert {letter.queue for letter in letters} == {"events"}
    assert [hub.wait(hub.named(number))["status"] for number in numbers] == ["compensated"] * 3


def test_commands_that_cannot_be_read_cost_the_other_commands_nothing(hub: Stack) -> None:
    replies = f"e2e-replies-{uuid.uuid4().hex[:8]}"
    commands = [check_credit(replies) for _ in range(3)]
    good = [event(COMMAND, "test", command, id_=command.id) for command in commands]
    bad = event(COMMAND, "test", {"kind": "execute"}, id_=uuid.uuid4().hex)
    answered: list[str] = []

    with hub.broker() as broker, closing(broker.consume([Source(replies)])) as consumer:
        broker.declare([Queue(replies)])
        letters = buried_among(hub, "commands.erp", good, bad)
        while len(set(answered)) < len(commands):
            answered += until(partial(ids_taken, consumer))

    assert {letter.queue for letter in letters} == {"commands.erp"}
    assert set(answered) == {f"{command.id}:r" for command in commands}


def check_credit(replies: str) -> Command:
    """A command that is easily carried out."""
    id_ = uuid.uuid4().hex
    return Command(
        id=id_,
        kind=CommandKind.EXECUTE,
        instance=id_,
        step=1,
        attempt=1,
        operation="erp.check-credit",
        system="erp",
        hub_key=id_[:12],
        reply_to=replies,
        input={"customer": "10100001", "amount": "10.00", "currency": "EUR"},
    )


def buried_among(hub: Stack, queue: str, good: list[CloudEvent], *strange: CloudEvent) -> list[DeadLetter]:
    """Put the good ones on a queue, among them a record that is no event, bytes that are nothing at all and whatever
    is `strange`; the dead letters that came of it, one for each of those."""
    mark = uuid.uuid4().hex
    garbage, no_event = b"\x00" + mark.encode(), msgspec.json.encode({"no": "event", "mark": mark})
    first, second, *others = (msgspec.json.encode(each) for each in good)
    put(hub.broker_url, queue, [first, no_event, *(msgspec.json.encode(each) for each in strange), second])
    put(hub.broker_url, queue, [garbage])
    put(hub.broker_url, queue, others)
    wanted = {each.id for each in strange}
    letters: list[DeadLetter] = []

    def mine() -> list[DeadLetter]:
        letters.extend(letters_taken(consumer))
        return [each for each in letters if (each.event and each.event.id in wanted) or mark.encode() in body_of(each)]

    with hub.broker() as broker, closing(broker.consume([Source(DEAD_LETTERS)])) as consumer:
        until(lambda: len(mine()) == 2 + len(strange))
    return mine()


def body_of(letter: DeadLetter) -> bytes:
    """The bytes that were no event."""
    return letter.body or b""


def letters_taken(consumer: Consumer) -> list[DeadLetter]:
    """What lies in `dead-letters` now."""
    deliveries = consumer.take(100, 0.05)
    consumer.ack(deliveries)
    return [read(delivery.event) for delivery in deliveries]


def ids_taken(consumer: Consumer) -> list[str]:
    """The ids of the events that wait now."""
    deliveries = consumer.take(100, 0.05)
    consumer.ack(deliveries)
    return [delivery.event.id for delivery in deliveries]


def put(broker_url: str, queue: str, records: list[bytes]) -> None:
    """Put these bytes on a queue, past everything that would refuse them: on RabbitMQ as one message."""
    url = urlsplit(broker_url)
    if url.scheme == "sqlite":
        with closing(sqlite3.connect(url.path.removeprefix("/"), timeout=30)) as file, file:
            file.executemany(
                "INSERT INTO broker_events (queue, event) VALUES (?, ?)", [(queue, record) for record in records]
            )
        return
    (prefix,) = parse_qs(url.query).get("prefix", [""])
    body = records[0] if len(records) == 1 else b"[" + b",".join(records) + b"]"
    with closing(pika.BlockingConnection(pika.URLParameters(url._replace(query="").geturl()))) as connection:
        connection.channel().basic_publish("", prefix + queue, body)
