"""A process runs from its start to its end."""

from typing import Any


def test_a_saga_of_five_steps_completes_and_each_step_is_done_once(hub: Any) -> None:
    # given
    hub.deploy("five-steps")

    # when
    start = hub.start("five-steps", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(start.instance) == "completed")

    # then
    assert len(hub.connector.commands) == 5
    assert hub.state(start.instance).ended
    entries = hub.followed()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert {entry.process for entry in entries} == {"five-steps"}
