"""Events per second through each broker, published and consumed at once.

    python -m bench.broker [--seconds 5] [--threads 4] [--only rabbitmq|sqlite]

Four threads publish, one consumes; each publish hands over 1 or 32 events and waits until they are stored. RabbitMQ is
taken from AMQP_URL. Never part of the tests: the figures are the machine's.
"""

import argparse
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service_kit import logs
from service_kit.broker import Broker, Outgoing, Queue, Source, connect
from service_kit.ids import new_id
from service_kit.messages import Command, CommandKind, event

QUEUE = "bench"
SIZES = (1, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--only", choices=["rabbitmq", "sqlite"])
    options = parser.parse_args()
    logs.configure("bench", "WARNING")
    print(f"{'broker':10} {'events/publish':>15} {'threads':>8} {'published/s':>12} {'consumed/s':>12} {'p50 ms':>8}")
    for name in [options.only] if options.only else ["rabbitmq", "sqlite"]:
        for size in SIZES:
            for threads in sorted({1, options.threads}):
                with opened(name) as broker:
                    print(f"{name:10} {size:15} {threads:8} {run(broker, size, threads, options.seconds)}", flush=True)


@contextmanager
def opened(name: str) -> Iterator[Broker]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite'}"
        if name == "rabbitmq":
            url = f"{os.environ['AMQP_URL']}?prefix=bench-{uuid.uuid4().hex[:8]}.&expires=60"
        broker = connect(url, name="bench")
        broker.declare([Queue(QUEUE)])
        yield broker
        broker.close()


def run(broker: Broker, size: int, threads: int, seconds: float) -> str:
    """Publish for `seconds`, consume until everything has come."""
    until = time.monotonic() + seconds
    latencies: list[float] = []
    sent: list[int] = []
    publishers = [threading.Thread(target=publish, args=(broker, size, until, latencies, sent)) for _ in range(threads)]
    started = time.monotonic()
    for thread in publishers:
        thread.start()
    consumer = broker.consume([Source(QUEUE)])
    taken = 0
    while any(thread.is_alive() for thread in publishers) or taken < sum(sent):
        deliveries = consumer.take(512, 0.2)
        consumer.ack(deliveries)
        taken += len(deliveries)
    took = time.monotonic() - started
    assert taken == sum(sent), f"{taken} came of {sum(sent)}"
    p50 = sorted(latencies)[len(latencies) // 2] * 1000
    return f"{sum(sent) / seconds:12,.0f} {taken / took:12,.0f} {p50:8.1f}"


def publish(broker: Broker, size: int, until: float, latencies: list[float], sent: list[int]) -> None:
    count = 0
    while time.monotonic() < until:
        outgoing = [
            Outgoing(QUEUE, event("throughline.command.v1", "bench", command(), id_=new_id())) for _ in range(size)
        ]
        before = time.monotonic()
        broker.publish(outgoing)
        latencies.append(time.monotonic() - before)
        count += size
    sent.append(count)


def command() -> Command:
    return Command(
        id=new_id(),
        kind=CommandKind.EXECUTE,
        instance="mzxw6ytboi4dkmrsgq3tqojq",
        step=3,
        attempt=1,
        operation="erp.create-sales-order",
        system="erp",
        hub_key="mzxw6ytboi4d",
        reply_to="lane.3",
        input={"customer": "C-1001", "lines": [{"sku": "A-1", "quantity": 2}, {"sku": "B-7", "quantity": 1}]},
    )


if __name__ == "__main__":
    main()
