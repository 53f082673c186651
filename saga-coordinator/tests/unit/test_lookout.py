import asyncio
from collections.abc import Iterable, Sequence

import pytest
from sqlalchemy.exc import OperationalError

from saga_coordinator.lookout import Lookout
from saga_coordinator.service import Outcome
from saga_coordinator.store.instances import Instance

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class FakeStore:
    """Counts queries; answers what it has been given."""

    def __init__(self) -> None:
        self.journalled: dict[str, Outcome] = {}
        self.ended: set[str] = set()
        self.queries = 0
        self.away = False

    def outcomes(self, inputs: Iterable[tuple[str, str]]) -> dict[str, Outcome]:
        self.queries += 1
        if self.away:
            raise OperationalError("SELECT", None, Exception("away"))
        return {id_: self.journalled[id_] for _, id_ in inputs if id_ in self.journalled}

    def instances(self, ids: Sequence[str]) -> dict[str, Instance]:
        self.queries += 1
        return {id_: Instance(id_, "p", 1, "completed", None, 1, 2 if id_ in self.ended else None) for id_ in ids}


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def lookout(store: FakeStore) -> Lookout:
    return Lookout(store.outcomes, store.instances, interval=0.001)


async def test_a_hundred_who_wait_are_asked_for_together(store: FakeStore, lookout: Lookout) -> None:
    # given
    waiting = [asyncio.create_task(lookout.outcome("i", f"in{number}", 5)) for number in range(100)]
    while store.queries < 3:
        await asyncio.sleep(0)
    before = store.queries

    # when
    store.journalled = {f"in{number}": Outcome(seq=number) for number in range(100)}
    answers = await asyncio.gather(*waiting)

    # then
    assert [answer.seq if answer else None for answer in answers] == list(range(100))
    assert store.queries - before <= 3


async def test_who_waits_too_long_is_told_nothing(lookout: Lookout) -> None:
    assert await lookout.outcome("i", "never", 0.01) is None
    assert await lookout.end("i", 0.01) is False


async def test_who_does_not_want_to_wait_asks_nothing(store: FakeStore, lookout: Lookout) -> None:
    assert await lookout.outcome("i", "in", 0) is None
    assert store.queries == 0


async def test_an_end_is_noticed(store: FakeStore, lookout: Lookout) -> None:
    waiting = asyncio.create_task(lookout.end("i", 5))

    store.ended.add("i")

    assert await waiting is True


async def test_a_store_that_is_away_is_asked_again(store: FakeStore, lookout: Lookout) -> None:
    # given
    store.away = True
    waiting = asyncio.create_task(lookout.outcome("i", "in", 5))
    while store.queries < 2:
        await asyncio.sleep(0)

    # when
    store.away = False
    store.journalled["in"] = Outcome(seq=1)

    # then
    assert await waiting == Outcome(seq=1)


async def test_nobody_is_asked_for_once_nobody_waits(store: FakeStore, lookout: Lookout) -> None:
    # given
    store.journalled["in"] = Outcome(seq=1)
    assert await lookout.outcome("i", "in", 5) is not None

    # when
    task = lookout._task
    assert task is not None
    await task

    # then
    assert task.done()
    assert await lookout.outcome("i", "in", 5) is not None, "and it begins again"
