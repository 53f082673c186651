"""Where the broker is, and how this hub's queues are named there."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pika

from service_kit.broker import BrokerError

_CONNECT_SECONDS = 5.0
_HEARTBEAT_SECONDS = 30
_BLOCKED_SECONDS = 60.0
_CONFIRM_SECONDS = 30.0


class Address(msgspec.Struct, frozen=True):
    """A broker's URL, without this kit's own options, and those."""

    url: str
    prefix: str = ""
    expires: float | None = None
    confirm: float = _CONFIRM_SECONDS

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Split this kit's options from what pika understands. Raises `BrokerError`."""
        parsed = urlsplit(url)
        options = dict(parse_qsl(parsed.query))
        prefix = options.pop("prefix", "")
        try:
            expires = float(options.pop("expires", 0)) or None
            confirm = float(options.pop("confirm", _CONFIRM_SECONDS))
            address = cls(parsed._replace(query=urlencode(options)).geturl(), prefix, expires, confirm)
            address.parameters("")
        except ValueError as error:
            # Not the URL itself: it holds a password.
            raise BrokerError(f"The broker's URL cannot be read: {error}") from error
        return address

    def parameters(self, connection_name: str) -> pika.URLParameters:
        """What pika needs to connect. Options in the URL win over the kit's own defaults."""
        given = dict(parse_qsl(urlsplit(self.url).query))
        parameters = pika.URLParameters(self.url)
        defaults: dict[str, Any] = {
            "socket_timeout": _CONNECT_SECONDS,
            "stack_timeout": 2 * _CONNECT_SECONDS,
            "heartbeat": _HEARTBEAT_SECONDS,
            "blocked_connection_timeout": _BLOCKED_SECONDS,
        }
        for key, value in defaults.items():
            if key not in given:
                setattr(parameters, key, value)
        parameters.client_properties = {"connection_name": connection_name}
        return parameters

    def queue(self, name: str) -> str:
        """The name on the server of a queue."""
        return self.prefix + name
