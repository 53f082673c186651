"""The URL of a RabbitMQ broker."""

import ssl

import pika
import pytest

from service_kit.broker import BrokerError, connect
from service_kit.broker.rabbitmq.address import Address


def test_the_kits_options_are_kept_from_pika() -> None:
    address = Address.parse("amqp://u:p@host:5673/v%2F1?prefix=x.&expires=60&confirm=2.5&heartbeat=7")

    assert (address.prefix, address.expires, address.confirm) == ("x.", 60.0, 2.5)
    assert address.urls == ("amqp://u:p@host:5673/v%2F1?heartbeat=7",)
    assert address.queue("lane.1") == "x.lane.1"


def test_options_in_the_url_win_over_the_kits_defaults() -> None:
    given = Address.parse("amqp://host/?heartbeat=7").parameters("me")[0]
    plain = Address.parse("amqp://host/").parameters("me")[0]

    assert (given.heartbeat, plain.heartbeat) == (7, 30)
    assert (given.host, given.virtual_host) == ("host", "/")
    assert plain.client_properties == {"connection_name": "me"}


@pytest.mark.parametrize("url", ["amqp://host/?colour=red", "amqp://host/?expires=soon", "amqp://host:port/"])
def test_a_url_that_cannot_be_read_is_refused_at_once(url: str) -> None:
    with pytest.raises(BrokerError):
        connect(url, name="test")


def test_several_nodes_of_a_cluster_can_be_named() -> None:
    nodes = Address.parse("amqp://u:p@a:5673,b,[::1]:5674/v?prefix=x.").parameters("me")

    assert [(node.host, node.port) for node in nodes] == [("a", 5673), ("b", 5672), ("::1", 5674)]
    assert [(node.credentials, node.virtual_host) for node in nodes] == [(pika.PlainCredentials("u", "p"), "v")] * 3


def test_tls_verifies_the_certificate_and_the_name() -> None:
    (node,) = Address.parse("amqps://broker.example/").parameters("me")

    assert node.port == 5671
    assert node.ssl_options
    assert node.ssl_options.server_hostname == "broker.example"
    assert node.ssl_options.context.verify_mode is ssl.CERT_REQUIRED
    assert node.ssl_options.context.check_hostname


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("cafile=/nowhere/ca.pem", "/nowhere/ca.pem"),
        ("keyfile=/nowhere/key.pem", "certfile"),
        ("ssl_options=%7B%7D", "cafile"),
    ],
)
def test_options_of_tls_that_cannot_be_used_are_named(option: str, message: str) -> None:
    with pytest.raises(BrokerError, match=message):
        connect(f"amqps://host/?{option}", name="test")


def test_without_tls_its_options_are_refused() -> None:
    with pytest.raises(BrokerError, match="cafile"):
        connect("amqp://host/?cafile=/etc/ssl/ca.pem", name="test")
