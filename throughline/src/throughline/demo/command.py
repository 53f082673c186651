"""The command."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console

from sandbox.testing import SandboxProcess
from service_kit import logs
from throughline.checkout import checkout
from throughline.demo import report
from throughline.demo.client import Client
from throughline.demo.directory import own_directory
from throughline.demo.orders import Result, confirm_order, result, wait_for_end
from throughline.demo.scenarios import SCENARIOS, Scenario
from throughline.embedded import Hub, Settings

CREDENTIALS = {
    "ERP_USER": "HUB",
    "ERP_PASSWORD": "hub-secret",
    "CRM_CLIENT_ID": "hub",
    "CRM_CLIENT_SECRET": "hub-secret",
}  # the sandbox's own, for made-up systems on this machine


@click.command()
@click.option("--once", is_flag=True, help="End after the table; 0 only if every outcome was as it should be.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line of standard output.")
@click.option("--port", default=8080, show_default=True, help="Where the hub listens; a free port if it is taken.")
def demo(once: bool, as_json: bool, port: int) -> None:
    """Start a hub and a sandbox, and run real orders through them."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=as_json)
    try:
        good = _run(console, own_directory(checkout() / ".run" / "demo"), once, as_json, port)
    except KeyboardInterrupt:
        console.print("Stopped.")
        sys.exit(130)
    sys.exit(0 if good else 1)


def _run(console: Console, data: Path, once: bool, as_json: bool, port: int) -> bool:
    with SandboxProcess(data / "sandbox") as sandbox, _hub(data, sandbox, port) as (client, key):
        results, findings = _run_orders(console, client, sandbox)
        good = not findings and not any(row.problems for row in results)
        console.print(report.table(results))
        report.problems(console, results, findings)
        if as_json:
            print(json.dumps({"orders": [row.as_json() for row in results], "ok": good}), flush=True)
        if not once:
            _stay(console, client, sandbox, key, data)
    return good


@contextmanager
def _hub(data: Path, sandbox: SandboxProcess, port: int) -> Iterator[tuple[Client, str]]:
    systems = data / "systems.yaml"
    systems.write_text(yaml.safe_dump(_systems(sandbox)))
    with (data / "hub.log").open("w") as log:
        logs.configure("hub", "INFO", stream=log)
        settings = Settings(data=data / "hub", systems_file=systems, port=port, environ=CREDENTIALS)
        with _listening(settings) as hub:
            key = hub.admin_key or ""
            client = Client(hub.url, key)
            client.wait_ready()
            yield client, key


def _listening(settings: Settings) -> Hub:
    """A hub where the settings say, or on a free port where that one is taken."""
    try:
        return Hub(settings)
    except OSError:
        return Hub(replace(settings, port=0))


def _systems(sandbox: SandboxProcess) -> dict[str, Any]:
    """`systems.example.yaml` at this sandbox's addresses."""
    example: dict[str, Any] = yaml.safe_load((checkout() / "systems.example.yaml").read_text())
    addresses = {"erp": sandbox.erp_url, "crm": sandbox.crm_url, "wms": sandbox.wms_url}
    for name, address in addresses.items():
        example["systems"][name]["address"] = address
    return example


def _run_orders(console: Console, client: Client, sandbox: SandboxProcess) -> tuple[list[Result], list[str]]:
    process = checkout() / "processes" / "order-to-delivery" / "order-to-delivery.bpmn"
    deployed = client.deploy(process.read_bytes())
    console.print(f"Deployed {deployed['process']} version {deployed['version']} at {client.url}")
    began = time.monotonic()
    ended = []
    for number, scenario in enumerate(SCENARIOS, start=1):
        order = f"SO-{1000 + number}"
        console.print(f"[bold]{order}[/] {scenario.title}")
        confirm_order(sandbox, scenario, order)
        instance = wait_for_end(client, order, lambda status: console.print(f"  {_clock(began)} {status}"))
        ended.append((scenario, order, instance))
    return _audited(client, sandbox, ended)


def _clock(began: float) -> str:
    return f"{time.monotonic() - began:5.1f} s"


def _audited(
    client: Client, sandbox: SandboxProcess, ended: list[tuple[Scenario, str, dict[str, Any]]]
) -> tuple[list[Result], list[str]]:
    sys.path.insert(0, str(checkout()))  # the auditor belongs to the tests and is no distribution
    auditor = import_module("e2e.auditor")

    books = auditor.fetch_books(sandbox.admin_url)
    results = [
        result(scenario, order, instance, client.timeline(instance["id"]), auditor.effects(books, order).as_json())
        for scenario, order, instance in ended
    ]
    expected = {row.business_key: "completed" if row.status == "completed" else "undone" for row in results}
    findings = [*auditor.check_exactly_once(books), *auditor.check_expected(books, expected)]
    return results, [str(finding) for finding in findings]


def _stay(console: Console, client: Client, sandbox: SandboxProcess, key: str, data: Path) -> None:
    told = {
        "API": client.url,
        "documentation": f"{client.url}/docs/",
        "admin key": f"{key} (shown once)",
        "sandbox": f"{sandbox.admin_url} (books at /_sandbox/books)",
        "log": str(data / "hub.log"),
    }
    console.print("\nThe hub stays up until Ctrl-C; the next demo starts afresh.")
    for name, value in told.items():
        console.print(f"  {name:14} {value}", soft_wrap=True, highlight=False)
    console.print("\nTry")
    console.print(f"  curl -H 'Authorization: Bearer {key}' {client.url}/instances", soft_wrap=True, highlight=False)
    with suppress(KeyboardInterrupt):
        while True:
            signal.pause()
