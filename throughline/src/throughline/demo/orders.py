"""Running the orders and looking at what became of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.testing import SandboxProcess
from throughline.demo.client import FINAL, Client
from throughline.demo.errors import DemoFailed
from throughline.demo.scenarios import Scenario

PATIENCE = 90.0


@dataclass(frozen=True)
class Result:
    """One order at its end. `problems` says what is not as it should be."""

    scenario: Scenario
    business_key: str
    instance: str
    status: str
    steps: int
    undone: list[str]
    seconds: float
    effects: dict[str, Any]
    problems: list[str]

    def as_json(self) -> dict[str, Any]:
        """As `openapi/demo.schema.json` says."""
        return {
            "business_key": self.business_key,
            "scenario": self.scenario.name,
            "process": "order-to-delivery",
            "status": self.status,
            "undone": self.undone,
            "effects": self.effects,
        }


def confirm_order(sandbox: SandboxProcess, scenario: Scenario, number: str) -> None:
    """A salesperson confirms an order in the CRM, after the scenario's fault is in place."""
    if scenario.fault:
        fault = {name: _filled(value, number) for name, value in scenario.fault.items()}
        sandbox.inject("erp", fault.pop("kind"), **fault)
    order = {
        "customer": "10100001",
        "status": "Confirmed",
        "po_number": f"PO-{number}",
        "order_number": number,
        "items": [{"material": scenario.material, "quantity": 5}],
    }
    sandbox.call("POST", "crm/orders", order)


def _filled(value: Any, number: str) -> Any:
    return value.replace("{order}", number) if isinstance(value, str) else value


def wait_for_end(client: Client, number: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """The order's instance when it has ended. `tell` hears its status whenever it changes."""
    deadline = time.monotonic() + PATIENCE
    status = ""
    while time.monotonic() < deadline:
        instance = client.find(number)
        now = instance["status"] if instance else "confirmed in the CRM"
        if now != status:
            status = now
            tell(status)
        if instance and status in FINAL:
            return instance
        time.sleep(0.1)
    raise DemoFailed(f"order {number} is still {status} after {PATIENCE:.0f} s")


def result(
    scenario: Scenario, number: str, instance: dict[str, Any], timeline: dict[str, Any], effects: dict[str, Any]
) -> Result:
    """Compare what happened with what should have."""
    steps = [step for step in timeline["steps"] if step["operation"]]
    undone = [s for s in steps if s["undo"] and s["undo"]["status"] == "undone"]
    undone.sort(key=lambda step: step["undo"]["ended_at"])
    names = [step["element"] for step in undone]
    return Result(
        scenario=scenario,
        business_key=number,
        instance=instance["id"],
        status=instance["status"],
        steps=len([step for step in steps if step["status"] in ("completed", "undone")]),
        undone=names,
        seconds=_seconds(instance),
        effects=effects,
        problems=list(_problems(scenario, instance["status"], names, steps, effects)),
    )


def _problems(
    scenario: Scenario, status: str, undone: list[str], steps: list[dict[str, Any]], effects: dict[str, Any]
) -> list[str]:
    problems = []
    if status != scenario.status:
        problems.append(f"ended as {status}, not {scenario.status}")
    if tuple(undone) != scenario.undone:
        problems.append(f"undone: {undone}, expected {list(scenario.undone)}")
    for system, counts in scenario.effects.items():
        found = {name: effects[system][name] for name in counts}
        if found != counts:
            problems.append(f"{system} has {found}, expected {counts}")
    if scenario.sign == "probe" and not any(step["probes"] for step in steps):
        problems.append("nothing was probed")
    if scenario.sign == "retry" and not any(len(step["attempts"]) > 1 for step in steps):
        problems.append("nothing was tried again")
    return problems


def _seconds(instance: dict[str, Any]) -> float:
    started, ended = (datetime.fromisoformat(instance[name]) for name in ("started_at", "ended_at"))
    return (ended - started).total_seconds()
