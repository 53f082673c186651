"""`make demo`, as a user starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from service_kit.http.contracts import contracts_folder
from throughline.embedded import Hub, Settings

DEMO = [sys.executable, "-m", "throughline", "demo"]


def test_once_with_json_prints_one_line_that_fits_its_schema() -> None:
    # when
    run = subprocess.run([*DEMO, "--once", "--json", "--port", "0"], capture_output=True, text=True, check=False)

    # then
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    report = json.loads(line)
    jsonschema.validate(report, json.loads((contracts_folder() / "demo.schema.json").read_text()))
    assert report["ok"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started can be interrupted, also where this was started by a shell in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_while_orders_run_ends_it_with_one_line() -> None:
    # given
    demo = subprocess.Popen(
        [*DEMO, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    assert demo.stdout is not None
    while "SO-1001" not in (line := demo.stdout.readline()):
        assert line, demo.stderr and demo.stderr.read()

    # when
    os.killpg(demo.pid, signal.SIGINT)
    told, errors = demo.communicate(timeout=60)

    # then
    assert (demo.returncode, errors) == (130, "")
    assert told.splitlines()[-1] == "Stopped."


def test_a_hub_whose_port_is_taken_keeps_its_admin_key_for_the_next_start(tmp_path: Path) -> None:
    # given
    (tmp_path / "systems.yaml").write_text("systems: {}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(tmp_path / "data", tmp_path / "systems.yaml", port=taken.getsockname()[1])

        # when
        with pytest.raises(OSError, match="in use"):
            Hub(settings)

    # then
    assert not settings.data.exists()
