"""Outcomes on their way to whoever asked for them."""

from collections.abc import Iterator

from service_kit.broker import Broker, Consumer, QueueMissing
from service_kit.connector import jobs
from service_kit.connector.jobs import Job


class Replies:
    """What a connector's worker has to tell. A command is acknowledged when its reply is confirmed."""

    def __init__(self, connector: str, broker: Broker) -> None:
        self._connector = connector
        self._broker = broker
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Its outcome is known, and recorded where it has to be."""
        self._jobs.append(job)

    def send(self, consumer: Consumer) -> Iterator[Job]:
        """Publish and acknowledge; those that are done with. Raises `BrokerUnavailable`: the others stay."""
        if not self._jobs:
            return
        try:
            self._broker.publish([jobs.reply(self._connector, job) for job in self._jobs])
        except QueueMissing:
            yield from self._one_by_one(consumer)
            return
        answered, self._jobs = self._jobs, []
        yield from answered
        consumer.ack([delivery for job in answered for delivery in job.deliveries])

    def _one_by_one(self, consumer: Consumer) -> Iterator[Job]:
        # One command with a wrong `reply_to` must not keep the others' replies back. Its outcome is in the inbox.
        while self._jobs:
            job = self._jobs[-1]
            try:
                self._broker.publish([jobs.reply(self._connector, job)])
                consumer.ack(job.deliveries)
            except QueueMissing as error:
                for delivery in job.deliveries:
                    consumer.dead_letter(delivery, str(error))
            self._jobs.pop()
            yield job
