"""Whatever a connector does for a command is found by its instance, in logs and traces."""

from collections.abc import Callable
from typing import Any

import structlog

from service_kit import tracing
from service_kit.broker import Delivery
from service_kit.connector.jobs import Job
from service_kit.connector.jobs import run as run_job
from service_kit.messages import COMMAND, Command, CommandKind, Completed, Outcome, event

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def job(run: Callable[[Command], Outcome]) -> Job:
    command = Command(
        id="i1.3.1",
        kind=CommandKind.EXECUTE,
        instance="i1",
        step=3,
        attempt=1,
        operation="erp.create-order",
        system="erp",
        hub_key="ABCDEFGHIJKL",
        reply_to="lane.0",
    )
    delivery = Delivery(event(COMMAND, "test", command, id_=command.id, traceparent=TRACE), "commands.erp", 1, None)
    return Job(command, None, [delivery], run, traceparent=TRACE)


def test_logs_of_a_command_carry_its_instance_step_and_id() -> None:
    seen: dict[str, Any] = {}

    def run(command: Command) -> Outcome:
        seen.update(structlog.contextvars.get_contextvars())
        return Completed()

    run_job(job(run))

    assert {name: seen[name] for name in ("instance", "step", "command")} == {
        "instance": "i1",
        "step": 3,
        "command": "i1.3.1",
    }
    assert structlog.contextvars.get_contextvars() == {}


def test_a_vendor_call_goes_on_with_the_trace_of_its_command() -> None:
    headers: dict[str, str] = {}

    def run(command: Command) -> Outcome:
        tracing.inject_http(headers)
        return Completed()

    run_job(job(run))

    assert headers["traceparent"].split("-")[1] == TRACE.split("-")[1]
