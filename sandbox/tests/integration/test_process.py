import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import create_engine, text

from sandbox.testing import SandboxProcess

ERP_ROOT = "/sap/opu/odata/sap/API_SALES_ORDER_SRV"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path) as running:
        yield running


def create_order(process: SandboxProcess, body: Any) -> str:
    with requests.Session() as erp:
        erp.auth = ("HUB", "hub-secret")
        fetched = erp.get(f"{process.erp_url}{ERP_ROOT}/", headers={"x-csrf-token": "Fetch"}, timeout=10)
        headers = {"x-csrf-token": fetched.headers["x-csrf-token"]}
        answer = erp.post(f"{process.erp_url}{ERP_ROOT}/A_SalesOrder", json=body, headers=headers, timeout=10)
        return str(answer.json()["d"]["SalesOrder"])


def test_books_survive_a_kill(tmp_path: Path, body: Any) -> None:
    # given
    with SandboxProcess(tmp_path) as process:
        number = create_order(process, body())
        order = {"customer": "10100001", "po_number": "SO-1001", "items": [{"material": "MAT-100", "quantity": 5}]}
        process.call("POST", "crm/orders", order)
        before = process.books()

        # when
        process.kill()

    # then
    with SandboxProcess(tmp_path) as again:
        assert again.books() == before
        assert [order["number"] for order in again.books()["erp"]["sales_orders"]] == [number]


def test_a_message_written_while_the_wms_was_dead_is_processed_when_it_is_back(
    tmp_path: Path, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    # given
    with SandboxProcess(tmp_path) as process:
        engine = create_engine(process.wms_url)
        process.kill()
    insert = (
        "INSERT INTO IF_RESERVATION_IN (MSG_ID, LINE_NO, LINE_COUNT, HUB_KEY, ORDER_NO, MATERIAL, QTY, UOM, STATUS, "
        "CREATED_AT) VALUES ('M-1', 1, 1, 'HUB-1', '4711', 'MAT-100', 5, 'PC', 'N', '2026-11-23T04:40:00.123Z')"
    )
    with engine.begin() as connection:
        connection.execute(text(insert))
    engine.dispose()

    # when
    with SandboxProcess(tmp_path) as again:
        # then
        def reservations() -> list[Any]:
            found: list[Any] = again.books()["wms"]["reservations"]
            return found

        assert [document["hub_key"] for document in eventually(reservations)] == ["HUB-1"]


def test_the_process_ends_at_sigterm_and_frees_its_ports(tmp_path: Path) -> None:
    # given
    process = SandboxProcess(tmp_path)
    port = urlsplit(process.erp_url).port or 0

    # when
    code = process.stop()

    # then
    assert code == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_effects_are_counted_per_business_key(process: SandboxProcess, body: Any) -> None:
    # given
    create_order(process, body())

    # when
    effects = process.call("GET", "effects?business_key=SO-1001")

    # then
    assert effects["by_business_key"]["SO-1001"]["erp"] == {"sales_orders_open": 1, "sales_orders_cancelled": 0}
    assert effects["by_hub_key"]["HUB-A"]["erp"]["sales_orders_open"] == 1


def test_master_data_can_be_seeded(process: SandboxProcess) -> None:
    # when
    customer = {"number": "20200001", "name": "New", "credit_limit": "5.00"}
    process.call("POST", "seed", {"customers": [customer], "materials": [{"number": "MAT-9", "stock": 3}]})

    # then
    assert {"material": "MAT-9", "on_hand": 3.0, "reserved": 0.0, "uom": "PC"} in process.books()["wms"]["stock"]
    with pytest.raises(HTTPError):
        process.call("POST", "seed", {"customers": [{"number": 5}]})


def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError):
        SandboxProcess(tmp_path, environ={"SANDBOX_WMS_POLL_MS": "often"})
    assert "SANDBOX_WMS_POLL_MS must be a number, not 'often'" in capfd.readouterr().err
