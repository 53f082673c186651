import pytest

from sandbox.crm.errors import SalesforceError
from sandbox.crm.schema import ORDER, long_id, record_id
from sandbox.crm.soql import Condition, parse


def test_a_query_has_paths_children_conditions_order_and_limit() -> None:
    # when
    query = parse(
        "select Id, Account.Name, (SELECT Quantity FROM OrderItems) FROM Order "
        "WHERE Status = 'Confirmed' AND SystemModstamp > 1970-01-01T00:00:01.500Z "
        "ORDER BY SystemModstamp DESC, Id LIMIT 5"
    )

    # then
    assert query.paths == ["Id", "Account.Name"]
    assert query.children["OrderItems"].paths == ["Quantity"]
    assert query.conditions == [Condition("Status", "=", "Confirmed"), Condition("SystemModstamp", ">", 1500)]
    assert query.order == [("SystemModstamp", True), ("Id", False)]
    assert query.limit == 5


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("", "MALFORMED_QUERY"),
        ("SELECT FROM Order", "MALFORMED_QUERY"),
        ("SELECT Id FROM Order WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Order LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Order; DROP", "MALFORMED_QUERY"),
        ("SELECT Id, (SELECT Id FROM OrderItems FROM Order", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Order", "INVALID_FIELD"),
        ("SELECT Id FROM Order WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Lines) FROM Order", "INVALID_TYPE"),
    ],
)
def test_a_bad_query_is_refused(soql: str, code: str) -> None:
    with pytest.raises(SalesforceError) as caught:
        parse(soql)
    assert caught.value.code == code


def test_conditions_compare_as_soql_does() -> None:
    assert Condition("Status", "=", "draft").holds("Draft")
    assert Condition("Name", "LIKE", "Pump%").holds("pump p100")
    assert Condition("Status", "IN", ["A", "B"]).holds("b")
    assert Condition("PoNumber", "!=", None).holds("x")
    assert not Condition("TotalAmount", ">", 5.0).holds(None)


def test_quotes_are_escaped_by_a_backslash() -> None:
    assert parse(r"SELECT Id FROM Order WHERE PoNumber = 'it\'s'").conditions == [Condition("PoNumber", "=", "it's")]


def test_a_short_id_becomes_the_long_one() -> None:
    assert len(record_id(ORDER, 63)) == 18
    assert record_id(ORDER, 1) != record_id(ORDER, 2)
    assert long_id("0015000000Gv7qJ") == "0015000000Gv7qJAAR"
