"""Semantic locks: one holder per business object, whoever comes first, across instances and coordinators."""

from typing import Any

from sqlalchemy import func, select, update

from saga_coordinator.engine import inputs as i
from saga_coordinator.models import locks
from service_kit.database import reading, writing


def holders(hub: Any) -> dict[str, str]:
    """Instance by lock name."""
    with reading(hub.store) as connection:
        rows = connection.execute(select(locks.c.name, locks.c.instance_id).where(locks.c.granted)).all()
    return {row.name: row.instance_id for row in rows}


def waiting(hub: Any) -> int:
    with reading(hub.store) as connection:
        return int(connection.scalar(select(func.count()).select_from(locks).where(locks.c.granted.is_(False))) or 0)


def at(hub: Any, instance: str) -> list[str]:
    """Elements of the open steps."""
    return [step.element for step in hub.state(instance).steps.values()]


def start(hub: Any, *names: str) -> str:
    request = hub.start("locked", variables={"locks": list(names)})
    hub.drive(lambda: hub.status(request.instance))
    return str(request.instance)


def let_go(hub: Any, instance: str) -> None:
    """Complete the user task that holds on."""
    step = next(step.id for step in hub.state(instance).steps.values() if step.element == "hold")
    hub.service.submit(i.CompleteStep(id=f"go-{instance}", instance=instance, step=step))


def test_the_second_instance_waits_until_the_first_has_ended(hub: Any) -> None:
    # given
    hub.deploy("locked")
    first = start(hub, "so:1")
    hub.drive(lambda: at(hub, first) == ["hold"])
    second = start(hub, "so:1")
    assert at(hub, second) == ["change"]
    assert holders(hub) == {"so:1": first}

    # when
    let_go(hub, first)
    hub.drive(lambda: at(hub, second) == ["hold"])

    # then
    assert holders(hub) == {"so:1": second}
    let_go(hub, second)
    hub.drive(lambda: hub.status(second) == "completed")
    assert holders(hub) == {}


def test_the_line_is_first_in_first_out(hub: Any) -> None:
    # given
    hub.deploy("locked")
    line = [start(hub, "so:1") for _ in range(4)]
    served = []

    # when
    for instance in line:
        hub.drive(lambda instance=instance: at(hub, instance) == ["hold"])
        served.append(holders(hub)["so:1"])
        let_go(hub, instance)

    # then
    assert served == line


def test_who_waits_learns_who_is_before_it(hub: Any) -> None:
    # given
    hub.deploy("locked")
    first = start(hub, "so:1", "so:2")
    hub.drive(lambda: at(hub, first) == ["hold"])

    # when
    second = start(hub, "so:2", "so:3")
    hub.drive(lambda: any(request.holders for request in hub.state(second).locks.values()))

    # then
    assert [request.holders for request in hub.state(second).locks.values()] == [{"so:2": first}]


def test_several_locks_are_had_together_or_waited_for(hub: Any) -> None:
    # given
    hub.deploy("locked")
    first, second = start(hub, "so:1"), start(hub, "so:2")
    hub.drive(lambda: at(hub, first) == ["hold"] and at(hub, second) == ["hold"])
    both = start(hub, "so:2", "so:1")

    # when
    let_go(hub, first)
    hub.drive(lambda: hub.status(first) == "completed")
    assert at(hub, both) == ["change"]
    let_go(hub, second)

    # then
    hub.drive(lambda: at(hub, both) == ["hold"])
    assert holders(hub) == {"so:1": both, "so:2": both}


def test_two_steps_of_one_instance_hold_a_lock_together_until_both_have_given_it_up(hub: Any) -> None:
    # given
    hub.deploy("locked", "locked-twice")
    first = hub.start("locked-twice").instance
    hub.drive(lambda: hub.status(first))
    hub.drive(lambda: at(hub, first) == ["hold", "hold-too"])
    second = start(hub, "so:1")

    # when
    assert holders(hub) == {"so:1": first}
    let_go(hub, first)
    hub.drive(lambda: at(hub, first) == ["hold-too"])

    # then
    assert at(hub, second) == ["change"]
    step = next(iter(hub.state(first).steps))
    hub.service.submit(i.CompleteStep(id="go-too", instance=first, step=step))
    hub.drive(lambda: at(hub, second) == ["hold"])


def test_whoever_stops_waiting_leaves_the_line(hub: Any) -> None:
    # given
    hub.deploy("locked")
    first, second, third = start(hub, "so:1"), start(hub, "so:1"), start(hub, "so:1")
    hub.drive(lambda: at(hub, first) == ["hold"])

    # when
    hub.service.submit(i.Cancel(id="cancel", instance=second, undo=True))
    hub.drive(lambda: hub.status(second) == "compensated")
    let_go(hub, first)

    # then
    hub.drive(lambda: at(hub, third) == ["hold"])
    assert waiting(hub) == 0


def test_a_grant_that_was_lost_is_told_again(hub: Any) -> None:
    # given
    hub.deploy("locked")
    first, second = start(hub, "so:1"), start(hub, "so:1")
    hub.drive(lambda: at(hub, first) == ["hold"])
    step = next(step.id for step in hub.state(first).steps.values() if step.element == "hold")
    hub.decide(hub.coordinator, [hub.item(i.CompleteStep(id="done", instance=first, step=step))])  # nobody publishes

    # when
    assert at(hub, second) == ["change"]
    with writing(hub.store) as connection:
        connection.execute(update(locks).where(locks.c.wake_at.is_not(None)).values(wake_at=0))

    # then
    hub.drive(lambda: at(hub, second) == ["hold"])


def test_two_coordinators_that_ask_at_once_make_one_line(hub: Any) -> None:
    # given
    hub.deploy("locked")
    starts = [hub.new_start("locked", variables={"locks": ["so:1", "so:2"]}) for _ in range(20)]
    hub.service.submit(*starts)
    other = hub.new_coordinator()

    # when
    hub.drive(lambda: len(hub.started()) == 20, hub.coordinator, other)

    # then
    assert len(set(holders(hub).values())) == 1
    assert waiting(hub) == 38
