import os
from pathlib import Path

from throughline.demo.directory import own_directory


def test_a_demo_removes_what_ended_ones_left_and_nothing_of_a_running_one(tmp_path: Path) -> None:
    # given
    running, ended = tmp_path / str(os.getppid()), tmp_path / "999999999"
    for left in (running, ended, tmp_path / "hub"):
        left.mkdir()
    (tmp_path / "hub.log").touch()
    (tmp_path / str(os.getpid())).mkdir()
    (tmp_path / str(os.getpid()) / "old").touch()

    # when
    own = own_directory(tmp_path)

    # then
    assert sorted(tmp_path.iterdir()) == sorted([running, own])
    assert list(own.iterdir()) == []
