"""Events and inputs from the API to the broker: what comes while one publish is under way travels with the next."""

import asyncio
import contextvars
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from service_kit.broker import Outgoing


class Sender:
    """For one event loop. `publish` blocks until everything is stored."""

    def __init__(self, publish: Callable[[Sequence[Outgoing]], None]) -> None:
        self._publish = publish
        self._queued: list[tuple[Sequence[Outgoing], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Returns when all are stored. Raises `BrokerUnavailable`; whether they are is not known then."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queued.append((outgoing, sent))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_queued(), name="sender", context=contextvars.Context())
        await sent

    async def _send_queued(self) -> None:
        while self._queued:
            batch, self._queued = self._queued, []
            try:
                await run_in_threadpool(self._publish, [item for outgoing, _ in batch for item in outgoing])
            except Exception as error:
                _settle(batch, error)
            else:
                _settle(batch, None)


def _settle(batch: Sequence[tuple[Sequence[Outgoing], asyncio.Future[None]]], error: Exception | None) -> None:
    for _, sent in batch:
        if sent.done():
            continue  # nobody waits any more
        if error is None:
            sent.set_result(None)
        else:
            sent.set_exception(error)
