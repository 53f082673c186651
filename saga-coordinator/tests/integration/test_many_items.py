"""A multi-instance of a thousand items, with large variables, end to end."""

from typing import Any

import pytest

from saga_coordinator import wire
from saga_coordinator.engine import facts as f


def timers_set(hub: Any, instance: str) -> list[f.TimerSet]:
    rows = hub.service.whole_journal(instance, 1, 5_000)
    return [fact for row in rows for fact in wire.facts_of(row) if isinstance(fact, f.TimerSet)]


@pytest.mark.timeout(300)
def test_a_thousand_items_of_one_megabyte_in_all_are_done_without_waiting_for_a_clock(hub: Any) -> None:
    # given a thousand lines of a kilobyte, and a clock that is never looked at
    hub.deploy("many-items")
    lines = [{"line": str(n), "text": f"{n:04}" * 256} for n in range(1_000)]
    request = hub.start("many-items", variables={"lines": lines})

    # when
    def step() -> bool:
        hub.turn()
        hub.connector.step()
        return bool(hub.status(request.instance) == "completed")

    hub.until(step)

    # then
    assert len(hub.connector.done) == 1_000
    assert [timer.purpose for timer in timers_set(hub, request.instance)] == ["items"] * 9
    assert hub.state(request.instance).scopes[1].variables["numbers"] == list(range(1, 1_001))
    assert hub.state(request.instance) == hub.coordinator.context.cache.get(request.instance).state
    assert hub.dead_letters() == 0


def test_items_whose_turn_the_broker_lost_are_begun_by_the_clock(hub: Any) -> None:
    # given the first hundred of two hundred items, and a broker that has lost what begins the others
    hub.deploy("many-items")
    request = hub.new_start("many-items", variables={"lines": [{"line": n} for n in range(200)]})
    impatient = hub.new_coordinator(timer_republish=0.001)
    hub.decide(impatient, [hub.item(request)])

    # when
    hub.drive(lambda: len(hub.state(request.instance).steps) == 201)

    # then
    assert len(timers_set(hub, request.instance)) == 1
