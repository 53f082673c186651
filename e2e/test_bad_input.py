"""What is wrong is refused and said to be wrong, and nothing of it is stored."""

import uuid
from typing import Any

import pytest
import requests

from e2e.hubs import ORDER_TO_DELIVERY
from e2e.stacks import Stack, new_key


@pytest.mark.parametrize(
    ("found", "replacement", "element", "rule"),
    [
        ('name="erp.check-credit"', 'name="erp.check-kredit"', "CheckCredit", "unknown-operation"),
        ('source="order.totalAmount"', 'source="order.(totalAmount"', "CheckCredit", "bad-expression"),
        (">credit.approved<", ">credit.approved and<", "CreditYes", "bad-expression"),
        (
            'id="CreateSalesOrder" name="Create sales order"',
            'id="CreateSalesOrder" name="Create sales order" tl:class="retriable"',
            "CreateSalesOrder",
            "missing-undo-before-pivot",
        ),
        (
            'name="Update order status" tl:class="retriable"',
            'name="Update order status"',
            "UpdateOrderStatus",
            "not-retriable-after-pivot",
        ),
        ('targetRef="CreditApproved"', 'targetRef="Nowhere"', "ToCreditApproved", "dangling-flow"),
    ],
)
def test_a_diagram_that_cannot_run_is_refused_with_element_rule_and_line(
    hub: Stack, found: str, replacement: str, element: str, rule: str
) -> None:
    name, diagram = renamed()
    assert found in diagram
    line = diagram[: diagram.index(found)].count("\n") + 1

    answer = deploy(hub, diagram.replace(found, replacement, 1))

    assert answer.status_code == 422
    assert answer.json()["code"] == "NOT_DEPLOYABLE"
    findings = {(finding["element"], finding["rule"]): finding["line"] for finding in answer.json()["findings"]}
    assert findings[element, rule] == line
    assert not_stored(hub, name)


def test_an_element_that_is_not_supported_is_refused(hub: Stack) -> None:
    name, diagram = renamed()
    gateway = '<bpmn:exclusiveGateway id="CreditApproved"'
    line = diagram[: diagram.index(gateway)].count("\n") + 1
    diagram = diagram.replace(gateway, '<bpmn:complexGateway id="CreditApproved"')
    diagram = diagram.replace("</bpmn:exclusiveGateway>", "</bpmn:complexGateway>")

    answer = deploy(hub, diagram)

    assert answer.status_code == 422
    (finding,) = [f for f in answer.json()["findings"] if f["rule"] == "unsupported-element"]
    assert (finding["element"], finding["line"]) == ("CreditApproved", line)
    assert not_stored(hub, name)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<bpmn:definitions><bpmn:process></bpmn:definitions>", "malformed-xml"),
        ("no xml at all", "malformed-xml"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "malformed-xml"),
        ("<html/>", "not-bpmn"),
    ],
)
def test_what_is_no_bpmn_is_refused(hub: Stack, body: str, rule: str) -> None:
    answer = deploy(hub, body)

    assert answer.status_code == 422
    (finding,) = answer.json()["findings"]
    assert (finding["rule"], finding["line"]) == (rule, 1)


def test_a_dry_run_tells_the_same_and_stores_nothing(hub: Stack) -> None:
    name, diagram = renamed()
    bad = diagram.replace('name="erp.check-credit"', 'name="erp.check-kredit"')
    headers = {"Content-Type": "application/xml"}

    good_one = hub.call("POST", "/processes", data=diagram.encode(), params={"dry_run": "true"}, headers=headers)
    bad_one = hub.call("POST", "/processes", data=bad.encode(), params={"dry_run": "true"}, headers=headers)

    assert (good_one.status_code, good_one.json()["deployed"]) == (200, False)
    assert bad_one.status_code == 422
    assert not_stored(hub, name)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/processes/approval/instances", {}, "variables"),
        ("POST", "/processes/approval/instances", {"variables": []}, "variables"),
        ("POST", "/processes/approval/instances", {"variables": {}, "buisness_key": "x"}, "buisness_key"),
        ("POST", "/processes/approval/instances", {"variables": {"n": 2**60}}, "variables.n"),
        ("POST", "/processes/approval/instances", {"variables": {}, "version": "1"}, "version"),
        ("POST", "/instances/x/cancel", {"undo": "yes", "reason": "r"}, "undo"),
        ("POST", "/instances/x/cancel", {"undo": True}, "reason"),
        ("POST", "/messages", {"name": "n"}, "key"),
        ("POST", "/api-keys", {"name": "x", "roles": ["king"]}, "roles.0"),
        ("GET", "/instances?limit=0", None, "limit"),
        ("GET", "/instances?status=asleep", None, "status"),
    ],
)
def test_a_wrong_body_is_refused_and_the_field_is_named(
    hub: Stack, method: str, path: str, body: Any, field: str
) -> None:
    answer = hub.call(method, path, json=body)

    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.text


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, b'{"variables": ', 400),
        ({"Content-Type": "application/json"}, b'{"variables": {"a": "\xff"}}', 400),
        ({"Content-Type": "text/plain"}, b"hello", 415),
        ({"Content-Type": "application/json"}, b'{"variables": {"a": "' + b"a" * 2_200_000 + b'"}}', 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(hub: Stack, headers: dict[str, str], body: bytes, status: int) -> None:
    answer = hub.call("POST", "/processes/approval/instances", data=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing/here"),
        ("GET", "/instances/nobody"),
        ("GET", "/instances/nobody/timeline"),
        ("GET", "/instances/nobody/undo-plan"),
        ("GET", "/processes/nobody/versions"),
        ("GET", "/processes/approval/versions/99/xml"),
    ],
)
def test_what_is_not_there_is_not_found(hub: Stack, method: str, path: str) -> None:
    answer = hub.call(method, path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_acts_on_what_is_not_there_are_not_found(hub: Stack) -> None:
    answers = [
        hub.start("nobody", {}),
        hub.act("nobody", "cancel", undo=True),
        hub.act("nobody", "retry"),
        hub.act("nobody", "steps/1/complete"),
        hub.call("POST", "/connectors/nobody/operations/nothing", json={}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5


def test_a_method_that_a_path_does_not_have_is_refused(hub: Stack) -> None:
    answer = hub.call("PUT", "/instances")

    assert answer.status_code == 405


def test_nobody_comes_in_without_a_key_and_nobody_does_what_their_role_may_not(hub: Stack) -> None:
    made = hub.call("POST", "/api-keys", json={"name": new_key("viewer"), "roles": ["viewer"]}).json()
    viewer = {"Authorization": f"Bearer {made['key']}"}

    nobody = requests.get(f"{hub.hub.url}/processes", timeout=10)
    stranger = requests.get(f"{hub.hub.url}/processes", headers={"Authorization": "Bearer tl_x_y"}, timeout=10)
    looks = hub.call("GET", "/processes", headers=viewer)
    starts = hub.start("approval", {}, viewer)
    deploys = hub.call("POST", "/processes", data=b"<x/>", headers={**viewer, "Content-Type": "application/xml"})
    rules = hub.call("GET", "/api-keys", headers=viewer)

    assert [nobody.status_code, stranger.status_code, looks.status_code] == [401, 401, 200]
    assert [starts.status_code, deploys.status_code, rules.status_code] == [403, 403, 403]


def renamed() -> tuple[str, str]:
    """order-to-delivery as a process that was never deployed."""
    name = f"bad-{uuid.uuid4().hex[:8]}"
    text = ORDER_TO_DELIVERY.read_text()
    return name, text.replace('"order-to-delivery"', f'"{name}"')


def deploy(hub: Stack, diagram: str) -> requests.Response:
    """Try to."""
    return hub.call("POST", "/processes", data=diagram.encode(), headers={"Content-Type": "application/xml"})


def not_stored(hub: Stack, name: str) -> bool:
    """Whether no version of this process is there."""
    known = {item["process"] for item in hub.call("GET", "/processes").json()["items"]}
    return name not in known and hub.call("GET", f"/processes/{name}/versions").status_code == 404
