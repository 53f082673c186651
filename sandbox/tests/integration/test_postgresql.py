from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from sandbox.testing import SandboxProcess

LINE = (
    "INSERT INTO IF_RESERVATION_IN (MSG_ID, LINE_NO, LINE_COUNT, HUB_KEY, ORDER_NO, MATERIAL, QTY, UOM, STATUS, "
    "CREATED_AT) VALUES ('M-1', 1, 1, 'HUB-1', '4711', :material, 5, 'PC', 'N', '2026-11-23T04:40:00.123Z')"
)


def test_the_staging_tables_work_on_postgresql(
    tmp_path: Path, postgres_database: str, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    # given
    engine = create_engine(postgres_database)
    with SandboxProcess(tmp_path, environ={"SANDBOX_WMS_URL": postgres_database}) as process:
        # when
        with engine.begin() as connection:
            connection.execute(text(LINE), {"material": "MAT-100"})

        # then
        def row() -> Any:
            with engine.begin() as connection:
                return connection.execute(text("SELECT STATUS, DOC_NO FROM IF_RESERVATION_IN")).one()

        eventually(lambda: row().status != "N")
        assert (row().status, row().doc_no) == ("P", "R-00000001")
        with engine.begin() as connection:
            view = text("SELECT STATE FROM IF_DOCUMENT_OUT WHERE HUB_KEY = 'HUB-1'")
            assert connection.execute(view).scalar_one() == "OPEN"
        assert [document["number"] for document in process.books()["wms"]["reservations"]] == ["R-00000001"]
    engine.dispose()
