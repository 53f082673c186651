"""A cluster of three: the node that leads a queue dies while sagas run."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from e2e.hubs import until
from e2e.noop.effects import check_effects
from e2e.noop.hub import FAN_OUT, NoopHub
from e2e.rabbitmq.cluster import Cluster, servers

SAGAS = 300
KILLS = ("lane.0", "commands.noop", "lane.1")  # whose leader dies


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with servers() as running:
        cluster = Cluster(running)
        cluster.start()
        yield cluster


@pytest.fixture
def noop_hub(tmp_path: Path, cluster: Cluster, service_databases: dict[str, str]) -> Iterator[NoopHub]:
    """Two coordinators and a connector that writes down what it does; three parallel branches deployed."""
    hub = NoopHub(tmp_path, cluster.url, service_databases, coordinators=2)
    try:
        hub.start(FAN_OUT)
        yield hub
    finally:
        hub.stop()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_happens_twice_when_the_leaders_of_queues_are_killed(
    cluster: Cluster, noop_hub: NoopHub
) -> None:
    # given orders with parallel branches, every third of which is refused in its last step
    orders = {f"SO-{n:03}": {"order": {"refused": n % 3 == 0}} for n in range(SAGAS)}

    # when the node that leads a queue dies in the middle of them, and comes back before the next one dies
    for kill, queue in enumerate(KILLS):
        first, batch = kill * SAGAS // len(KILLS), SAGAS // len(KILLS)
        noop_hub.start_sagas("fan-out", dict(list(orders.items())[first : first + batch]))
        until(partial(noop_hub.ended_more_than, first), 60, "nothing ends")
        assert noop_hub.ended() < first + batch, "it was too quick to be hurt in the middle"
        leader = cluster.leader(queue)
        cluster.kill(leader)
        until(partial(noop_hub.ended_more_than, first + batch - 1), 120, "they wait for a node that is away")
        assert cluster.leader(queue) != leader
        cluster.restart(leader)

    # then
    until(lambda: noop_hub.ended() == SAGAS, 120, f"not all ended: {Counter(noop_hub.statuses().values())}")
    assert noop_hub.statuses() == {
        key: "compensated" if order["order"]["refused"] else "completed" for key, order in orders.items()
    }
    assert set(noop_hub.ends().values()) == {1}
    assert len(noop_hub.ends()) == SAGAS
    check_effects(noop_hub.effects(), {key: order["order"]["refused"] for key, order in orders.items()})
    assert noop_hub.dead_letters() == 0
