"""Few frames for many answers, and never one too many."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from pika.channel import Channel

from service_kit.broker.rabbitmq.settlement import Settlement


class RecordingChannel:
    """Remembers which deliveries the server would take as answered, and counts frames."""

    def __init__(self, delivered: range) -> None:
        self.is_open = True
        self.unanswered = set(delivered)
        self.acked: set[int] = set()
        self.rejected: set[int] = set()
        self.frames = 0

    def basic_ack(self, number: int, multiple: bool = False) -> None:
        self.frames += 1
        assert number in self.unanswered, "RabbitMQ closes the channel on an unknown delivery tag"
        covered = {each for each in self.unanswered if each <= number} if multiple else {number}
        self.unanswered -= covered
        self.acked |= covered

    def basic_reject(self, number: int, requeue: bool) -> None:
        self.frames += 1
        assert number in self.unanswered
        assert requeue
        self.unanswered.remove(number)
        self.rejected.add(number)


def settle(count: int) -> tuple[Settlement, RecordingChannel]:
    channel = RecordingChannel(range(1, count + 1))
    settlement = Settlement(cast(Channel, channel))
    for number in range(1, count + 1):
        settlement.arrived(number)
    return settlement, channel


def test_everything_up_to_a_point_is_acked_by_one_frame() -> None:
    settlement, channel = settle(100)

    settlement.answer(list(range(100, 0, -1)), [])

    assert (channel.frames, channel.unanswered) == (1, set())


def test_what_is_not_done_is_never_acked_along() -> None:
    settlement, channel = settle(5)

    settlement.answer([1, 2, 4], [])

    assert (channel.frames, channel.acked) == (2, {1, 2, 4})


def test_a_lost_channel_is_told_nothing() -> None:
    settlement, channel = settle(2)
    channel.is_open = False

    settlement.answer([1], [2])

    assert channel.frames == 0


@given(st.lists(st.sampled_from(["ack", "reject", "hold"]), max_size=30), st.data())
def test_exactly_what_was_asked_is_answered_in_whatever_portions(wishes: list[str], data: st.DataObject) -> None:
    settlement, channel = settle(len(wishes))
    numbers = data.draw(st.permutations(range(1, len(wishes) + 1)))

    while numbers:
        size = data.draw(st.integers(1, len(numbers)))
        portion, numbers = numbers[:size], numbers[size:]
        settlement.answer(
            [number for number in portion if wishes[number - 1] == "ack"],
            [number for number in portion if wishes[number - 1] == "reject"],
        )

    assert channel.acked == {number for number, wish in enumerate(wishes, 1) if wish == "ack"}
    assert channel.rejected == {number for number, wish in enumerate(wishes, 1) if wish == "reject"}
