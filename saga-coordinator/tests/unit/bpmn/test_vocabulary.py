import json
from pathlib import Path
from typing import Any

import pytest

from saga_coordinator import bpmn
from saga_coordinator.bpmn import Rule
from saga_coordinator.bpmn import vocabulary as v
from saga_coordinator.bpmn.diagram import ACTIVITIES
from saga_coordinator.engine.process import Kind
from saga_coordinator.testing.files import around, process, service
from service_kit import expressions

OPENAPI = next(parent / "openapi" for parent in Path(__file__).parents if (parent / "openapi").is_dir())
TYPES: list[dict[str, Any]] = json.loads((OPENAPI / "bpmn" / "throughline.json").read_text())["types"]
THROWS = frozenset({Kind.THROW_EVENT, Kind.END_EVENT})
CATCHES = frozenset({Kind.START_EVENT, Kind.CATCH_EVENT, Kind.BOUNDARY_EVENT})
ABSTRACT = {
    "bpmn:Activity": ACTIVITIES,
    "bpmn:SubProcess": frozenset({Kind.SUB_PROCESS, Kind.TRANSACTION}),
    "bpmn:ThrowEvent": THROWS,
    "bpmn:CatchEvent": CATCHES,
}


def lowered(name: str) -> str:
    return name[0].lower() + name[1:]


def kinds(types: list[str]) -> frozenset[Kind]:
    """The flow nodes that these moddle types are."""
    found: set[Kind] = set()
    for name in types:
        plain = lowered(name.removeprefix("bpmn:"))
        found |= ABSTRACT.get(name, frozenset({Kind(plain)} if plain in set(Kind) else set()))
    return frozenset(found)


def elements() -> dict[str, dict[str, Any]]:
    return {lowered(each["name"]): each for each in TYPES if "extends" not in each}


def attributes(of: str) -> dict[str, list[str]]:
    """The attributes that the definition adds to types that `of` is the beginning of, with these types."""
    found: dict[str, list[str]] = {}
    for each in TYPES:
        on = [name for name in each.get("extends", []) if name.startswith(of)]
        for attribute in each["properties"] if on else []:
            found.setdefault(attribute["name"], []).extend(on)
    return found


def test_the_designer_offers_every_element_where_the_engine_reads_it() -> None:
    offered = {name: kinds(each["meta"]["allowedIn"]) for name, each in elements().items()}

    assert offered == v.PLACES | dict.fromkeys(v.OF_PROCESS, frozenset())
    for_the_process = {name for name, each in elements().items() if "bpmn:Process" in each["meta"]["allowedIn"]}
    assert for_the_process == v.OF_PROCESS


def test_the_designer_knows_the_fields_that_the_engine_reads() -> None:
    offered = {
        name: frozenset(field["name"] for field in each["properties"] if field.get("isAttr"))
        for name, each in elements().items()
    }

    assert offered == v.FIELDS


def test_the_designer_offers_every_attribute_where_the_engine_reads_it() -> None:
    offered = {name: kinds(types) for name, types in attributes("bpmn:").items()}

    assert {name: places for name, places in offered.items() if places} == v.ATTRIBUTES
    assert attributes("bpmn:Process").keys() == v.ATTRIBUTES_OF_PROCESS
    assert attributes("bpmn:TimerEventDefinition").keys() == v.ATTRIBUTES_OF_TIMER


def lint(xml: bytes) -> list[tuple[str, str]]:
    findings = bpmn.lint(xml, catalogue=None, compile=expressions.compile, tolerant=True)
    return [(finding.element, finding.rule) for finding in findings]


@pytest.mark.parametrize(
    ("xml", "rule"),
    [
        (around(service("x", attributes='tl:dedline="PT1H"'), "x"), Rule.BAD_EXTENSION),
        (around(service("x", attributes='tl:form="f"'), "x"), Rule.MISPLACED_EXTENSION),
        (around(service("x", attributes='tl:secrets="a"'), "x"), Rule.MISPLACED_EXTENSION),
        (around('<exclusiveGateway id="x" tl:class="pivot"/>', "x"), Rule.MISPLACED_EXTENSION),
        (around(service("x", inside='<tl:retry atempts="3"/>'), "x"), Rule.BAD_EXTENSION),
        (
            around(service("x", inside='<tl:undo operation="erp.u"><tl:input from="1" source="2"/></tl:undo>'), "x"),
            Rule.BAD_EXTENSION,
        ),
    ],
    ids=["unknown", "elsewhere", "of the process", "on a gateway", "in an element", "deeper"],
)
def test_a_misspelt_or_misplaced_name_is_not_taken_for_one_that_is_left_out(xml: bytes, rule: Rule) -> None:
    assert lint(xml) == [("x", rule)]


def test_what_stands_in_its_place_is_not_found_fault_with() -> None:
    task = service("x", attributes='tl:class="pivot" tl:timeout="PT1M" tl:deadline="PT1H"')

    assert lint(around(task, "x")) == []
    assert (
        lint(process('<extensionElements><tl:deadline after="P1D" then="undo"/></extensionElements><task id="a"/>'))
        == []
    )
