"""One AMQP connection with one channel, kept open by a thread of its own."""

import itertools
import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from pika import SelectConnection
from pika.adapters.select_connection import IOLoop
from pika.channel import Channel
from pika.exceptions import AMQPError

from service_kit.broker.rabbitmq.address import Address
from service_kit.broker.rabbitmq.tls import told

_log = structlog.get_logger(__name__)
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_CLOSE_SECONDS = 10.0


class Link:
    """Connects, and connects again when the connection is lost, until it is closed.

    `up(channel)` and `down(error)` are called in the link's thread; so is everything given to `call`. `down` is called
    once for every attempt to connect that failed and every connection that ended.
    """

    def __init__(
        self, address: Address, name: str, *, up: Callable[[Channel], None], down: Callable[[BaseException], None]
    ) -> None:
        nodes = address.parameters(name)
        # Links begin at different nodes, and go on to the next one where one is away.
        self._nodes = itertools.cycle(random.sample(nodes, len(nodes)))
        self._name = name
        self._up = up
        self._down = down
        self._lock = threading.Lock()
        self._loop: IOLoop | None = None
        self._connection: SelectConnection | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._tried = threading.Event()
        self._failures = 0
        self._since: float | None = None
        self._away = False
        self._error: BaseException | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def call(self, function: Callable[[], None]) -> bool:
        """Have the link's thread call `function`; dropped if the connection ends before. False if there is none."""
        with self._lock:
            if self._loop is None:
                return False
            self._loop.add_callback_threadsafe(function)
            return True

    def answers(self, timeout: float) -> bool:
        """Whether the server answers within `timeout` seconds."""
        answer: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def opened(channel: Channel) -> None:
            answer.put(True)
            channel.close()

        def ask() -> None:
            if self._connection is not None and self._connection.is_open:
                self._connection.channel(on_open_callback=opened)
            else:
                answer.put(False)

        self._tried.wait(timeout)
        try:
            return self.call(ask) and answer.get(timeout=timeout)
        except queue.Empty:
            return False

    def close(self) -> None:
        """Close the connection after everything that `call` was given, and stop."""
        self._closing.set()
        self.call(self._hang_up)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    def reset(self) -> None:
        """Give the connection up and make a new one. Only in the link's thread."""
        self._hang_up()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._live_once()
            self._failures = 0 if self._was_steady() else self._failures + 1
            self._closing.wait(self._pause())

    def _was_steady(self) -> bool:
        since, self._since = self._since, None
        return since is not None and time.monotonic() - since > _LONGEST_PAUSE

    def _pause(self) -> float:
        longest: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads reconnects, guards nothing

    def _live_once(self) -> None:
        """Connect and serve the connection until it ends."""
        self._error = None
        loop = IOLoop()
        try:
            self._connection = SelectConnection(
                next(self._nodes),
                on_open_callback=self._opened,
                on_open_error_callback=self._ended,
                on_close_callback=self._ended,
                custom_ioloop=loop,
            )
            with self._lock:
                self._loop = loop
            if self._closing.is_set():
                loop.add_callback_threadsafe(self._hang_up)
            loop.start()
        except Exception as error:
            _log.exception("broker.link-failed", link=self._name)
            self._error = error
        finally:
            with self._lock:
                self._loop = None
            loop.close()
        self._report()

    def _report(self) -> None:
        error = self._error or ConnectionError("the connection was closed")
        if not self._closing.is_set():
            # Once for each time that the broker goes away, not for each attempt.
            say = _log.debug if self._away else _log.warning
            say("broker.connection-lost", link=self._name, reason=told(error))
        self._away = True
        self._tried.set()
        self._down(error)

    def _opened(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._channel_closed)
        self._since = time.monotonic()
        self._away = False
        self._tried.set()
        _log.info("broker.connected", link=self._name)
        self._up(channel)

    def _channel_closed(self, channel: Channel, reason: BaseException) -> None:
        self._error = self._error or reason
        self._hang_up()

    def _ended(self, connection: SelectConnection, reason: Any) -> None:
        self._error = self._error or (reason if isinstance(reason, BaseException) else ConnectionError(str(reason)))
        connection.ioloop.stop()

    def _hang_up(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closing or connection.is_closed:
            return
        try:
            connection.close()
        except AMQPError:
            connection.ioloop.stop()
