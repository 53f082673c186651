"""Both stores behave as the hub needs them."""

import random
import string
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from service_kit.database import UnknownStore, is_gone, is_unstorable, migrate, now_ms, open_engine, reading, writing

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


def test_a_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    # given
    path = tmp_path / "hub.sqlite"
    engine = open_engine(f"sqlite:///{path}")

    # when
    migrate(engine, "service_kit.connector")

    # then
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    engine.dispose()


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    # given
    path = tmp_path / "hub.sqlite"
    path.touch(0o640)
    mode = path.stat().st_mode
    engine = open_engine(f"sqlite:///{path}")

    # when
    migrate(engine, "service_kit.connector")

    # then
    assert path.stat().st_mode == mode
    engine.dispose()


@pytest.mark.parametrize("value", ["a\0b", "long"])
def test_what_the_store_can_never_take_is_not_a_store_that_is_away(postgres_database: str, value: str) -> None:
    # given
    engine = open_engine(postgres_database)
    text_ = "".join(random.Random(5).choices(string.ascii_letters, k=5_000)) if value == "long" else value
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS names (name text PRIMARY KEY)"))

    # when
    with pytest.raises(DBAPIError) as raised, writing(engine) as connection:
        connection.execute(text("INSERT INTO names VALUES (:name)"), {"name": text_})

    # then
    assert is_unstorable(raised.value)
    assert not is_gone(raised.value)
    engine.dispose()
