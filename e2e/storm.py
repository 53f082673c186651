"""Many orders, half of them doomed, while processes are killed at random moments; then the auditor looks."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import requests

from e2e.auditor import check_exactly_once, check_expected, fetch_books
from e2e.hubs import Api, Hub, Process, until
from sandbox.testing import SandboxProcess

FINAL = ("completed", "compensated")
MOST_CALM = 0.3
WORK_COMES_WITHIN = 10.0
PATIENCE = 300.0


@dataclass(frozen=True)
class Storm:
    """`orders` orders and `kills` kills, drawn from `seed`."""

    orders: int
    kills: int
    seed: int

    def rage(self, hub: Hub, sandbox: SandboxProcess) -> None:
        """Run it; raises `AssertionError` where anything was lost, doubled, or left behind."""
        print(f"storm: seed {self.seed}, {self.orders} orders, {self.kills} kills")  # for the report
        chance = random.Random(self.seed)  # repeatable
        doomed = {f"SO-{n:05}": chance.random() < 0.5 for n in range(self.orders)}
        self._confirm(sandbox, list(doomed.items())[: self.orders // 2])
        self._kill(hub, sandbox, chance, list(doomed.items())[self.orders // 2 :])
        try:
            until(lambda: ended(hub) >= self.orders, PATIENCE, "not all sagas ended")
        except AssertionError as error:
            error.add_note(unfinished(hub))
            raise
        self._audit(hub, sandbox, doomed)

    def _confirm(self, sandbox: SandboxProcess, orders: Sequence[tuple[str, bool]]) -> None:
        for number, fails in orders:
            item = {"material": "MAT-EMPTY" if fails else "MAT-100", "quantity": 1}
            order = {"customer": "10100001", "status": "Confirmed", "po_number": number, "order_number": number}
            sandbox.call("POST", "crm/orders", {**order, "items": [item]})

    def _kill(
        self, hub: Hub, sandbox: SandboxProcess, chance: random.Random, orders: Sequence[tuple[str, bool]]
    ) -> None:
        """Kill and start again, confirming the rest of the orders on the way so that there is always work in flight."""
        share = -(-len(orders) // self.kills)
        busy = 0
        for kill in range(self.kills):
            self._confirm(sandbox, orders[kill * share : (kill + 1) * share])
            busy += _work_in_flight(hub)
            time.sleep(chance.random() * MOST_CALM)  # the randomness of the moment is the test
            victim: Process = chance.choice(hub.mortal)
            victim.check()
            victim.kill()
            victim.start()
        print(f"storm: sagas were under way at {busy} of {self.kills} kills")  # for the report
        assert busy >= self.kills * 0.8

    def _audit(self, hub: Hub, sandbox: SandboxProcess, doomed: dict[str, bool]) -> None:
        found = [(i["business_key"], i["status"]) for i in Api(hub).instances(process="order-to-delivery")]
        assert sorted(found) == sorted((key, "compensated" if fails else "completed") for key, fails in doomed.items())
        books = fetch_books(sandbox.admin_url)
        findings = check_exactly_once(books)
        findings += check_expected(books, {key: "undone" if fails else "completed" for key, fails in doomed.items()})
        assert findings == []


def _work_in_flight(hub: Hub) -> bool:
    """Wait until the hub is up (again) and has sagas under way; False if none came."""
    api = Api(hub)
    api.wait_ready()
    deadline = time.monotonic() + WORK_COMES_WITHIN
    while time.monotonic() < deadline:
        for status in ("running", "compensating"):
            if any(True for _ in api.instances(process="order-to-delivery", status=status)):
                return True
        time.sleep(0.02)
    return False


def statuses(hub: Hub) -> Counter[str]:
    """How many instances have which status; empty while the hub cannot tell."""
    try:
        return Counter(instance["status"] for instance in Api(hub).instances(process="order-to-delivery"))
    except requests.RequestException:
        return Counter()


def unfinished(hub: Hub) -> str:
    """What a person would look at: how many have which status, the incidents, the timelines of two open instances."""
    api = Api(hub)
    open_ = [i for i in api.instances(process="order-to-delivery") if i["status"] not in FINAL]
    timelines = [api.call("GET", f"/instances/{instance['id']}/timeline").text for instance in open_[:2]]
    incidents = api.call("GET", "/incidents").text[:3000]
    return "\n".join([str(statuses(hub)), incidents, *timelines])


def ended(hub: Hub) -> int:
    """How many instances have a final status."""
    return sum(statuses(hub)[status] for status in FINAL)
