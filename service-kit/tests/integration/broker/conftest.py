"""The adapters of the broker port, each behind the same few things that a test needs to do to it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pika
import pytest

from service_kit.broker import Broker, connect
from service_kit.testing.memory import MemoryBroker
from service_kit.testing.tcp_proxy import TcpProxy


class Backend(Protocol):
    """What lies behind a broker: outlives it, and can be tampered with."""

    def open(self) -> Broker:
        """Another broker on the same queues."""

    def inject(self, queue: str, body: bytes) -> None:
        """Put bytes into a queue past the port."""


class Memory:
    """The fake; one broker is all there is."""

    def __init__(self) -> None:
        self._broker = MemoryBroker()

    def open(self) -> Broker:
        return self._broker


class Sqlite:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def open(self) -> Broker:
        return connect(self.url, name="test")

    def inject(self, queue: str, body: bytes) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("INSERT INTO broker_events (queue, event) VALUES (?, ?)", (queue, body))
        connection.close()


class Rabbit:
    """A server, through a proxy; queues with a prefix of their own, that vanish by themselves."""

    def __init__(self, url: str, prefix: str, proxy: TcpProxy) -> None:
        self.proxy = proxy
        self.prefix = prefix
        self.direct_url = url
        parsed = urlsplit(url)
        place = f"{parsed.username}:{parsed.password}@127.0.0.1:{proxy.port}"
        self.url = parsed._replace(netloc=place, query=f"prefix={prefix}&expires=60&confirm=20").geturl()

    def open(self) -> Broker:
        return connect(self.url, name="test")

    def inject(self, queue: str, body: bytes) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self.direct_url))
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", self.prefix + queue, body, mandatory=True)
        connection.close()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def sqlite(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "hub.sqlite")


@pytest.fixture
def rabbit(amqp_url: str, queue_prefix: str) -> Iterator[Rabbit]:
    parsed = urlsplit(amqp_url)
    with TcpProxy(parsed.hostname or "localhost", parsed.port or 5672) as proxy:
        yield Rabbit(amqp_url, queue_prefix, proxy)


@pytest.fixture(params=["memory", "sqlite", "rabbit"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every implementation of the port. (The fake cannot be tampered with.)"""
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["sqlite", "rabbit"])
def durable(request: pytest.FixtureRequest) -> Backend:
    """The implementations that outlive a process."""
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def broker(backend: Backend) -> Iterator[Broker]:
    opened = backend.open()
    yield opened
    opened.close()
