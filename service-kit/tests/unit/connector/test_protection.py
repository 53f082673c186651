"""The circuit breaker."""

import pytest

from service_kit.connector.breaker import Breaker
from service_kit.connector.outcomes import NotApplied
from service_kit.messages import Completed, Rejected, Unavailable, Unknown


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=2, pause=5, clock=clock)
    breaker.leave(Unavailable())
    breaker.leave(Unknown())
    return breaker


def test_a_system_that_fails_several_times_is_left_alone() -> None:
    breaker = opened(Clock())

    with pytest.raises(NotApplied) as error:
        breaker.enter()

    assert error.value.retry_after == 5


def test_after_the_pause_one_call_tries_and_the_others_still_wait() -> None:
    clock = Clock()
    breaker = opened(clock)

    clock.wait(5)
    breaker.enter()

    with pytest.raises(NotApplied):
        breaker.enter()


@pytest.mark.parametrize("outcome", [Completed(), Rejected(code="NO")])
def test_an_answer_of_the_system_closes_it(outcome: Completed | Rejected) -> None:
    breaker = opened(Clock())

    breaker.leave(outcome)

    breaker.enter()
