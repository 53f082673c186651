"""`throughline serve` says in one line what is wrong with its configuration."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from throughline.cli import main

NEEDS_A_USER = """
systems:
  erp: {connector: erp, adapter: sap-s4, credentials: {user: {env: NO_SUCH_USER}}}
"""


def served(folder: Path, systems: str | None, *options: str, **environ: str | None) -> Result:
    file = folder / "systems.yaml"
    if systems is not None:
        file.write_text(systems)
    arguments = ["serve", "--data", str(folder / "data"), "--systems", str(file), *options]
    return CliRunner().invoke(main, arguments, env=environ)


@pytest.mark.parametrize(
    ("systems", "told"),
    [
        (None, "systems.yaml cannot be read: No such file or directory"),
        ("systems: {a: [\n b: c", "systems.yaml: while parsing a flow sequence"),
        ("systems: []", "systems.yaml: Expected `object`"),
        (NEEDS_A_USER, "systems.erp.credentials.user: the environment has no NO_SUCH_USER"),
    ],
    ids=["missing", "no YAML", "no systems", "no credentials"],
)
def test_wrong_systems_are_told_in_one_line_before_there_is_any_data(
    tmp_path: Path, systems: str | None, told: str
) -> None:
    ended = served(tmp_path, systems, "--port", "0", NO_SUCH_USER=None)

    (line,) = ended.stderr.splitlines()
    assert (ended.exit_code, told in line) == (1, True), line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("SECRETS_KEY", "x"), ("RETENTION_INTERVAL", "soon"), ("LOG_LEVEL", "LOUD")]
)
def test_a_wrong_variable_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    ended = served(tmp_path, "systems: {}", "--port", "0", **{name: value})

    (line,) = ended.stderr.splitlines()
    assert (ended.exit_code, name in line) == (1, True), line
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = served(tmp_path, "systems: {}", "--port", str(port))

    told = f"Error: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    assert (ended.exit_code, ended.stderr) == (1, told)


def test_data_that_cannot_be_kept_there_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    ended = served(tmp_path, "systems: {}", "--port", "0")

    assert (ended.exit_code, ended.stderr) == (1, f"Error: {tmp_path / 'data'}: File exists\n")


def test_a_port_that_is_none_is_a_mistake_of_usage(tmp_path: Path) -> None:
    ended = served(tmp_path, "systems: {}", "--port", "99999")

    assert (ended.exit_code, ended.stderr.splitlines()[-1].startswith("Error: ")) == (2, True)
