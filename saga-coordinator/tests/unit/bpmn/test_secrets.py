from typing import Any

import pytest

from saga_coordinator import bpmn
from saga_coordinator.engine.process import Process, SecretFields
from saga_coordinator.testing.files import around, service
from service_kit import expressions
from service_kit.catalogue import Catalogue, Effect, Operation, Undo

SECRET = {"type": "string", "x-secret": True}


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


CATALOGUE = Catalogue(
    [
        Operation("erp.open", "erp", Effect.CREATE, undo=Undo("erp.close"), output_schema=fields(token=SECRET)),
        Operation("erp.close", "erp", Effect.IDEMPOTENT, input_schema=fields(output=fields(token=SECRET))),
        Operation(
            "erp.pay",
            "erp",
            Effect.IDEMPOTENT,
            input_schema=fields(payer=fields(iban=SECRET), cards={"type": "array", "items": fields(pin=SECRET)}),
        ),
        Operation("erp.plain", "erp", Effect.IDEMPOTENT),
    ]
)


def parse(inside: str, secrets: str = "") -> Process:
    xml = around(inside, "a")
    if secrets:
        xml = xml.replace(b"<process ", f'<process tl:secrets="{secrets}" '.encode(), 1)
    return bpmn.parse(xml, catalogue=CATALOGUE, compile=expressions.compile)


def messages(inside: str, secrets: str = "") -> list[str]:
    with pytest.raises(bpmn.Refused) as refused:
        parse(inside, secrets)
    return [finding.message for finding in refused.value.findings]


def test_a_process_without_secrets_has_none() -> None:
    process = parse(service("a", "erp.plain"))

    assert (process.secrets, process.secret_fields) == ((), {})


def test_a_process_names_the_paths_of_its_secret_variables() -> None:
    assert parse(service("a", "erp.plain"), "employee.password, iban").secrets == ("employee.password", "iban")


def test_a_path_that_is_none_is_refused() -> None:
    assert messages(service("a", "erp.plain"), "a..b") == ["tl:secrets: 'a..b' is no dotted path"]


def test_fields_that_schemas_mark_are_known_by_operation_also_those_of_undos() -> None:
    assert parse(service("a", "erp.open")).secret_fields == {
        "erp.open": SecretFields((), ("token",)),
        "erp.close": SecretFields(("output.token",), ()),
    }


def test_a_variable_that_goes_into_a_secret_field_is_secret() -> None:
    # when
    process = parse(
        service(
            "a",
            "erp.pay",
            "",
            '<tl:input target="payer" source="customer"/><tl:input target="cards" source="all.cards"/>'
            '<tl:input target="note" source="$uppercase(note)"/>',
        )
    )

    # then
    assert process.secrets == ("all.cards.pin", "customer.iban")


def test_what_an_undo_takes_from_an_output_into_a_secret_field_is_secret_in_the_output() -> None:
    # when
    undo = '<tl:undo operation="erp.pay"><tl:input target="payer.iban" source="output.account.iban"/></tl:undo>'
    process = parse(service("a", "erp.open", "", undo))

    # then
    assert process.secret_fields["erp.open"].outputs == ("account.iban", "token")


@pytest.mark.parametrize(
    ("inside", "secrets", "message"),
    [
        (
            service("a", "erp.pay", "", '<tl:input target="payer.iban" source="$uppercase(iban)"/>'),
            "",
            "the field payer.iban is secret: '$uppercase(iban)' is more than a path",
        ),
        (
            service("a", "erp.plain", "", '<tl:output target="customer" source="{\'iban\': iban}"/>'),
            "customer.iban",
            "the variable customer.iban is secret: \"{'iban': iban}\" is more than a path",
        ),
        (
            '<scriptTask id="a"><extensionElements><tl:script expression="1" result="pin"/></extensionElements>'
            "</scriptTask>",
            "pin",
            "the variable pin is secret: a script cannot write it",
        ),
    ],
)
def test_a_secret_is_moved_and_never_computed(inside: str, secrets: str, message: str) -> None:
    assert messages(inside, secrets) == [message]
