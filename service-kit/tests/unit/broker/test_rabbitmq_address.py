"""The URL of a RabbitMQ broker."""

import pytest

from service_kit.broker import BrokerError, connect
from service_kit.broker.rabbitmq.address import Address


def test_the_kits_options_are_kept_from_pika() -> None:
    address = Address.parse("amqp://u:p@host:5673/v%2F1?prefix=x.&expires=60&confirm=2.5&heartbeat=7")

    assert (address.prefix, address.expires, address.confirm) == ("x.", 60.0, 2.5)
    assert address.url == "amqp://u:p@host:5673/v%2F1?heartbeat=7"
    assert address.queue("lane.1") == "x.lane.1"


def test_options_in_the_url_win_over_the_kits_defaults() -> None:
    given = Address.parse("amqp://host/?heartbeat=7").parameters("me")
    plain = Address.parse("amqp://host/").parameters("me")

    assert (given.heartbeat, plain.heartbeat) == (7, 30)
    assert (given.host, given.virtual_host) == ("host", "/")
    assert plain.client_properties == {"connection_name": "me"}


@pytest.mark.parametrize("url", ["amqp://host/?colour=red", "amqp://host/?expires=soon", "amqp://host:port/"])
def test_a_url_that_cannot_be_read_is_refused_at_once(url: str) -> None:
    with pytest.raises(BrokerError):
        connect(url, name="test")
