import pytest

from saga_coordinator import bpmn
from saga_coordinator.engine.process import Process, Retention
from saga_coordinator.testing.files import around, service
from service_kit import expressions


def parse(retention: str) -> Process:
    xml = around(service("a", "erp.plain"), "a")
    extension = f"<extensionElements>{retention}</extensionElements>".encode()
    at = xml.index(b">", xml.index(b"<process ")) + 1
    return bpmn.parse(xml[:at] + extension + xml[at:], catalogue=None, compile=expressions.compile, tolerant=True)


def test_a_process_says_how_long_its_instances_are_kept() -> None:
    process = parse('<tl:retention after="P90D" archive="true" keys="P1Y"/>')

    assert process.retention == Retention("P90D", True, "P1Y")


def test_what_it_leaves_open_is_not_its_own() -> None:
    assert parse('<tl:retention after="never"/>').retention == Retention("never", None, None)
    assert parse("").retention == Retention()


@pytest.mark.parametrize(
    ("attribute", "finding"),
    [
        ('after="90 days"', "tl:retention after: '90 days' is neither a duration like P90D nor 'never'"),
        ('keys="-P1D"', "tl:retention keys: '-P1D' is neither a duration like P90D nor 'ever'"),
        ('archive="yes"', "tl:retention archive: 'yes' is neither true nor false"),
    ],
)
def test_what_means_nothing_is_refused(attribute: str, finding: str) -> None:
    with pytest.raises(bpmn.Refused) as refused:
        parse(f"<tl:retention {attribute}/>")

    assert [(found.rule, found.message) for found in refused.value.findings] == [("bad-extension", finding)]


def test_it_stands_on_a_process_only() -> None:
    xml = around(service("a", "erp.plain").replace("<extensionElements>", "<extensionElements><tl:retention/>"), "a")

    with pytest.raises(bpmn.Refused) as refused:
        bpmn.parse(xml, catalogue=None, compile=expressions.compile, tolerant=True)

    assert [found.rule for found in refused.value.findings] == ["misplaced-extension"]
