"""Whoever dies in the middle of a purge is continued by the next."""

import json
import random
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from saga_coordinator.models import instances, journal, tombstones
from saga_coordinator.testing.dying import Mortal, dies, dies_committing
from saga_coordinator.testing.purging import (
    is_told,
    left_to_delete,
    purge,
    purger,
    run,
    told,
    tombstone,
    traces,
)
from service_kit.database import reading

LARGE = "0123456789abcdef" * 10_000


@pytest.mark.parametrize(
    "archived", [True, pytest.param(False, marks=pytest.mark.long)], ids=["archived", "not archived"]
)
def test_whoever_dies_in_the_middle_of_a_purge_is_continued(hub: Any, tmp_path: Path, archived: bool) -> None:
    """Death before each commit and before each message, one after the other: the next one goes on from there."""
    # given
    folder = tmp_path / "archive"
    settings = {"retention_rows": 1, "retention_archive": archived, "archive_folder": str(folder)}
    for survived in range(100):
        variables = {"order": f"SO-{survived}", "document": f"{survived}{LARGE}"}
        request = run(hub, "keyed-ever", variables=variables)
        rows = len(hub.service.journal(request.instance))

        # when
        alive = not dies_committing(hub.store, purger(hub, **settings).retention.round, after=survived)
        purge(hub, **settings)

        # then
        assert traces(hub, request.instance, LARGE[:64], but=["tombstones", "business_keys"]) == {}
        hub.until(partial(is_told, hub, request.instance))
        if archived:
            file = folder / (tombstone(hub, request.instance).archive or "")
            assert json.loads(file.read_bytes().splitlines()[-1])["rows"] == rows
        if alive:
            break
    assert 5 < survived < 100


def test_a_purge_that_could_not_be_told_is_told_by_the_next(hub: Any) -> None:
    # given
    request = run(hub)
    told(hub)

    # when
    mortal = purger(hub, broker=Mortal(hub.broker))
    hub.until(lambda: dies(mortal.retention.round))
    assert told(hub) == []
    purge(hub)

    # then
    assert [each.instance for each in told(hub)] == [request.instance]


MANY, ROWS = 8, 6  # instances, and rows of each
KILLED = """
import sys
from saga_coordinator import bpmn
from saga_coordinator.coordinator import create_coordinator
from saga_coordinator.settings import Settings
from service_kit import expressions
from service_kit.broker import connect
from service_kit.database import open_engine
def parse(xml, id, decisions=None):
    return bpmn.parse(xml, catalogue=None, compile=expressions.compile, process_id=id, tolerant=True)
url, broker, folder = sys.argv[1:]
settings = Settings(url, broker, lanes=2, retention_after="P0D", purge_grace=0.0, retention_archive=True,
                    archive_folder=folder, retention_rows=3, retention_page=3, duty_seconds=0.2)
coordinator = create_coordinator(settings, connect(broker, name="test"), open_engine(url), parse)
print("ready", flush=True)
while True:
    coordinator.retention.round()
"""


@pytest.mark.long
def test_a_purge_survives_kills_at_random_moments(hub: Any, tmp_path: Path) -> None:
    # given
    requests = [run(hub, variables={"order": number}) for number in range(MANY)]
    rows = {request.instance: len(hub.service.journal(request.instance)) for request in requests}
    chance = random.Random(7)
    kills = 0

    # when
    while hub.rows(list(rows)) or left_to_delete(hub):
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", KILLED, hub.database_url, hub.broker_url, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert any(line.startswith("ready") for line in process.stdout or ())
                enough = min(_progress(hub) + chance.randint(3, 9), MANY * (ROWS + 2))
                hub.until(partial(_has_come_to, hub, enough))
            finally:
                process.kill()
        kills += 1

    # then
    assert kills > 2
    assert traces(hub, *rows) == {}
    assert {each.instance for each in told(hub)} == set(rows)
    for instance, count in rows.items():
        file = tmp_path / (tombstone(hub, instance).archive or "")
        assert json.loads(file.read_bytes().splitlines()[-1])["rows"] == count
    assert not list(tmp_path.rglob("*.unfinished"))


def _has_come_to(hub: Any, enough: int) -> bool:
    return _progress(hub) >= enough


def _progress(hub: Any) -> int:
    """How far the purge of all is: rows that are gone, instances that are, and those that are done."""
    with reading(hub.store) as connection:
        left = connection.scalar(select(func.count()).select_from(journal)) or 0
        listed = connection.scalar(select(func.count()).select_from(instances)) or 0
        done = connection.scalar(select(func.count()).select_from(tombstones).where(~tombstones.c.rest)) or 0
    return MANY * ROWS - left + MANY - listed + done


def test_another_coordinator_takes_a_duty_over_while_its_holder_is_dead(hub: Any) -> None:
    # given
    dead = purger(hub, duty_seconds=0.3)
    request = run(hub)
    dead.retention.round()

    # when
    other = purger(hub, duty_seconds=0.3)

    # then
    hub.until(lambda: other.retention.round() or (not hub.status(request.instance) and left_to_delete(hub) == 0))
