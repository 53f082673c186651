"""Servers and systems that are away for a while: whoever asks is told, nothing that was accepted is lost, and all goes
on afterwards."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from e2e.auditor import check_exactly_once, fetch_books
from e2e.hubs import Process, ServicesHub, admin_key, write_systems
from e2e.stacks import Stack, empty_databases, new_key, order, prepared, services_stack_on
from sandbox.testing import SandboxProcess
from service_kit.testing.tcp_proxy import TcpProxy
from service_kit.testing.waiting import until

ORDERS = 10
PATIENCE = 60.0


class Exposed:
    """A hub in services mode whose ways to its servers can be closed."""

    def __init__(self, stack: Stack, broker: TcpProxy, database: TcpProxy) -> None:
        self.stack = stack
        self.ways = {"broker": broker, "database": database}


@pytest.fixture(scope="module")
def exposed(amqp_url: str, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Shared by the tests of this module; each opens again what it has closed."""
    folder = tmp_path_factory.mktemp("exposed")
    with (
        _proxy(amqp_url) as broker,
        _proxy(database_url) as database,
        empty_databases(database_url, database.port) as databases,
        services_stack_on(folder, _through(broker, amqp_url), databases) as stack,
    ):
        yield Exposed(stack, broker, database)


def _proxy(url: str) -> TcpProxy:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return TcpProxy(parts.hostname, parts.port)


def _through(proxy: TcpProxy, amqp_url: str) -> str:
    """The broker as it is reached by the proxy, with queues of this test's own."""
    url = urlsplit(amqp_url)
    netloc = f"{url.username}:{url.password}@127.0.0.1:{proxy.port}"
    return url._replace(netloc=netloc, query=f"prefix=e2e-{uuid.uuid4().hex[:12]}.&expires=1800").geturl()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("server", ["broker", "database"])
def test_a_server_that_is_away_is_told_and_nothing_that_was_accepted_is_lost(exposed: Exposed, server: str) -> None:
    hub = exposed.stack
    numbers = [new_key() for _ in range(ORDERS)]
    late, key = new_key(), {"Idempotency-Key": uuid.uuid4().hex}
    made = hub.call("POST", "/api-keys", json={"name": new_key("caller"), "roles": ["operator"]}).json()
    unseen = {"Authorization": f"Bearer {made['key']}"}  # the gateway has to look it up

    # given orders that were accepted and are under way
    with ThreadPoolExecutor(ORDERS) as pool:
        instances = list(pool.map(partial(accepted, hub), numbers))

    # when the server goes away
    with away(exposed.ways[server]):
        until(lambda: not_ready(hub), timeout=PATIENCE)
        told = requests.get(f"{hub.hub.url}/ready", timeout=30)
        alive = requests.get(f"{hub.hub.url}/health", timeout=30)
        refused = hub.start("order-and-hold-patiently", {"order": order(late)}, {**key, **unseen})

    # then it is said, and starts are refused
    assert (told.status_code, alive.status_code) == (503, 200)
    assert told.json()["checks"]["coordinator"] is False
    assert told.headers["Content-Type"].startswith("application/problem+json")
    assert refused.status_code == 503, refused.text
    assert "Retry-After" in refused.headers

    # and when it is back, everything goes on; what was refused may be sent again
    until(lambda: not not_ready(hub), timeout=PATIENCE)
    again = hub.start("order-and-hold-patiently", {"order": order(late)}, {**key, **unseen})
    assert again.status_code == 201, again.text
    for instance in (*instances, again.json()["id"]):
        hub.step(instance, "Approve", PATIENCE)
    for number in (*numbers, late):
        found = hub.effects(number)
        assert (found.erp.sales_orders_open, found.wms.reservations_open) == (1, 1)
    assert check_exactly_once(fetch_books(hub.sandbox.admin_url)) == []


@pytest.mark.timeout(240)
def test_connections_that_break_again_and_again_cost_nothing(exposed: Exposed) -> None:
    hub = exposed.stack
    numbers = [new_key() for _ in range(3 * ORDERS)]
    instances: list[str] = []

    for first, way in zip(range(0, len(numbers), ORDERS), ("broker", "database", "broker"), strict=True):
        with ThreadPoolExecutor(ORDERS) as pool:
            instances += pool.map(partial(accepted, hub), numbers[first : first + ORDERS])
        exposed.ways[way].cut()
        until(lambda: not not_ready(hub), timeout=PATIENCE)

    for instance in instances:
        hub.step(instance, "Approve", PATIENCE)
    for number in numbers:
        found = hub.effects(number)
        assert (found.erp.sales_orders_open, found.wms.reservations_open) == (1, 1)
    assert check_exactly_once(fetch_books(hub.sandbox.admin_url)) == []


@pytest.mark.timeout(240)
def test_services_that_start_before_their_servers_wait_for_them(
    amqp_url: str, database_url: str, tmp_path: Path
) -> None:
    with (
        _proxy(amqp_url) as broker,
        _proxy(database_url) as database,
        empty_databases(database_url, database.port) as databases,
        SandboxProcess(tmp_path / "sandbox") as sandbox,
    ):
        # given
        systems = write_systems(tmp_path, sandbox)
        hub = ServicesHub(tmp_path, systems, _through(broker, amqp_url), databases)
        broker.refuse()
        database.refuse()

        # when
        try:
            for process in hub.processes.values():
                process.start()
            until(lambda: all(map(complains, hub.processes.values())), timeout=PATIENCE)
            database.admit()
            broker.admit()
            hub.key = admin_key(databases["gateway"])

            # then
            stack = prepared(Stack(hub, sandbox, "", systems))
            answer = stack.start("sums-up", {"amounts": [1, 2]}, {"Prefer": "wait=30"})
            assert answer.json()["status"] == "completed"
        finally:
            hub.stop()


def test_a_system_that_is_away_is_tried_again_until_it_is_back(hub: Stack) -> None:
    number = new_key()

    with hub.fault("erp", "down"):
        instance = hub.started("order-and-hold-patiently", {"order": order(number)})
        until(lambda: attempts(hub, instance) > 1)
        trying = hub.instance(instance)["status"]
    hub.step(instance, "Approve")

    assert trying in ("running", "waiting")
    assert hub.effects(number).erp.sales_orders_open == 1


def test_what_a_system_did_before_it_hung_up_is_not_done_again(hub: Stack) -> None:
    number = new_key()

    with hub.fault("erp", "drop-after", operation="erp.create-sales-order", match=number):
        instance = hub.started("order-and-hold", {"order": order(number)})
        hub.step(instance, "Approve")

    found = hub.effects(number).erp
    assert (found.sales_orders_open, found.sales_orders_cancelled) == (1, 0)


def accepted(hub: Stack, number: str) -> str:
    """Start without waiting for anything; the instance's id."""
    answer = hub.start("order-and-hold-patiently", {"order": order(number)}, {"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def not_ready(hub: Stack) -> bool:
    """Whether the hub says that it cannot take work."""
    return requests.get(f"{hub.hub.url}/ready", timeout=30).status_code == 503


def complains(process: Process) -> bool:
    """Whether it has met that something is away."""
    process.check()
    return '"level":"warning"' in process.log.read_text()


def attempts(hub: Stack, instance: str) -> int:
    """How often its first step was tried."""
    steps = hub.instance(instance)["steps"]
    return int(steps[0]["attempt"]) if steps else 0


@contextmanager
def away(way: TcpProxy) -> Iterator[None]:
    """While nobody gets through."""
    way.refuse()
    try:
        yield
    finally:
        way.admit()
