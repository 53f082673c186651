"""The broker port on RabbitMQ (3.10 to 4.x), by AMQP 0-9-1.

- Every queue is a quorum queue with an explicit delivery limit and at-least-once dead-lettering.
- One connection publishes, in a thread of its own, with pipelined confirms; every consumer has another one.
- A thread that loses its connection makes a new one, with backoff, for as long as it takes.
"""

from service_kit.broker.rabbitmq.broker import RabbitBroker

__all__ = ["RabbitBroker"]
