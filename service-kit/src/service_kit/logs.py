"""Structured logs on standard error: JSON for machines, colours for a terminal, secrets for nobody.

Modules log with `structlog.get_logger(__name__).info("broker.connected", link=...)`: a stable event name and values.
"""

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
_SECRET_KEY = re.compile(
    r"password|passwd|secret|passphrase|(^|_)(authorization|token|cookie|api_?key|credentials?|private_key|pwd|hmac)$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PASSWORD_IN_URL = re.compile(r"(\w://[^\s:/@]*):[^\s/@]+@")
# Libraries that report every lost connection at ERROR, several times; the kit says it once in its own words.
_LOUD = {"pika": logging.CRITICAL, "urllib3": logging.WARNING, "httpx": logging.WARNING, "opentelemetry": logging.ERROR}


def configure(service: str, level: str = "INFO", *, stream: TextIO | None = None, console: bool | None = None) -> None:
    """Log everything of this process, also what libraries log by `logging`, to `stream` (standard error).

    `console` forces or forbids the form for people; by default a terminal gets it. Raises `ValueError` for an
    unknown level.
    """
    stream = stream or sys.stderr
    console = stream.isatty() if console is None else console
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Named(service),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(console=console))
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, least in _LOUD.items():
        logging.getLogger(name).setLevel(least)


def bound(**values: Any) -> AbstractContextManager[None]:
    """Add values (`instance=...`, `step=...`) to everything that is logged inside, in this thread or task."""
    return structlog.contextvars.bound_contextvars(**{key: value for key, value in values.items() if value is not None})


def masked(value: Any) -> Any:
    """`value` without what looks like a secret: values of telling keys, and passwords in URLs, at any depth."""
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key) else masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", value)
    return value


def _is_secret(key: object) -> bool:
    words = _CAMEL.sub("_", str(key)).replace("-", "_").lower()
    return _SECRET_KEY.search(words) is not None


def _mask(logger: WrappedLogger, method: str, entry: EventDict) -> EventDict:
    safe: EventDict = masked(entry)
    return safe


def _rendering(*, console: bool) -> list[Processor]:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if console:
        return [remove_meta, structlog.processors.format_exc_info, _mask, structlog.dev.ConsoleRenderer()]
    return [
        remove_meta,
        structlog.processors.format_exc_info,
        _mask,
        structlog.processors.JSONRenderer(serializer=_json),
    ]


def _json(entry: EventDict, **_: Any) -> str:
    return msgspec.json.encode(entry, enc_hook=repr).decode()


class _Named:
    """Says which service logs."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: WrappedLogger, method: str, entry: EventDict) -> EventDict:
        entry["service"] = self._service
        return entry
