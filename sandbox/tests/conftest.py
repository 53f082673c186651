"""A running sandbox per test, and clients of its systems as a hub would have them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from sqlalchemy import Connection, Engine, create_engine, text

from sandbox.process import Sandbox, start
from sandbox.settings import Settings

ERP_ROOT = "/sap/opu/odata/sap/API_SALES_ORDER_SRV/"


class Client(requests.Session):
    """A session whose paths are relative to a base address."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 10)
        return super().request(method, urljoin(self.base, str(url)), *args, **kwargs)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(port=0, data=tmp_path, crm_page_size=3, wms_poll_ms=5)


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    running = start(settings)
    yield running
    running.close()


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[requests.Session]:
    with Client(f"{sandbox.admin.url}/_sandbox/") as client:
        yield client


@pytest.fixture
def erp(sandbox: Sandbox) -> Iterator[requests.Session]:
    """Logged on, with a CSRF token and its cookie."""
    with Client(sandbox.erp.url + ERP_ROOT) as client:
        client.auth = ("HUB", "hub-secret")
        answer = client.get("", headers={"x-csrf-token": "Fetch"})
        client.headers["x-csrf-token"] = answer.headers["x-csrf-token"]
        yield client


@pytest.fixture
def crm(sandbox: Sandbox) -> Iterator[requests.Session]:
    """With an access token."""
    with Client(sandbox.crm.url + "/services/data/v62.0/") as client:
        form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": "hub-secret"}
        token = client.post("/services/oauth2/token", data=form).json()
        client.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield client


@pytest.fixture
def new_order(erp: requests.Session) -> Callable[..., Any]:
    """Creates a sales order with the given header fields; its answer's entity."""

    def create(**header: Any) -> Any:
        answer = erp.post("A_SalesOrder", json=order_body(**header))
        assert answer.status_code == 201, answer.text
        return answer.json()["d"]

    return create


def order_body(**header: Any) -> dict[str, Any]:
    item = {"Material": "MAT-100", "RequestedQuantity": "5", "RequestedQuantityUnit": "PC"}
    return {
        "SalesOrderType": "OR",
        "SalesOrganization": "1010",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
        "SoldToParty": "10100001",
        "PurchaseOrderByCustomer": "HUB-A",
        "AssignmentReference": "SO-1001",
        "to_Item": [item],
        **header,
    }


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """The body of a deep insert, with other header fields on demand."""
    return order_body


@pytest.fixture
def person(admin: requests.Session) -> Callable[..., Any]:
    """A salesperson who enters an order in the CRM; the order's `Id`, `OrderNumber`..."""

    def enter(po_number: str = "SO-1001", status: str = "Confirmed", quantity: float = 5) -> Any:
        items = [{"material": "MAT-100", "quantity": quantity}]
        order = {"customer": "10100001", "status": status, "po_number": po_number, "items": items}
        answer = admin.post("crm/orders", json=order)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return enter


class Staging:
    """A writer of the WMS's staging tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._messages = 0

    def reserve(self, *materials: tuple[str, float], hub_key: str = "HUB-R", **more: Any) -> str:
        return self._write("IF_RESERVATION_IN", materials or (("MAT-100", 5),), HUB_KEY=hub_key, **more)

    def deliver(self, *materials: tuple[str, float], hub_key: str = "HUB-D", **more: Any) -> str:
        return self._write("IF_DELIVERY_IN", materials or (("MAT-100", 5),), HUB_KEY=hub_key, **more)

    def cancel(self, doc_type: str, hub_key: str, target: str | None = None) -> str:
        row = {"MSG_ID": self._new_id(), "HUB_KEY": hub_key, "DOC_TYPE": doc_type, "TARGET_NO": target}
        with self._engine.begin() as connection:
            self._insert(connection, "IF_CANCEL_IN", row)
        return str(row["MSG_ID"])

    def result(self, table: str, msg_id: str) -> Any:
        """Waits until the message is no longer new, and returns its first row."""

        def finished() -> Any:
            row = self.row(table, msg_id)
            return row if row.status != "N" else None

        return wait_for(finished)

    def row(self, table: str, msg_id: str) -> Any:
        return self.one(f"SELECT * FROM {table} WHERE MSG_ID = :msg_id", msg_id=msg_id)  # noqa: S608

    def one(self, query: str, **values: Any) -> Any:
        with self._engine.begin() as connection:
            return connection.execute(text(query), values).first()

    def execute(self, statement: str, **values: Any) -> int:
        """Executes a change and returns how many rows it changed."""
        with self._engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    def _write(self, table: str, materials: tuple[tuple[str, float], ...], **common: Any) -> str:
        msg_id = common.pop("MSG_ID", None) or self._new_id()
        count = common.pop("LINE_COUNT", len(materials))
        with self._engine.begin() as connection:
            for number, (material, quantity) in enumerate(materials, 1):
                line = {"LINE_NO": number, "LINE_COUNT": count, "MATERIAL": material, "QTY": quantity, "UOM": "PC"}
                row = {"MSG_ID": msg_id, "ORDER_NO": "5000001", "CUST_REF": "SO-1001", **line, **common}
                self._insert(connection, table, row)
        return str(msg_id)

    def _insert(self, connection: Connection, table: str, row: dict[str, Any]) -> None:
        row = {**row, "STATUS": "N", "CREATED_AT": "2026-11-23T04:40:00.123Z"}
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)  # noqa: S608 - constants

    def _new_id(self) -> str:
        self._messages += 1
        return f"MSG-{self._messages}"


@pytest.fixture
def staging(sandbox: Sandbox) -> Iterator[Staging]:
    engine = create_engine(sandbox.wms_url)
    yield Staging(engine)
    engine.dispose()


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Waits until a condition holds, and returns what it returned."""
    return wait_for
