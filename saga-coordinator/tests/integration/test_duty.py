"""What one coordinator at a time does for all of them."""

from typing import Any

from saga_coordinator.duty import Duty


def test_one_coordinator_at_a_time_has_a_duty(hub: Any) -> None:
    # given
    first, second = (Duty(hub.store, hub.coordinator.clock, "sweep", 0.3) for _ in range(2))

    # when
    begin = (first.mine(), second.mine(), first.mine())
    hub.until(second.mine)
    then = (first.mine(), second.mine())
    second.leave()

    # then
    assert begin == (True, False, True)
    assert then == (False, True)
    assert first.mine()
