from typing import Any

import pytest

from e2e.auditor import Effects, check_exactly_once, check_expected, effects, read_books


def order(number: str, state: str = "open", hub_key: str = "HUB-A") -> dict[str, Any]:
    return {"number": number, "state": state, "hub_key": hub_key, "references": [hub_key, "SO-1"]}


def reservation(number: str, state: str = "open", hub_key: str = "HUB-R", order_no: str = "1") -> dict[str, Any]:
    references = [hub_key, order_no]
    return {"number": number, "state": state, "hub_key": hub_key, "references": references, "order_no": order_no}


def entry(seq: int, action: str, document: str, hub_key: str, kind: str = "sales_order") -> dict[str, Any]:
    return {"seq": seq, "action": action, "document": document, "hub_key": hub_key, "kind": kind, "detail": {}}


def books(
    orders: list[Any] | None = None,
    erp: list[Any] | None = None,
    reservations: list[Any] | None = None,
    wms: list[Any] | None = None,
) -> Any:
    crm_order = {"id": "801", "state": "open", "status": "Confirmed", "hub_key": "", "references": ["801", "SO-1"]}
    return read_books(
        {
            "erp": {"sales_orders": orders or [], "ledger": erp or []},
            "wms": {"reservations": reservations or [], "deliveries": [], "ledger": wms or []},
            "crm": {"orders": [crm_order], "ledger": []},
        }
    )


def rules(found: Any) -> list[str]:
    return [finding.rule for finding in found]


def test_effects_follow_the_sales_order_into_the_warehouse() -> None:
    # when
    reservations = [reservation("R-1"), reservation("R-2", order_no="9")]
    counted = effects(books([order("1"), order("2", "cancelled")], reservations=reservations), "SO-1")

    # then
    assert isinstance(counted, Effects)
    assert counted.as_json() == {
        "erp": {"sales_orders_open": 1, "sales_orders_cancelled": 1},
        "wms": {"reservations_open": 1, "reservations_cancelled": 0, "deliveries_open": 0, "deliveries_cancelled": 0},
        "crm": {"orders_by_status": {"Confirmed": 1}},
    }


def test_an_effect_and_its_undo_are_found_good() -> None:
    ledger = [entry(1, "create", "1", "HUB-A"), entry(2, "cancel", "1", "HUB-A")]
    assert check_exactly_once(books([order("1", "cancelled")], ledger)) == []


def test_two_documents_of_one_hub_key_are_found() -> None:
    ledger = [entry(1, "create", "1", "HUB-A"), entry(2, "create", "2", "HUB-A")]
    assert rules(check_exactly_once(books([order("1"), order("2")], ledger))) == ["repeated-effect", "double-effect"]


def test_two_documents_of_which_one_was_undone_are_still_a_repetition() -> None:
    ledger = [entry(1, "create", "1", "HUB-A"), entry(2, "create", "2", "HUB-A"), entry(3, "cancel", "2", "HUB-A")]
    found = check_exactly_once(books([order("1"), order("2", "cancelled")], ledger))
    assert rules(found) == ["repeated-effect"]


@pytest.mark.parametrize(
    ("actions", "rule"),
    [(["cancel"], "undo-without-effect"), (["create", "cancel", "cancel"], "repeated-undo")],
)
def test_an_undo_of_nothing_and_a_second_undo_are_found(actions: list[str], rule: str) -> None:
    ledger = [entry(seq, action, "1", "HUB-A") for seq, action in enumerate(actions, 1)]
    assert rules(check_exactly_once(books([order("1", "cancelled")], ledger))) == [rule]


def test_a_document_that_its_ledger_does_not_explain_is_found() -> None:
    assert rules(check_exactly_once(books([order("1")]))) == ["books-disagree"]


def test_an_effect_that_was_left_is_found_where_it_was_to_be_undone() -> None:
    found = check_expected(books([order("1")], reservations=[reservation("R-1", "cancelled")]), {"SO-1": "undone"})
    assert [(finding.rule, finding.key) for finding in found] == [("effect-left", "SO-1")]


def test_a_completed_order_has_each_document_once_and_none_cancelled() -> None:
    # given
    found = books([order("1"), order("2", "cancelled")])

    # then
    assert rules(check_expected(found, {"SO-1": "completed"}, kinds=["sales_order"])) == ["undone-by-mistake"]
    missing = check_expected(found, {"SO-1": "completed"}, kinds=["reservation"])
    assert rules(missing) == ["effect-missing", "undone-by-mistake"]
    with pytest.raises(ValueError, match="SO-1"):
        check_expected(found, {"SO-1": "perhaps"})
