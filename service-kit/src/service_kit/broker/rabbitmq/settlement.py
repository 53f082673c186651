"""Answers to the broker on one channel: many acknowledgements in few frames."""

from collections.abc import Sequence

from pika.channel import Channel


class Settlement:
    """What one channel was delivered and has not answered yet. Only used in the link's thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._unanswered: dict[int, None] = {}

    def arrived(self, number: int) -> None:
        """A delivery has come. Numbers rise."""
        self._unanswered[number] = None

    def answer(self, acks: Sequence[int], rejects: Sequence[int]) -> None:
        """Tell the broker, unless the channel is gone: then it delivers all of them again anyway."""
        if not self._channel.is_open:
            return
        for number in rejects:
            # Since RabbitMQ 4.3, only basic.reject counts as a failed delivery; basic.nack does not.
            self._channel.basic_reject(number, requeue=True)
            self._unanswered.pop(number, None)
        self._ack(set(acks))

    def _ack(self, numbers: set[int]) -> None:
        oldest = []
        for number in self._unanswered:
            if number not in numbers:
                break
            oldest.append(number)
        if oldest:
            # Everything up to here is done, so one frame says it for all.
            self._channel.basic_ack(oldest[-1], multiple=True)
        for number in sorted(numbers.difference(oldest)):
            self._channel.basic_ack(number)
        for number in numbers:
            self._unanswered.pop(number, None)
