from pathlib import Path

import pytest

from gateway.__main__ import run
from gateway.keys import split


def test_keys_are_managed_from_a_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/gateway.sqlite")

    # when
    run(["create-key", "crm", "operator", "viewer"])
    key = split(capsys.readouterr().out.strip())
    assert key is not None
    run(["revoke-key", key[0]])
    run(["list-keys"])

    # then
    listed = capsys.readouterr().out
    assert listed.startswith(f"{key[0]}  crm  operator,viewer  revoked")
    assert key[1] not in listed
