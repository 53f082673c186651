"""Where the broker is, and how this hub's queues are named there."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import msgspec
import pika

from service_kit.broker import BrokerError
from service_kit.broker.rabbitmq.tls import Tls

_CONNECT_SECONDS = 5.0
_HEARTBEAT_SECONDS = 30
_BLOCKED_SECONDS = 60.0
_CONFIRM_SECONDS = 30.0


class Address(msgspec.Struct, frozen=True):
    """A broker's URLs, one for each node that was named, without this kit's own options, and those."""

    urls: tuple[str, ...]
    prefix: str = ""
    expires: float | None = None
    confirm: float = _CONFIRM_SECONDS
    tls: Tls | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Split this kit's options from what pika understands. Raises `BrokerError`."""
        parsed = urlsplit(url)
        options = dict(parse_qsl(parsed.query))
        prefix = options.pop("prefix", "")
        try:
            expires = float(options.pop("expires", 0)) or None
            confirm = float(options.pop("confirm", _CONFIRM_SECONDS))
            tls = Tls.taken_from(options) if parsed.scheme == "amqps" else None
            address = cls(_by_node(parsed._replace(query=urlencode(options))), prefix, expires, confirm, tls)
            address.parameters("")
        except (ValueError, OSError) as error:
            # Not the URL itself: it holds a password.
            raise BrokerError(f"The broker's URL cannot be read: {error}") from error
        return address

    def parameters(self, connection_name: str) -> list[pika.URLParameters]:
        """What pika needs to connect, for each node. Options in the URL win over the kit's own defaults."""
        return [self._parameters(url, connection_name) for url in self.urls]

    def _parameters(self, url: str, connection_name: str) -> pika.URLParameters:
        given = dict(parse_qsl(urlsplit(url).query))
        parameters = pika.URLParameters(url)
        defaults: dict[str, Any] = {
            "socket_timeout": _CONNECT_SECONDS,
            "stack_timeout": 2 * _CONNECT_SECONDS,
            "heartbeat": _HEARTBEAT_SECONDS,
            "blocked_connection_timeout": _BLOCKED_SECONDS,
        }
        for key, value in defaults.items():
            if key not in given:
                setattr(parameters, key, value)
        if self.tls is not None:
            parameters.ssl_options = pika.SSLOptions(self.tls.context(), parameters.host)
        parameters.client_properties = {"connection_name": connection_name}
        return parameters

    def queue(self, name: str) -> str:
        """The name on the server of a queue."""
        return self.prefix + name


def _by_node(parsed: SplitResult) -> tuple[str, ...]:
    """`user@a:1,b:2` names two nodes of one cluster."""
    login, at, hosts = parsed.netloc.rpartition("@")
    return tuple(parsed._replace(netloc=login + at + host).geturl() for host in hosts.split(","))
