"""Journal entries per second that one monitor process indexes, in batches, on PostgreSQL (or SQLite).

    python -m bench.monitor [--instances 5000] [--batch 500] [--sqlite] [--broker]

The entries are those of a saga of five steps as the engine writes them, interleaved over many instances. Without
`--broker` the index alone is measured, from encoded messages on; with it the whole worker, from the queue on RabbitMQ.
PostgreSQL is taken from DATABASE_URL, RabbitMQ from AMQP_URL. Never part of the tests: the figures are the machine's.
"""

import argparse
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from sqlalchemy import Engine, make_url

from bench.journals import completes
from monitor_service.entries import entry_of
from monitor_service.index import Index
from monitor_service.settings import Settings
from monitor_service.worker import JOURNAL, Worker
from service_kit import logs
from service_kit.broker import Outgoing, Queue, Source, connect
from service_kit.database import migrate, open_engine
from service_kit.messages import JOURNAL_ENTRY, CloudEvent
from service_kit.patience import Patience

WAVE = 200  # instances that are at the same step at the same time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=5_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--broker", action="store_true")
    options = parser.parse_args()
    logs.configure("bench", "WARNING")
    events = journal(options.instances)
    size = sum(len(event.data) for event in events) // len(events)
    with database(sqlite=options.sqlite) as url:
        engine = open_engine(url)
        migrate(engine, "monitor_service")
        follow = from_the_queue if options.broker else directly
        cpu, began = time.process_time(), time.perf_counter()
        seconds, cpu_seconds = follow(engine, events, options.batch) or (
            time.perf_counter() - began,
            time.process_time() - cpu,
        )
        engine.dispose()
    print(
        f"{len(events)} entries of {size} bytes, batches of {options.batch}: {len(events) / seconds:,.0f} entries/s,"
        f" {cpu_seconds / options.instances * 1000:.3f} ms CPU of this process per saga of 6 entries"
    )


def journal(instances: int) -> list[CloudEvent]:
    """The entries of so many sagas, wave by wave."""
    rows = completes().rows
    events: list[CloudEvent] = []
    for first in range(0, instances, WAVE):
        ids = [uuid.uuid4().hex for _ in range(min(WAVE, instances - first))]
        for row in rows:
            events += [_event(row, id_) for id_ in ids]
    return events


def _event(row: dict[str, Any], instance: str) -> CloudEvent:
    numbers = msgspec.json.encode(row | {"instance": instance}).replace(b'"4711"', f'"{instance[:8]}"'.encode())
    return CloudEvent(
        id=f"{instance}:{row['seq']}", source="bench", type=JOURNAL_ENTRY, data=msgspec.Raw(numbers), subject=instance
    )


def directly(engine: Engine, events: Sequence[CloudEvent], batch: int) -> None:
    index = Index(engine, 20_000)
    for first in range(0, len(events), batch):
        index.absorb([entry_of(event) for event in events[first : first + batch]])


def from_the_queue(engine: Engine, events: Sequence[CloudEvent], batch: int) -> tuple[float, float]:
    broker = connect(f"{os.environ['AMQP_URL']}?prefix=bench-{uuid.uuid4().hex[:8]}.&expires=60", name="bench")
    broker.declare([Queue(JOURNAL)])
    for first in range(0, len(events), 50):
        broker.publish([Outgoing(JOURNAL, event) for event in events[first : first + 50]])
    settings = Settings("", "", "", "", batch=batch)
    worker = Worker(Index(engine, 20_000), broker, settings, Patience())
    cpu, began = time.process_time(), time.perf_counter()
    consumer = broker.consume([Source(JOURNAL, prefetch=settings.prefetch)])
    taken = 0
    while taken < len(events):
        taken += worker.step(consumer, 5.0)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    broker.close()
    return seconds, cpu_seconds


@contextmanager
def database(*, sqlite: bool) -> Iterator[str]:
    if sqlite:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'monitor.sqlite'}"
        return
    admin, name = os.environ["DATABASE_URL"], f"bench_monitor_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield make_url(admin).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


if __name__ == "__main__":
    main()
