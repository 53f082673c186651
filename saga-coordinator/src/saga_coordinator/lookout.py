"""Requests that wait: for what becomes of an input, or for the end of an instance.

One task asks the store for all of them together, as long as anybody waits: a waiting request costs no thread and no
query of its own.
"""

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from saga_coordinator.service import Outcome
from saga_coordinator.store.instances import Instance

_log = structlog.get_logger(__name__)
INTERVAL_S = 0.025

Outcomes = Callable[[Iterable[tuple[str, str]]], dict[str, Outcome]]
Instances = Callable[[Sequence[str]], dict[str, Instance]]
# (instance, input id) waits for an outcome, (instance, None) for the end.
Question = tuple[str, str | None]


class Lookout:
    """For one event loop."""

    def __init__(self, outcomes: Outcomes, instances: Instances, interval: float = INTERVAL_S) -> None:
        self._outcomes = outcomes
        self._instances = instances
        self._interval = interval
        self._waiting: dict[Question, list[asyncio.Future[Any]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def outcome(self, instance: str, input_id: str, seconds: float) -> Outcome | None:
        """What became of the input; None if that is not known after `seconds`."""
        found: Outcome | None = await self._answer((instance, input_id), seconds)
        return found

    async def end(self, instance: str, seconds: float) -> bool:
        """Whether the instance has ended, after `seconds` at most."""
        return await self._answer((instance, None), seconds) is not None

    async def _answer(self, question: Question, seconds: float) -> Any:
        if seconds <= 0:
            return None
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append(answer)
        if self._task is None or self._task.done():
            # A context of its own: it outlives the request that happened to be the first.
            self._task = asyncio.create_task(self._poll(), name="lookout", context=contextvars.Context())
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._forget(question, answer)

    def _forget(self, question: Question, answer: asyncio.Future[Any]) -> None:
        answers = self._waiting.get(question, [])
        if answer in answers:
            answers.remove(answer)
        if not answers:
            self._waiting.pop(question, None)

    async def _poll(self) -> None:
        while self._waiting:
            try:
                found = await run_in_threadpool(self._look, list(self._waiting))
            except SQLAlchemyError as error:
                _log.warning("lookout.store-away", error=type(error).__name__)
                found = {}
            for question, answer in found.items():
                for future in self._waiting.get(question, []):
                    if not future.done():
                        future.set_result(answer)
            await asyncio.sleep(self._interval)

    def _look(self, questions: list[Question]) -> dict[Question, Any]:
        inputs = [(instance, input_id) for instance, input_id in questions if input_id is not None]
        ends = [instance for instance, input_id in questions if input_id is None]
        found: dict[Question, Any] = {}
        if inputs:
            outcomes = self._outcomes(inputs)
            found |= {(instance, id_): outcomes[id_] for instance, id_ in inputs if id_ in outcomes}
        if ends:
            known = self._instances(ends)
            found |= {(id_, None): row for id_, row in known.items() if row.ended_at is not None}
        return found
