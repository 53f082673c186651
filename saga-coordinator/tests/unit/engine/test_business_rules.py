"""Business rule tasks that ask a decision."""

import pytest

from saga_coordinator import bpmn, dmn
from saga_coordinator.engine import facts as f
from saga_coordinator.engine.process import Process
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.files import around, chain, process
from saga_coordinator.testing.tables import decision, file, formula, table
from service_kit import expressions

RULES = file(
    decision("discount", table(["order.level"], ["discount"], [('"gold"', "0.1"), ('"gold","none"', "0")]), "spent"),
    decision("spent", formula("$sum(order.lines.amount)")),
    decision("terms", table(["order.level"], ["days", "note"], [('"gold"', "30", '"net"'), ('"none"', "0", '"cash"')])),
)


def parsed(task: str, **more: str) -> Process:
    return bpmn.parse(
        around(f'<businessRuleTask id="rule">{task}</businessRuleTask>{more.get("also", "")}', "rule"),
        catalogue={},
        compile=expressions.compile,
        decisions=dmn.parse(RULES, compile=expressions.compile),
    )


def asks(reference: str, attributes: str = 'result="discount"', inside: str = "") -> Process:
    extension = f'<tl:decision ref="{reference}" {attributes}/>{inside}'
    return parsed(f"<extensionElements>{extension}</extensionElements>")


def test_the_decision_is_made_in_the_same_turn_and_the_fact_carries_its_value() -> None:
    # when
    case = Case(asks("discount")).start(order={"level": "none"})

    # then
    assert case.live.status == "completed"
    assert case.live.scopes[1].variables["discount"] == 0
    (completed,) = [fact for fact in case.facts if isinstance(fact, f.StepCompleted)]
    assert (completed.output, completed.step_class) == ({"discount": 0}, "read")
    assert not [fact for fact in case.facts if isinstance(fact, f.CommandIssued)]


def test_the_value_is_put_beside_what_is_there() -> None:
    case = Case(asks("discount", 'result="order.discount"')).start(order={"level": "none", "id": "o1"})

    assert case.live.scopes[1].variables == {"order": {"level": "none", "id": "o1", "discount": 0}}


def test_mappings_say_what_the_decision_sees_and_where_its_outputs_go() -> None:
    mapped = asks(
        "terms", "", '<tl:input target="order.level" source="customer.class"/><tl:output target="." source="$"/>'
    )

    case = Case(mapped).start(customer={"class": "gold"}, order={"level": "none"})

    assert case.live.scopes[1].variables == {
        "customer": {"class": "gold"},
        "order": {"level": "none"},
        "days": 30,
        "note": "net",
    }


def test_a_decision_that_fails_is_an_incident_that_names_the_rules_and_can_be_retried() -> None:
    # given
    case = Case(asks("discount")).start(order={"level": "gold"})

    # then
    assert case.incidents() == [("rule", "EXPRESSION_FAILED")]
    (raised,) = [fact for fact in case.facts if isinstance(fact, f.IncidentRaised)]
    assert raised.message == "decision discount: rules 1 and 2 hit, but the hit policy is UNIQUE"

    # when the rule is put right by a process of another version
    case.process = asks("terms", 'result="discount"')
    case.retry("rule")

    # then
    assert case.live.status == "completed"


def test_a_business_rule_task_with_an_operation_is_a_command() -> None:
    task = '<extensionElements><tl:operation name="rules.discount" system="rules"/></extensionElements>'
    process = bpmn.parse(
        around(f'<businessRuleTask id="rule">{task}</businessRuleTask>', "rule"),
        catalogue=None,
        compile=expressions.compile,
        tolerant=True,
    )

    case = Case(process).start()

    assert case.command("rule").operation == "rules.discount"


@pytest.mark.parametrize(
    ("task", "rule", "reason"),
    [
        ('<tl:decision ref="other" result="x"/>', "unknown-decision", "'other'"),
        ('<tl:decision result="x"/>', "bad-extension", "needs a ref"),
        ('<tl:decision ref="terms"/>', "bad-extension", "needs a result"),
        ('<tl:decision ref="terms" result="a..b"/>', "bad-extension", "no dotted path"),
        ('<tl:decision ref="terms" result="x"/><tl:decision ref="terms" result="y"/>', "bad-extension", "twice"),
        ('<tl:decision ref="terms" result="x"/><tl:retry attempts="2"/>', "bad-extension", "beside tl:decision"),
    ],
)
def test_a_decision_that_cannot_be_asked_is_refused_at_deployment(task: str, rule: str, reason: str) -> None:
    with pytest.raises(bpmn.Refused) as refused:
        parsed(f"<extensionElements>{task}</extensionElements>")

    (finding,) = refused.value.findings
    assert (finding.element, finding.rule) == ("rule", rule)
    assert reason in finding.message


def test_a_decision_cannot_write_a_secret() -> None:
    task = '<extensionElements><tl:decision ref="terms" result="pin"/></extensionElements>'
    xml = around(f'<businessRuleTask id="rule">{task}</businessRuleTask>', "rule")
    secret = xml.replace(b'isExecutable="true"', b'isExecutable="true" tl:secrets="pin"')

    (finding,) = bpmn.lint(
        secret, catalogue={}, compile=expressions.compile, decisions=dmn.parse(RULES, compile=expressions.compile)
    )

    assert finding.message == "the variable pin is secret: a decision cannot write it"


def test_a_decision_means_nothing_on_another_task() -> None:
    xml = around(
        '<task id="a"><extensionElements><tl:decision ref="terms" result="x"/></extensionElements></task>', "a"
    )

    (finding,) = bpmn.lint(xml, catalogue={}, compile=expressions.compile)

    assert (finding.element, finding.rule) == ("a", "misplaced-extension")


def test_every_item_of_a_multi_instance_asks_with_its_own_data() -> None:
    task = (
        '<extensionElements><tl:items collection="lines" item="order" output="terms" result="all"/>'
        '<tl:decision ref="terms" result="terms"/></extensionElements><multiInstanceLoopCharacteristics/>'
    )
    xml = process(
        '<startEvent id="start"/><endEvent id="end"/>'
        + f'<businessRuleTask id="rule">{task}</businessRuleTask>'
        + chain("start", "rule", "end")
    )
    found = bpmn.parse(
        xml, catalogue={}, compile=expressions.compile, decisions=dmn.parse(RULES, compile=expressions.compile)
    )

    case = Case(found).start(lines=[{"level": "gold"}, {"level": "none"}])

    assert case.live.status == "completed"
    assert [terms["days"] for terms in case.live.scopes[1].variables["all"]] == [30, 0]
