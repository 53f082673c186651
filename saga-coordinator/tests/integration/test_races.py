"""What happens when inputs come twice, late, at once, or when somebody dies in between: nothing wrong."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from saga_coordinator.engine import inputs as i
from service_kit.broker import Broker, BrokerUnavailable, Outgoing
from service_kit.messages import Command, Completed, Outcome
from service_kit.patience import Stopped


class Severed:
    """A broker that takes nothing more: what was committed cannot be published."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.refused = threading.Event()

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        self.refused.set()
        raise BrokerUnavailable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def silent(command: Command) -> Outcome | None:
    return None


def reply(hub: Any, number: int) -> i.Reply:
    command = hub.connector.commands[number]
    return i.Reply(
        id=f"{command.id}:r",
        instance=command.instance,
        command=command.id,
        step=command.step,
        attempt=command.attempt,
        outcome=i.CompletedOutcome(output={}),
    )


def commands_out(hub: Any, count: int) -> None:
    hub.drive(lambda: len(hub.connector.commands) >= count)


def take(hub: Any, coordinator: Any) -> None:
    """The coordinator handles everything that waits."""
    hub.until(lambda: hub.turn(coordinator, timeout=1.0))


def test_a_reply_that_is_delivered_twice_in_one_batch_counts_once(hub: Any) -> None:
    # given
    hub.connector.answer = silent
    hub.deploy("five-steps")
    request = hub.start("five-steps")
    commands_out(hub, 1)

    # when
    hub.service.submit(reply(hub, 0), reply(hub, 0))
    hub.connector.answer = lambda command: Completed(output={})
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert len(hub.connector.done) == 5
    ids = hub.input_ids(request.instance)
    assert len(ids) == len(set(ids)) == 6


def test_a_reply_that_comes_again_when_the_instance_has_moved_on_changes_nothing(hub: Any) -> None:
    # given
    hub.deploy("five-steps")
    request = hub.start("five-steps")
    hub.drive(lambda: hub.status(request.instance) == "completed")
    before = hub.state(request.instance)

    # when
    for coordinator in (hub.coordinator, hub.new_coordinator()):
        hub.service.submit(reply(hub, 1))
        hub.drive(lambda: hub.broker.depth("lane.0") + hub.broker.depth("lane.1") == 0, coordinator)
        hub.turn(coordinator, timeout=0.2)

    # then
    assert hub.state(request.instance) == before
    assert len(hub.connector.done) == 5


def test_inputs_that_were_committed_but_not_published_are_published_by_whoever_takes_them_next(hub: Any) -> None:
    # given
    hub.deploy("create-two")
    severed = Severed(hub.broker)
    dying = hub.new_coordinator(severed)
    request = hub.start("create-two", variables={"order": 1})

    # when it dies between commit and publish
    consumer = hub.broker.consume(hub.sources())

    def run() -> None:
        while True:
            dying.worker.step(consumer, 1.0)

    def die() -> None:
        with pytest.raises(Stopped):
            run()

    thread = threading.Thread(target=die)
    thread.start()
    assert severed.refused.wait(10)
    dying.patience.stop()
    thread.join()
    consumer.close()
    assert hub.status(request.instance) == "running"
    assert hub.connector.commands == []

    # then another one goes on
    hub.drive(lambda: hub.status(request.instance) == "completed")
    assert len(hub.connector.done) == 2
    ids = hub.input_ids(request.instance)
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize("committed", [False, True], ids=["it failed", "it worked after all"])
def test_a_commit_that_nobody_knows_the_end_of_is_decided_again_on_what_the_journal_tells(
    hub: Any, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a coordinator that has all it needs to read
    hub.deploy("five-steps")
    warm_up = hub.start("five-steps")
    hub.drive(lambda: hub.status(warm_up.instance) == "completed")
    commit = hub.store.dialect.do_commit
    failures = iter(range(3))

    def fail(connection: Any) -> None:
        if next(failures, None) is None:
            commit(connection)
            return
        if committed:
            commit(connection)
        raise OperationalError("COMMIT", {}, Exception("connection lost"))

    def turn() -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(hub.store.dialect, "do_commit", fail)
            hub.turn()
        hub.connector.step()
        return bool(hub.status(request.instance) == "completed")

    # when
    request = hub.start("five-steps")
    hub.connector.commands.clear()
    hub.until(turn)

    # then
    assert next(failures, None) is None
    assert {command.instance for command in hub.connector.commands} == {request.instance}
    assert len({command.id for command in hub.connector.commands}) == 5
    assert [entry.seq for entry in hub.service.journal(request.instance)] == [1, 2, 3, 4, 5, 6]
    assert hub.coordinator.context.cache.get(request.instance).state == hub.replayed(request.instance)


def test_a_coordinator_with_a_stale_cache_loses_its_row_and_decides_again(hub: Any) -> None:
    # given an instance with three commands out, known to two coordinators
    hub.connector.answer = silent
    hub.deploy("parallel")
    other = hub.new_coordinator()
    request = hub.start("parallel")
    commands_out(hub, 3)

    # when each of them gets replies in turn, so that both remember what is not true any more
    hub.service.submit(reply(hub, 0))
    take(hub, other)
    hub.service.submit(reply(hub, 1))
    take(hub, hub.coordinator)
    hub.service.submit(reply(hub, 2))
    take(hub, other)

    # then
    assert hub.status(request.instance) == "completed"
    assert len(hub.input_ids(request.instance)) == 4
    assert hub.state(request.instance) == hub.replayed(request.instance)


def test_what_looks_illegal_on_a_stale_cache_is_decided_on_the_journal(hub: Any) -> None:
    # given a coordinator that does not know yet that the second step is open
    hub.connector.answer = silent
    hub.deploy("five-steps")
    other = hub.new_coordinator()
    request = hub.start("five-steps")
    commands_out(hub, 1)
    hub.service.submit(reply(hub, 0))
    take(hub, other)
    hub.until(lambda: hub.connector.step() or len(hub.connector.commands) == 2)

    # when it gets the reply to that step
    hub.service.submit(reply(hub, 1))
    take(hub, hub.coordinator)

    # then
    assert len(hub.input_ids(request.instance)) == 3
    assert len(hub.service.load(request.instance).steps) == 1


def test_an_operator_who_decided_on_an_older_state_is_refused_whatever_the_cache_says(hub: Any) -> None:
    # given
    hub.connector.answer = silent
    hub.deploy("five-steps")
    other = hub.new_coordinator()
    request = hub.start("five-steps")
    commands_out(hub, 1)
    hub.service.submit(reply(hub, 0))
    take(hub, other)

    # when
    cancel = i.Cancel(id="cancel-1", instance=request.instance, expected_seq=1)
    hub.service.submit(cancel)
    take(hub, hub.coordinator)

    # then
    assert hub.service.outcomes([(request.instance, "cancel-1")])["cancel-1"].refusal.code == "MOVED"
    assert hub.status(request.instance) == "running"


@pytest.mark.parametrize("round_", range(3))
def test_two_coordinators_that_decide_on_one_instance_at_once_both_count(hub: Any, round_: int) -> None:
    # given
    hub.connector.answer = silent
    hub.deploy("parallel")
    rivals = [hub.new_coordinator(), hub.new_coordinator()]
    request = hub.start("parallel")
    commands_out(hub, 3)
    items = [hub.item(reply(hub, n)) for n in range(3)]
    barrier = threading.Barrier(2)
    results: list[Any] = []

    # when
    def decide(number: int) -> None:
        barrier.wait()
        results.append(hub.decide(rivals[number], [items[number], items[2]]))

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # then
    assert len(results) == 2
    assert hub.status(request.instance) == "completed"
    assert sorted(hub.input_ids(request.instance)) == sorted([request.id, *(item.input.id for item in items)])


def test_three_coordinators_finish_sagas_with_parallel_branches_while_one_is_stopped_and_replaced(hub: Any) -> None:
    # given
    hub.deploy("parallel")
    running = [hub.new_coordinator(hub.new_broker(), timer_interval=0.05) for _ in range(3)]
    for coordinator in running:
        coordinator.start()
    starts = [hub.start("parallel") for _ in range(40)]

    # when
    hub.until(lambda: hub.connector.step() and len(hub.connector.done) > 20)
    running[0].stop()
    running[0] = hub.new_coordinator(hub.new_broker())
    running[0].start()
    ids = [s.instance for s in starts]
    hub.until(lambda: hub.connector.step() + 1 and [row.status for row in hub.rows(ids)] == ["completed"] * 40)

    # then
    for coordinator in running:
        coordinator.stop()
    assert len(hub.connector.done) == 120
    for instance in ids:
        assert len(hub.input_ids(instance)) == 4
    assert hub.dead_letters() == 0
