import asyncio
import threading
from collections.abc import Sequence

import pytest

from saga_coordinator.sending import Sender
from service_kit.broker import BrokerUnavailable, Outgoing
from service_kit.messages import CloudEvent

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class FakeBroker:
    """Holds the first publish until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()
        self.away = False

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        self.batches.append([item.event.id for item in outgoing])
        self.go.wait(5)
        if self.away:
            raise BrokerUnavailable


def _outgoing(id_: str) -> list[Outgoing]:
    return [Outgoing("lane.0", CloudEvent(id=id_, source="s", type="t"))]


async def test_what_comes_while_one_publish_is_under_way_travels_together_with_the_next() -> None:
    # given
    broker = FakeBroker()
    sender = Sender(broker.publish)
    first = asyncio.create_task(sender.send(_outgoing("1")))
    while not broker.batches:
        await asyncio.sleep(0)

    # when
    rest = [asyncio.create_task(sender.send(_outgoing(str(number)))) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    broker.go.set()
    await asyncio.gather(first, *rest)

    # then
    assert broker.batches == [["1"], ["2", "3", "4"]]


async def test_everyone_of_a_batch_that_failed_is_told_and_the_next_is_tried() -> None:
    # given
    broker = FakeBroker()
    broker.go.set()
    broker.away = True
    sender = Sender(broker.publish)

    # when
    results = await asyncio.gather(*(sender.send(_outgoing(id_)) for id_ in "12"), return_exceptions=True)
    broker.away = False
    await sender.send(_outgoing("3"))

    # then
    assert [type(result) for result in results] == [BrokerUnavailable] * 2
    assert broker.batches[-1] == ["3"]
