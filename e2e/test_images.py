"""The project's image, and compose.yaml's services in containers of it: `make images-test`.

PostgreSQL and RabbitMQ run in containers too, of Debian's packages (scripts/images says why).
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from e2e.auditor import Effects, effects, fetch_books
from e2e.hubs import ORDER_TO_DELIVERY
from scripts.images import building, machine, stack
from scripts.images.machine import Podman
from scripts.images.stack import Stack
from service_kit.testing.waiting import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("images"),
]  # one worker: it has the containers
IMAGE = "localhost/throughline"
OURS = ("gateway", "saga-coordinator", "monitor-service", "connector-erp", "connector-crm", "connector-wms", "sandbox")


@pytest.fixture(scope="module")
def podman() -> Podman:
    """With the project's image, built now."""
    if reason := machine.why_not():
        pytest.skip(reason)
    podman = machine.installed()
    building.build_stand_ins(podman)
    building.build(podman, IMAGE)
    return podman


class Hub:
    """The hub in containers, as somebody sees it who started compose.yaml."""

    def __init__(self, running: Stack) -> None:
        self.containers = running
        self._key = running.inside("gateway", "python", "-m", "gateway", "create-key", "test", "admin")
        self.sandbox = running.url("sandbox", 18100)

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Ask the gateway, on its published port."""
        headers = {"Authorization": f"Bearer {self._key}", **arguments.pop("headers", {})}
        url = self.containers.url("gateway", 8080)
        return requests.request(method, url + path, headers=headers, timeout=30, **arguments)

    def confirm(self, number: str, material: str = "MAT-100") -> None:
        """A salesperson confirms an order in the CRM."""
        items = [{"material": material, "quantity": 1}]
        order = {"customer": "10100001", "status": "Confirmed", "po_number": number, "order_number": number}
        requests.post(
            f"{self.sandbox}/_sandbox/crm/orders", json={**order, "items": items}, timeout=30
        ).raise_for_status()

    def outcome(self, number: str) -> str:
        """How the saga of this order ended, once it has."""
        found: list[str] = []

        def ended() -> bool:
            answer = self.call("GET", "/instances", params={"business_key": number})
            if answer.status_code == 200:
                found[:] = [each["status"] for each in answer.json()["items"]]
            return found in (["completed"], ["compensated"])

        until(ended, timeout=120)
        return found[0]

    def effects(self, number: str) -> Effects:
        """What the sandbox's books say."""
        return effects(fetch_books(self.sandbox, number), number)


@pytest.fixture(scope="module")
def hub(podman: Podman) -> Iterator[Hub]:
    """Every service of compose.yaml, healthy, with order-to-delivery deployed."""
    with stack.running(podman) as running:
        hub = Hub(running)
        xml = ORDER_TO_DELIVERY.read_bytes()
        answer = hub.call("POST", "/processes", data=xml, headers={"Content-Type": "application/xml"})
        assert answer.status_code == 201, answer.text
        yield hub


def new_number() -> str:
    return f"C-{uuid.uuid4().hex[:10]}"


def test_an_order_goes_through_the_containers(hub: Hub) -> None:
    number = new_number()

    hub.confirm(number)

    assert hub.outcome(number) == "completed"
    counted = hub.effects(number)
    assert (counted.erp.sales_orders_open, counted.wms.deliveries_open) == (1, 1)


def test_an_order_that_the_warehouse_refuses_is_undone_in_the_containers(hub: Hub) -> None:
    number = new_number()

    hub.confirm(number, "MAT-EMPTY")

    assert hub.outcome(number) == "compensated"
    counted = hub.effects(number)
    assert (counted.erp.sales_orders_open, counted.erp.sales_orders_cancelled, counted.wms.deliveries_open) == (0, 1, 0)


@pytest.mark.parametrize("service", ["saga-coordinator", "connector-erp"])
def test_a_container_that_is_killed_comes_back_and_no_order_is_lost(hub: Hub, service: str) -> None:
    # given
    numbers = [new_number() for _ in range(5)]
    for number in numbers:
        hub.confirm(number)
    died = int(hub.containers.inspect(service, "{{.RestartCount}}"))

    # when: from outside, since a container's first process is safe from its own kind
    machine.run(["kill", "-KILL", hub.containers.inspect(service, "{{.State.Pid}}")])

    # then
    assert [hub.outcome(number) for number in numbers] == ["completed"] * 5
    assert {hub.effects(number).erp.sales_orders_open for number in numbers} == {1}
    hub.containers.await_healthy([service])
    assert int(hub.containers.inspect(service, "{{.RestartCount}}")) == died + 1


@pytest.mark.parametrize("service", [service for service in OURS if service != "sandbox"])
def test_the_image_itself_knows_how_to_tell_whether_a_service_is_well(hub: Hub, service: str) -> None:
    assert hub.containers.is_well(service)


@pytest.mark.parametrize("service", OURS)
def test_a_service_has_no_rights_and_nothing_to_write_to(hub: Hub, service: str) -> None:
    status = hub.containers.inside(service, "cat", "/proc/1/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    wrote = "import pathlib, sys; [pathlib.Path(f, 'x').write_text('') for f in sys.argv[1:]]"

    assert told["Uid"].split() == ["10001"] * 4
    assert {int(told[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}
    assert told["NoNewPrivs"] == "1"
    for folder in ("/app", "/app/code", "/etc", "/usr/bin"):
        with pytest.raises(machine.ImagesError, match=r"Read-only file system|Permission denied"):
            hub.containers.inside(service, "python", "-c", wrote, folder)
    hub.containers.inside(service, "python", "-c", wrote, "/tmp")  # noqa: S108 - the container's


def test_the_image_holds_no_secret_and_no_means_to_build(podman: Podman) -> None:
    config = json.loads(podman("inspect", "--format", "{{json .Config}}", IMAGE))

    assert config["User"] == "10001:10001"
    assert not [each for each in config["Env"] if any(word in each for word in ("PASSWORD", "TOKEN", "KEY", "SECRET"))]
    looked = podman("run", "--rm", "--network", "none", "--entrypoint", "sh", IMAGE, "-c", _LOOK)
    assert looked == ""


# what must not be found in /app: pip, tests, and files that look like somebody's own
_LOOK = r"""
find /app -name site-packages -prune -o \( -name tests -o -name '.env*' -o -name '.git*' -o -name '*.pem' \) -print
find /app -maxdepth 6 -name 'pip*'
"""


def test_its_own_code_is_a_small_layer_above_the_libraries(podman: Podman) -> None:
    history = podman("history", "--format", "json", "--human=false", IMAGE)
    copied = [each["size"] for each in json.loads(history) if "COPY" in (each.get("CreatedBy") or "")]

    assert len([size for size in copied if size > 20_000_000]) == 1
    assert sum(size for size in copied if size <= 20_000_000) < 20_000_000


@pytest.mark.parametrize("service", OURS)
def test_a_service_that_is_asked_to_end_does_so(hub: Hub, service: str) -> None:
    assert hub.containers.stop(service, seconds=30) == 0
