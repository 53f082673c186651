from decimal import Decimal

import pytest

from sandbox.erp.odata import Condition, ODataError, check_value, etag_of, parse_filter, parse_key
from sandbox.erp.schema import ORDER, Edm, Property


def test_a_filter_is_a_conjunction_of_typed_comparisons() -> None:
    text = "SoldToParty eq '1' and PurchaseOrderByCustomer eq 'it''s' and TotalNetAmount gt 5M"
    assert parse_filter(text, ORDER) == [
        Condition("SoldToParty", "eq", "1"),
        Condition("PurchaseOrderByCustomer", "eq", "it's"),
        Condition("TotalNetAmount", "gt", Decimal(5)),
    ]


def test_moments_are_compared_as_moments() -> None:
    (condition,) = parse_filter("LastChangeDateTime ge datetimeoffset'1970-01-01T00:00:01Z'", ORDER)
    assert condition.value == 1000
    assert condition.holds({"LastChangeDateTime": 1000})
    assert not condition.holds({"LastChangeDateTime": 999})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SoldToParty",
        "Nope eq '1'",
        "SoldToParty eq 1",
        "SoldToParty eq '1' or SoldToParty eq '2'",
        "LastChangeDateTime ge '2026-01-01'",
        "SoldToParty eq '1' and",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ODataError):
        parse_filter(text, ORDER)


def test_keys_are_read_in_both_forms() -> None:
    assert parse_key("'4711'", ("SalesOrder",)) == ("4711",)
    key = "SalesOrderItem='10',SalesOrder='4711'"
    assert parse_key(key, ("SalesOrder", "SalesOrderItem")) == ("4711", "10")
    with pytest.raises(ODataError):
        parse_key("4711", ("SalesOrder",))


def test_values_are_checked_strictly() -> None:
    decimal, date = Property(Edm.DECIMAL), Property(Edm.DATE)
    assert check_value("RequestedQuantity", decimal, "5.500") == "5.5"
    assert check_value("RequestedQuantity", decimal, "100") == "100"
    assert check_value("SalesOrderDate", date, "/Date(86400001)/") == 86_400_000
    for property_, value in ((decimal, "1e400"), (decimal, "0.0001"), (decimal, 5), (date, "2026-01-01")):
        with pytest.raises(ODataError):
            check_value("x", property_, value)


def test_an_etag_changes_with_the_millisecond() -> None:
    assert etag_of(0) == "W/\"datetimeoffset'1970-01-01T00%3A00%3A00.0000000Z'\""
    assert etag_of(1) != etag_of(0)
