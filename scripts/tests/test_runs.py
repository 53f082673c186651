"""How `scripts.servers run` treats what is given and what was left behind. RabbitMQ is given: it starts slowly."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from scripts.servers import home, postgres, processes

pytestmark = pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL server on this machine")

GIVEN_BROKER = {"AMQP_URL": "amqp://somewhere.invalid"}
WITHOUT_SERVERS = {key: value for key, value in os.environ.items() if not key.startswith(("AMQP_", "DATABASE_"))}


def run(*options: str, environ: dict[str, str], script: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scripts.servers", *options, "run", "--", "bash", "-c", script]
    environ = WITHOUT_SERVERS | environ
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environ, cwd=home.CHECKOUT, stdin=pipe, stdout=pipe, text=True)


def test_servers_that_are_given_are_used_and_none_is_started() -> None:
    # given
    environ = GIVEN_BROKER | {"DATABASE_URL": "postgresql://somewhere.invalid/postgres"}

    # when
    output, _ = run(environ=environ, script="echo $AMQP_URL $DATABASE_URL").communicate()

    # then
    assert output.split() == list(environ.values())


def test_the_exit_status_is_the_commands() -> None:
    # when
    process = run(environ=GIVEN_BROKER | {"DATABASE_URL": "postgresql://somewhere.invalid"}, script="exit 7")

    # then
    with process:
        assert process.wait() == 7


@pytest.mark.parametrize(("options", "expected"), [([], "off"), (["--durable"], "on")])
def test_only_durable_servers_wait_for_the_disk(options: list[str], expected: str) -> None:
    # given
    show = "import os, psycopg; print(*psycopg.connect(os.environ['DATABASE_URL']).execute('show fsync').fetchone())"

    # when
    output, _ = run(*options, environ=GIVEN_BROKER, script=f'"{sys.executable}" -c "{show}"').communicate()

    # then
    assert output.strip() == expected


def test_servers_of_a_run_that_was_killed_are_stopped_by_the_next() -> None:
    # given
    killed = run(environ=GIVEN_BROKER, script="echo $DATABASE_URL; cat >/dev/null")
    with killed:
        assert killed.stdout
        url = killed.stdout.readline().strip()
        directory = directory_of(url)
        killed.send_signal(signal.SIGKILL)

    # when
    with run(environ=GIVEN_BROKER, script="true") as following:
        following.wait()

    # then
    assert not directory.exists()
    assert list(processes.servers_of(home.Home(directory))) == []
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def directory_of(url: str) -> Path:
    with psycopg.connect(url) as connection:
        row = connection.execute("show data_directory").fetchone()
    assert row
    return Path(row[0]).parents[1]
