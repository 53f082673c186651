"""Decisions are deployed and versioned, and process versions are bound to them."""

import threading
from typing import Any

import pytest

from saga_coordinator.bpmn import Refused
from saga_coordinator.engine import inputs as i
from saga_coordinator.testing.tables import decision, file, formula


def rules(discount: str) -> bytes:
    return file(decision("discount", formula(discount)), decision("terms", formula('"net"')))


def versions(hub: Any) -> list[tuple[str, int]]:
    return [(row.id, row.version) for row in hub.service.decisions.all()]


def bound(hub: Any) -> list[tuple[int, dict[str, int]]]:
    return [(row.version, row.decisions) for row in hub.service.processes()]


def discounts(hub: Any, instance: str) -> tuple[Any, Any]:
    variables = hub.state(instance).scopes[1].variables
    return variables.get("discount"), variables.get("later")


def go_on(hub: Any, instance: str) -> None:
    step = next(step.id for step in hub.state(instance).steps.values() if step.element == "look")
    hub.service.submit(i.CompleteStep(id=f"done-{instance}", instance=instance, step=step, output={}))
    hub.drive(lambda: hub.status(instance) == "completed")


def test_every_decision_of_a_file_has_versions_and_the_same_file_is_the_same_version(hub: Any) -> None:
    first = hub.service.decisions.deploy(rules("1"), by="ann")
    again = hub.service.decisions.deploy(rules("1"))
    second = hub.service.decisions.deploy(rules("2"))
    back = hub.service.decisions.deploy(rules("1"))

    assert [(row.id, row.version, row.deployed_by, is_new) for row, is_new in first] == [
        ("discount", 1, "ann", True),
        ("terms", 1, "ann", True),
    ]
    assert again == [(row, False) for row, _ in first]
    assert [row.version for row, _ in second] == [2, 2]
    assert [row.version for row, _ in back] == [3, 3]
    assert versions(hub) == [
        ("discount", 3),
        ("discount", 2),
        ("discount", 1),
        ("terms", 3),
        ("terms", 2),
        ("terms", 1),
    ]


def test_a_file_that_cannot_run_stores_nothing(hub: Any) -> None:
    with pytest.raises(Refused):
        hub.service.decisions.deploy(file(decision("a", formula("1")), decision("b", formula("1 +"))))

    assert versions(hub) == []


def test_files_that_are_deployed_at_once_get_different_versions(hub: Any) -> None:
    files = [rules(str(number)) for number in range(4)]
    threads = [threading.Thread(target=hub.service.decisions.deploy, args=(content,)) for content in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(version for id_, version in versions(hub) if id_ == "discount") == [1, 2, 3, 4]


def test_a_process_whose_decision_is_not_deployed_is_refused(hub: Any) -> None:
    with pytest.raises(Refused, match="unknown-decision"):
        hub.deploy("asks-discount")

    assert hub.service.processes() == []


def test_a_rule_that_changes_never_changes_a_version_that_runs(hub: Any) -> None:
    # given an instance in the middle
    hub.service.decisions.deploy(rules("1"))
    hub.deploy("asks-discount")
    request = hub.start("asks-discount")
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # when the rule changes, and a coordinator that has parsed nothing yet goes on
    hub.service.decisions.deploy(rules("2"))
    hub.coordinator = hub.new_coordinator()
    go_on(hub, request.instance)

    # then
    assert discounts(hub, request.instance) == (1, 1)
    assert bound(hub) == [(1, {"discount": 1})]


def test_the_same_diagram_deployed_again_takes_the_new_rule(hub: Any) -> None:
    # given
    hub.service.decisions.deploy(rules("1"))
    hub.deploy("asks-discount", "asks-discount")
    hub.service.decisions.deploy(rules("2"))

    # when
    hub.deploy("asks-discount", "asks-discount")
    request = hub.start("asks-discount", 2)
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # then
    assert bound(hub) == [(2, {"discount": 2}), (1, {"discount": 1})]
    assert discounts(hub, request.instance) == (2, None)


def test_the_journal_keeps_the_value_and_replaying_evaluates_nothing(hub: Any) -> None:
    hub.service.decisions.deploy(rules("1"))
    hub.deploy("asks-discount")
    request = hub.start("asks-discount")
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    assert hub.replayed(request.instance).scopes[1].variables == {"discount": 1}
