"""Both stores behave as the hub needs them."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from service_kit.database import UnknownStore, migrate, now_ms, open_engine, reading, writing

MIGRATE = """
import sys
from service_kit.database import migrate, open_engine
engine = open_engine(sys.argv[1])
migrate(engine, "service_kit.connector")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hub.db"
    found: str = request.getfixturevalue("postgres_database")
    return found


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_several_processes_may_migrate_at_once(url: str, engine: Engine) -> None:
    # when
    processes = [subprocess.Popen([sys.executable, "-c", MIGRATE, url]) for _ in range(3)]

    # then
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM inbox")) == 0


def test_several_threads_may_migrate_at_once(engine: Engine) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            migrate(engine, "service_kit.connector")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_a_transaction_that_fails_leaves_nothing_not_even_a_table(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE things (id int)"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE things (id int)"))


def test_writers_on_all_threads_take_turns(engine: Engine) -> None:
    # given
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counter (n int)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(25):
            with writing(engine) as connection:
                connection.execute(text("UPDATE counter SET n = n + 1"))

    # when
    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # then
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT n FROM counter")) == 100


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE things (id int)"))

    with writing(engine) as writer:
        writer.execute(text("INSERT INTO things VALUES (1)"))
        with reading(engine) as reader:
            assert reader.scalar(text("SELECT count(*) FROM things")) == 0


def test_the_stores_clock_is_in_milliseconds(engine: Engine) -> None:
    with reading(engine) as connection:
        assert abs(now_ms(connection) - time.time() * 1000) < 60_000


def test_sqlite_is_set_up_to_survive_a_power_cut(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/hub.db")

    with reading(engine) as connection:
        settings = [
            connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    engine.dispose()
    assert settings == ["wal", 2, 1]


def test_another_store_is_refused() -> None:
    with pytest.raises(UnknownStore):
        open_engine("mysql://localhost/hub")
