"""Coordinators are competing consumers: any of them may take any input, and any may die."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from e2e.hubs import until
from e2e.noop.effects import check_effects
from e2e.noop.hub import FAN_OUT, NoopHub

SAGAS = 300
KILLS = 3


@pytest.fixture
def noop_hub(tmp_path: Path, fresh_amqp_url: str, service_databases: dict[str, str]) -> Iterator[NoopHub]:
    """Three coordinators and a connector that writes down what it does; three parallel branches deployed."""
    hub = NoopHub(tmp_path, fresh_amqp_url, service_databases, coordinators=3)
    try:
        hub.start(FAN_OUT)
        yield hub
    finally:
        hub.stop()


@pytest.mark.timeout(240)
def test_three_coordinators_finish_all_sagas_while_one_of_them_is_killed_again_and_again(noop_hub: NoopHub) -> None:
    # given orders with parallel branches, every third of which is refused in its last step
    orders = {f"SO-{n:03}": {"order": {"refused": n % 3 == 0}} for n in range(SAGAS)}
    victim = noop_hub.coordinators[1]

    # when a coordinator dies in the middle of them, several times
    for first in range(0, SAGAS, SAGAS // KILLS):
        noop_hub.start_sagas("fan-out", dict(list(orders.items())[first : first + SAGAS // KILLS]))
        until(partial(noop_hub.ended_more_than, first), 60, "nothing ends")
        assert noop_hub.ended() < first + SAGAS // KILLS, "it was too quick to be killed in the middle"
        victim.check()
        victim.kill()
        victim.start()
        until(partial(noop_hub.ready, 1), 30, "it does not come back")
    until(lambda: noop_hub.ended() == SAGAS, 120, f"not all ended: {Counter(noop_hub.statuses().values())}")

    # then
    assert noop_hub.statuses() == {
        key: "compensated" if order["order"]["refused"] else "completed" for key, order in orders.items()
    }
    assert set(noop_hub.ends().values()) == {1}
    assert len(noop_hub.ends()) == SAGAS
    check_effects(noop_hub.effects(), {key: order["order"]["refused"] for key, order in orders.items()})
    assert noop_hub.dead_letters() == 0
