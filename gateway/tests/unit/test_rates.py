from gateway.rates import MOST_CALLERS, RateLimit


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_next_must_wait_for_a_token() -> None:
    # given
    limit = RateLimit(2, 3, FakeClock())

    # when
    waits = [limit.take("crm") for _ in range(4)]

    # then
    assert waits == [0, 0, 0, 0.5]


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    # given
    clock = FakeClock()
    limit = RateLimit(2, 3, clock)
    for _ in range(3):
        limit.take("crm")

    # when
    clock.now = 0.5
    after_half_a_second = [limit.take("crm"), limit.take("crm")]
    clock.now = 1000
    after_long = [limit.take("crm") for _ in range(4)]

    # then
    assert after_half_a_second == [0, 0.5]
    assert after_long == [0, 0, 0, 0.5]


def test_one_caller_does_not_slow_another() -> None:
    limit = RateLimit(1, 1, FakeClock())
    limit.take("crm")

    assert limit.take("crm") > 0
    assert limit.take("shop") == 0


def test_callers_beyond_the_bound_are_forgotten_the_oldest_first() -> None:
    limit = RateLimit(1, 1, FakeClock())
    for number in range(MOST_CALLERS + 1):
        limit.take(str(number))

    assert limit.take("0") == 0
    assert limit.take(str(MOST_CALLERS)) > 0
