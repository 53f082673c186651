from saga_coordinator.engine.process import Retention
from saga_coordinator.engine.times import moment
from saga_coordinator.policy import policy_of
from saga_coordinator.settings import Settings

NOW = moment("2026-03-31T09:00:00Z")


def settings(**given: object) -> Settings:
    return Settings("sqlite:///a", "sqlite:///a", **given)  # type: ignore[arg-type]


def test_without_a_word_nothing_is_ever_purged() -> None:
    assert policy_of(Retention(), settings()).ended_before(NOW) is None


def test_a_process_is_heard_before_the_installation() -> None:
    installation = settings(retention_after="P1D", retention_keys="P2D", retention_archive=True)

    theirs = policy_of(Retention(), installation)
    own = policy_of(Retention("P1M", False, "ever"), installation)

    assert (theirs.ended_before(NOW), theirs.keys_until(NOW)) == (NOW - 86_400_000, NOW + 2 * 86_400_000)
    assert (own.ended_before(NOW), own.keys_until(NOW)) == (moment("2026-02-28T09:00:00Z"), None)
    assert (theirs.archive, own.archive) == (True, False)


def test_times_beyond_the_calendar_are_for_ever() -> None:
    policy = policy_of(Retention("P9000Y", None, "P9000Y"), settings())

    assert (policy.ended_before(NOW), policy.keys_until(NOW)) == (None, None)
