"""`amqps`: the broker's certificate is verified, and who does not trust it says so."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.rabbitmq.certificates import Authority
from e2e.rabbitmq.cluster import servers
from scripts.servers.home import free_port
from service_kit import broker as brokers
from service_kit.broker import Broker, BrokerUnavailable, Outgoing, Queue, Source
from service_kit.messages import event
from service_kit.testing.waiting import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def url(authority: Authority) -> Iterator[str]:
    """Of a RabbitMQ that speaks TLS, with a certificate for 127.0.0.1."""
    with servers() as running:
        node, port = running.node(), free_port()
        certificate, key = authority.sign(node.folder, "server")
        key.chmod(0o644)  # in a folder that only the server's user and root can enter
        tls = {"cacertfile": shutil.copy(authority.file, node.folder), "certfile": certificate, "keyfile": key}
        lines = [f"ssl_options.{name} = {file}" for name, file in tls.items()]
        running.start(replace(node, more=(f"listeners.ssl.local = 127.0.0.1:{port}", *lines)))
        yield node.amqp_url.replace("amqp://", "amqps://").replace(f":{node.port}/", f":{port}/")


@pytest.fixture
def broker(url: str, authority: Authority) -> Iterator[Broker]:
    opened = brokers.connect(f"{url}?cafile={authority.file}", name="test")
    yield opened
    opened.close()


def test_messages_travel_over_tls(broker: Broker) -> None:
    broker.declare([Queue("orders")])
    broker.publish([Outgoing("orders", event("order", "test", {"n": 1}, id_="a"))])

    consumer = broker.consume([Source("orders")])
    taken = until(lambda: consumer.take(1, 1.0))

    assert [delivery.event.id for delivery in taken] == ["a"]
    consumer.ack(taken)
    assert broker.healthy()


@pytest.mark.parametrize("trusted", ["another authority", "the machine's authorities"])
def test_a_certificate_that_nobody_trusted_signed_is_refused_and_named_as_the_reason(
    url: str, tmp_path: Path, trusted: str
) -> None:
    other = f"?cafile={Authority.new(tmp_path, 'other').file}" if trusted == "another authority" else ""
    broker = brokers.connect(url + other, name="test")

    with pytest.raises(BrokerUnavailable, match=r"certificate is not trusted: .*(self-signed|issuer)"):
        broker.declare([Queue("orders")])
    with pytest.raises(BrokerUnavailable, match=r"certificate is not trusted: .*(self-signed|issuer)"):
        broker.publish([Outgoing("orders", event("order", "test", None, id_="a"))])
    assert not broker.healthy()
    broker.close()


def test_a_certificate_for_another_name_is_refused(url: str, authority: Authority) -> None:
    broker = brokers.connect(f"{url.replace('127.0.0.1', 'localhost')}?cafile={authority.file}", name="test")

    with pytest.raises(BrokerUnavailable, match=r"certificate is not trusted: .*localhost"):
        broker.declare([Queue("orders")])
    broker.close()
