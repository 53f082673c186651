from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.process import start
from sandbox.settings import Settings

Person = Callable[..., Any]


def query(crm: requests.Session, soql: str) -> Any:
    answer = crm.get("query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return answer.json()


def error_of(answer: requests.Response) -> tuple[int, str]:
    (error,) = answer.json()
    return answer.status_code, error["errorCode"]


@pytest.fixture
def account(crm: requests.Session) -> str:
    return str(query(crm, "SELECT Id FROM Account WHERE AccountNumber = '10100001'")["records"][0]["Id"])


def test_an_order_is_created_read_and_changed(crm: requests.Session, account: str) -> None:
    # given
    order = {"AccountId": account, "EffectiveDate": "2026-11-23", "Status": "Draft", "PoNumber": "SO-1"}

    # when
    created = crm.post("sobjects/Order", json=order)
    path = f"sobjects/Order/{created.json()['id']}"
    changed = crm.patch(path, json={"Status": "Confirmed"})

    # then
    assert created.status_code == 201
    assert created.json() == {"id": created.json()["id"], "success": True, "errors": []}
    assert len(created.json()["id"]) == 18
    assert (changed.status_code, changed.content) == (204, b"")
    read = crm.get(path, params={"fields": "Status,PoNumber"})
    assert read.json() | {"attributes": {}} == {"attributes": {}, "Status": "Confirmed", "PoNumber": "SO-1"}
    assert read.headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_an_upsert_by_external_id_creates_once_and_then_updates(crm: requests.Session, account: str) -> None:
    # given
    path = "sobjects/Order/Hub_Key__c/HUB7F3K2A9Q"
    order = {"AccountId": account, "EffectiveDate": "2026-11-23", "Status": "Draft"}
    assert crm.get(path).status_code == 404

    # when
    first = crm.patch(path, json=order)
    second = crm.patch(path, json={"Description": "again"})

    # then
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert second.json()["id"] == first.json()["id"]
    read = crm.get(path, params={"fields": "Id,Description"}).json()
    assert (read["Id"], read["Description"]) == (first.json()["id"], "again")


def test_a_second_record_with_the_same_external_id_is_a_duplicate(crm: requests.Session, account: str) -> None:
    # given
    order = {"AccountId": account, "EffectiveDate": "2026-11-23", "Status": "Draft", "Hub_Key__c": "K"}
    crm.post("sobjects/Order", json=order)

    # then
    assert error_of(crm.post("sobjects/Order", json=order)) == (400, "DUPLICATE_VALUE")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Nope": 1}, "INVALID_FIELD"),
        ({"Status": "Sold"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Status": "Activated"}, "FAILED_ACTIVATION"),
        ({"Status": None}, "REQUIRED_FIELD_MISSING"),
        ({"TotalAmount": 1}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"PoNumber": "x" * 81}, "STRING_TOO_LONG"),
        ({"EffectiveDate": "23.11.2026"}, "JSON_PARSER_ERROR"),
        ({"AccountId": "0015e00000000zz"}, "MALFORMED_ID"),
    ],
)
def test_a_bad_order_is_refused_with_an_array(
    crm: requests.Session, account: str, change: dict[str, Any], code: str
) -> None:
    # when
    order = {"AccountId": account, "EffectiveDate": "2026-11-23", "Status": "Draft", **change}
    answer = crm.post("sobjects/Order", json=order)

    # then
    assert error_of(answer) == (400, code)
    assert query(crm, "SELECT Id FROM Order")["totalSize"] == 0


def test_a_confirmed_order_is_found_by_its_modstamp_with_account_and_items(
    crm: requests.Session, person: Person
) -> None:
    # given
    order = person()

    # when
    soql = (
        "SELECT Id, OrderNumber, TotalAmount, SystemModstamp, Account.AccountNumber, "
        "(SELECT Quantity, Product2.ProductCode FROM OrderItems ORDER BY OrderItemNumber) "
        "FROM Order WHERE Status IN ('Confirmed') AND SystemModstamp > 2026-01-01T00:00:00Z ORDER BY SystemModstamp"
    )
    found = query(crm, soql)

    # then
    (record,) = found["records"]
    assert (found["totalSize"], found["done"]) == (1, True)
    assert (record["Id"], record["TotalAmount"]) == (order["Id"], 50.0)
    assert record["Account"]["AccountNumber"] == "10100001"
    assert record["OrderItems"]["records"][0]["Product2"]["ProductCode"] == "MAT-100"
    assert record["attributes"] == {"type": "Order", "url": f"/services/data/v62.0/sobjects/Order/{order['Id']}"}


def test_modstamps_are_strictly_increasing_and_a_watermark_misses_nothing(
    crm: requests.Session, person: Person
) -> None:
    # given
    ids = [person(po_number=f"SO-{number}")["Id"] for number in range(3)]

    # when
    seen = query(crm, "SELECT Id, SystemModstamp FROM Order ORDER BY SystemModstamp")["records"]
    crm.patch(f"sobjects/Order/{ids[0]}", json={"Description": "changed"})
    watermark = seen[-1]["SystemModstamp"]
    later = query(crm, f"SELECT Id FROM Order WHERE SystemModstamp > {watermark}")["records"]  # noqa: S608

    # then
    stamps = [record["SystemModstamp"] for record in seen]
    assert stamps == sorted(set(stamps))
    assert [record["Id"] for record in later] == [ids[0]]


def test_a_long_result_is_read_page_by_page(crm: requests.Session, person: Person) -> None:
    # given
    ids = [person(po_number=f"SO-{number}")["Id"] for number in range(7)]

    # when
    page = query(crm, "SELECT Id FROM Order ORDER BY Id")
    found = page["records"]
    while not page["done"]:
        page = crm.get(page["nextRecordsUrl"]).json()
        found += page["records"]

    # then
    assert page["totalSize"] == 7
    assert [record["Id"] for record in found] == ids
    assert error_of(crm.get("query/01gnope-3")) == (400, "INVALID_QUERY_LOCATOR")


def test_a_revoked_token_is_an_invalid_session(crm: requests.Session, admin: requests.Session) -> None:
    # given
    admin.post("crm/revoke-tokens")

    # then
    assert error_of(crm.get("query", params={"q": "SELECT Id FROM Order"})) == (401, "INVALID_SESSION_ID")


@pytest.fixture
def short_lived(tmp_path: Path) -> Iterator[str]:
    running = start(Settings(port=0, data=tmp_path, crm_token_seconds=0))
    yield running.crm.url
    running.close()


def test_an_expired_token_is_an_invalid_session(short_lived: str) -> None:
    # given
    form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": "hub-secret"}
    token = requests.post(f"{short_lived}/services/oauth2/token", data=form, timeout=10).json()["access_token"]

    # when
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{short_lived}/services/data/v62.0/query?q=x", headers=headers, timeout=10)

    # then
    assert error_of(answer) == (401, "INVALID_SESSION_ID")


def test_wrong_client_credentials_get_no_token(crm: requests.Session) -> None:
    form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": "wrong"}
    answer = crm.post("/services/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_a_change_of_what_somebody_else_changed_is_refused(crm: requests.Session, person: Person) -> None:
    # given
    path = f"sobjects/Order/{person()['Id']}"
    before = {"If-Unmodified-Since": format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True)}
    now = {"If-Unmodified-Since": format_datetime(datetime(2100, 1, 1, tzinfo=UTC), usegmt=True)}

    # then
    assert crm.patch(path, json={"Status": "Completed"}, headers=before).status_code == 412
    assert crm.patch(path, json={"Status": "Completed"}, headers=now).status_code == 204


def test_the_books_keep_every_status_with_the_hubs_key(
    crm: requests.Session, admin: requests.Session, person: Person
) -> None:
    # given
    order = person()

    # when
    change = {"Status": "Completed", "Hub_Status_Key__c": "HUB-S"}
    crm.patch(f"sobjects/Order/{order['Id']}", json=change)
    crm.patch(f"sobjects/Order/{order['Id']}", json=change)

    # then
    (book,) = admin.get("books").json()["crm"]["orders"]
    assert [entry["status"] for entry in book["history"]] == ["Draft", "Confirmed", "Completed"]
    assert book["history"][-1]["hub_key"] == "HUB-S"


def test_an_order_without_items_is_not_activated_and_an_activated_one_not_deleted(
    crm: requests.Session, account: str, person: Person
) -> None:
    # given
    empty = {"AccountId": account, "EffectiveDate": "2026-11-23", "Status": "Draft"}
    empty_id = crm.post("sobjects/Order", json=empty).json()["id"]
    active = f"sobjects/Order/{person(status='Activated')['Id']}"

    # then
    refused = crm.patch(f"sobjects/Order/{empty_id}", json={"Status": "Activated"})
    assert error_of(refused) == (400, "FAILED_ACTIVATION")
    assert error_of(crm.delete(active)) == (400, "DELETE_FAILED")
    assert crm.delete(f"sobjects/Order/{empty_id}").status_code == 204
    assert error_of(crm.get(f"sobjects/Order/{empty_id}")) == (404, "NOT_FOUND")
