"""Many orders, half of them doomed, while processes are killed at random moments; then the auditor looks."""

import random
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import requests

from e2e.auditor import check_exactly_once, check_expected, fetch_books
from e2e.auditor.books import RESERVATION, SALES_ORDER
from e2e.auditor.findings import EXPECTED_KINDS
from e2e.hubs import ORDER_TO_DELIVERY, Api, Hub, Process, until
from e2e.stacks import order
from sandbox.testing import SandboxProcess

FINAL = ("completed", "compensated")
OPEN = ("running", "compensating", "waiting", "incident")
MOST_CALM = 0.3
PATIENCE = 300.0
# The warehouse takes its time, so that a saga seen under way still is at the kill, however fast the machine.
SLOW = {"system": "wms", "kind": "delay", "times": None, "delay_ms": 100}


@dataclass(frozen=True)
class Storm:
    """`orders` orders and `kills` kills, drawn from `seed`. They run as `process`, which makes documents of `kinds`."""

    orders: int
    kills: int
    seed: int
    process: str = "order-to-delivery"
    kinds: Collection[str] = EXPECTED_KINDS

    def rage(self, hub: Hub, sandbox: SandboxProcess) -> None:
        """Run it; raises `AssertionError` where anything was lost, doubled, or left behind."""
        print(f"storm: seed {self.seed}, {self.orders} orders, {self.kills} kills")  # for the report
        chance = random.Random(self.seed)  # repeatable
        doomed = {f"SO-{n:05}": chance.random() < 0.5 for n in range(self.orders)}
        self.deploy(hub)
        slow = sandbox.call("POST", "faults", SLOW)["id"]
        self.begin(hub, sandbox, list(doomed.items())[: self.orders // 2])
        kills = self._kill(hub, sandbox, chance, list(doomed.items()))
        sandbox.call("DELETE", f"faults/{slow}")
        try:
            until(partial(self._have_all_ended, hub), PATIENCE, "not all sagas ended")
        except AssertionError as error:
            error.add_note(unfinished(hub, self.process))
            raise
        self._check_moments(hub, kills)
        self._audit(hub, sandbox, doomed)

    def deploy(self, hub: Hub) -> None:
        """A step whose attempts were killed several times shall not wait for a minute."""
        Api(hub).deploy(ORDER_TO_DELIVERY.read_bytes().replace(b'max="PT1M"', b'max="PT4S"'))

    def begin(self, hub: Hub, sandbox: SandboxProcess, orders: Sequence[tuple[str, bool]]) -> None:
        """Orders (number, whether it is doomed) are confirmed in the CRM, whose events start them."""
        for number, fails in orders:
            item = {"material": "MAT-EMPTY" if fails else "MAT-100", "quantity": 1}
            order = {"customer": "10100001", "status": "Confirmed", "po_number": number, "order_number": number}
            sandbox.call("POST", "crm/orders", {**order, "items": [item]})

    def _kill(
        self, hub: Hub, sandbox: SandboxProcess, chance: random.Random, orders: Sequence[tuple[str, bool]]
    ) -> list[datetime]:
        """Kill and start again, confirming the second half of the orders on the way so that there is always work in
        flight; the moments of the kills."""
        half = begun = self.orders // 2
        moments = []
        for kill in range(self.kills):
            more = half + (self.orders - half) * (kill + 1) // self.kills
            self.begin(hub, sandbox, orders[begun:more])
            begun = more
            Api(hub).wait_ready()
            until(partial(self._is_under_way, hub, begun), PATIENCE, "no saga begins")
            time.sleep(chance.random() * MOST_CALM)  # the randomness of the moment is the test
            victim: Process = chance.choice(hub.mortal)
            victim.check()
            moments.append(datetime.now(UTC))
            victim.kill()
            victim.start()
        return moments

    def _is_under_way(self, hub: Hub, begun: int) -> bool:
        """Whether there is anything to kill; where all that had begun came to its end unseen there never will be."""
        return self._any(hub, "running", "compensating") or ended(hub, self.process) >= begun

    def _have_all_ended(self, hub: Hub) -> bool:
        return not self._any(hub, *OPEN) and ended(hub, self.process) >= self.orders

    def _any(self, hub: Hub, *among: str) -> bool:
        """Whether an instance has one of these statuses."""
        asked = ({"process": self.process, "status": status, "limit": "1"} for status in among)
        try:
            return any(Api(hub).call("GET", "/instances", params=params).json()["items"] for params in asked)
        except (requests.RequestException, KeyError):  # it is being started
            return False

    def _check_moments(self, hub: Hub, kills: Sequence[datetime]) -> None:
        """A storm that met calm water proves nothing."""
        spans = [_span(instance) for instance in Api(hub).instances(process=self.process)]
        busy = sum(any(start <= kill <= end for start, end in spans) for kill in kills)
        print(f"storm: sagas were under way at {busy} of {self.kills} kills")  # for the report
        assert busy >= self.kills * 0.8

    def _audit(self, hub: Hub, sandbox: SandboxProcess, doomed: dict[str, bool]) -> None:
        found = [(i["business_key"], i["status"]) for i in Api(hub).instances(process=self.process)]
        assert sorted(found) == sorted((key, "compensated" if fails else "completed") for key, fails in doomed.items())
        books = fetch_books(sandbox.admin_url)
        findings = check_exactly_once(books)
        outcomes = {key: "undone" if fails else "completed" for key, fails in doomed.items()}
        findings += check_expected(books, outcomes, self.kinds)
        assert findings == []


@dataclass(frozen=True)
class CallStorm(Storm):
    """The same over a process that calls two others; the second of them fails when it has done its part."""

    process: str = "sells-and-reserves"
    kinds: Collection[str] = (SALES_ORDER, RESERVATION)

    def deploy(self, hub: Hub) -> None:
        """Its processes are there."""

    def begin(self, hub: Hub, sandbox: SandboxProcess, orders: Sequence[tuple[str, bool]]) -> None:
        """Started over the API, which is asked again where it was killed."""
        for number, fails in orders:
            body = {"business_key": number, "variables": {"order": {**order(number), "implausible": fails}}}
            until(partial(self._started, Api(hub), number, body), PATIENCE, "the hub takes no orders")

    def _started(self, api: Api, number: str, body: dict[str, Any]) -> bool:
        path, headers = f"/processes/{self.process}/instances", {"Idempotency-Key": number}
        try:
            return api.call("POST", path, json=body, headers=headers).status_code in (201, 202)
        except requests.RequestException:
            return False


def _span(instance: dict[str, Any]) -> tuple[datetime, datetime]:
    """From its start to its end, by the clock of the store, which is this machine's."""
    return datetime.fromisoformat(instance["started_at"]), datetime.fromisoformat(instance["ended_at"])


def statuses(hub: Hub, process: str) -> Counter[str]:
    """How many instances of a process have which status; empty while the hub cannot tell."""
    try:
        return Counter(instance["status"] for instance in Api(hub).instances(process=process))
    except requests.RequestException:
        return Counter()


def unfinished(hub: Hub, process: str) -> str:
    """What a person would look at: how many have which status, the incidents, the timelines of two open instances."""
    api = Api(hub)
    open_ = [i for i in api.instances(process=process) if i["status"] not in FINAL]
    timelines = [api.call("GET", f"/instances/{instance['id']}/timeline").text for instance in open_[:2]]
    incidents = api.call("GET", "/incidents").text[:3000]
    return "\n".join([str(statuses(hub, process)), incidents, *timelines])


def ended(hub: Hub, process: str) -> int:
    """How many instances have a final status."""
    return sum(statuses(hub, process)[status] for status in FINAL)
