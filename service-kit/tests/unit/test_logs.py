"""What a line of the log holds, and what never."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from service_kit import logs

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Configure JSON logs; the result reads the lines written so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    logs.configure("gateway", "INFO", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_says_what_when_where_and_who(lines: Lines) -> None:
    structlog.get_logger("service_kit.broker").warning("broker.gone", attempts=3)

    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "broker.gone",
        "attempts": 3,
        "level": "warning",
        "logger": "service_kit.broker",
        "service": "gateway",
    }


def test_bound_values_are_on_every_line_inside_and_on_none_outside(lines: Lines) -> None:
    log = structlog.get_logger("any")
    with logs.bound(instance="i1", step=None):
        log.info("inside")
    log.info("outside")

    inside, outside = lines()
    assert inside["instance"] == "i1"
    assert "step" not in inside
    assert "instance" not in outside


def test_libraries_that_use_logging_come_out_the_same_way(lines: Lines) -> None:
    with logs.bound(instance="i1"):
        logging.getLogger("library").error("could not %s", "connect", extra={"password": "p"})

    (line,) = lines()
    assert (line["event"], line["logger"], line["instance"]) == ("could not connect", "library", "i1")
    assert line["password"] == logs.MASK


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    structlog.get_logger("any").debug("detail")

    assert lines() == []


def test_an_exception_comes_with_its_traceback(lines: Lines) -> None:
    try:
        raise ValueError("amqp://user:hidden@host")
    except ValueError:
        structlog.get_logger("any").exception("failed")

    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert "hidden" not in line["exception"]


def test_values_that_json_does_not_know_are_shown(lines: Lines) -> None:
    structlog.get_logger("any").info("odd", value=object, raw=ValueError("x"))

    assert "ValueError" in lines()[0]["raw"]


def test_a_terminal_gets_a_form_for_people_that_masks_as_well() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    logs.configure("gateway", stream=stream, console=True)

    structlog.get_logger("any").info("started", api_key="hidden")

    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    assert "started" in stream.getvalue()
    assert "hidden" not in stream.getvalue()


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError):
        logs.configure("gateway", "LOUD", stream=io.StringIO())


@pytest.mark.parametrize(
    "key",
    [
        "authorization", "Authorization", "password", "db_password", "token", "accessToken", "refresh-token", "secret",
        "client_secret", "clientSecret", "api_key", "apiKey", "X-Api-Key", "apikey", "cookie", "Set-Cookie",
        "credentials", "private_key",
    ],
)  # fmt: skip
def test_values_of_telling_keys_are_masked_at_any_depth(key: str) -> None:
    assert logs.masked({"headers": [{key: "hidden", "plain": 1}]}) == {"headers": [{key: logs.MASK, "plain": 1}]}


@pytest.mark.parametrize("key", ["tokens", "business_key", "hub_key", "keys", "step", "idempotency_key"])
def test_values_of_other_keys_are_not(key: str) -> None:
    assert logs.masked({key: "shown"}) == {key: "shown"}


def test_passwords_in_urls_are_masked() -> None:
    assert logs.masked("to amqp://me:hidden@host/v?x=1") == "to amqp://me:***@host/v?x=1"
