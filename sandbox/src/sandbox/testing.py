"""A sandbox process for tests and demonstrations, and its admin API as functions. Standard library only."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class SandboxProcess:
    """`python -m sandbox` as a child process; ready when constructed. A context manager that stops it at the end."""

    def __init__(self, data: Path, port: int = 0, environ: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", "sandbox", "--data", str(data), "--port"]
        self._environ = {**os.environ, **(environ or {})}
        self._start(port)

    def _start(self, port: int) -> None:
        command = [*self._command, str(port)]
        # In a process group of its own: Ctrl-C is for whoever started it, and it must live until that one stops it.
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self._environ, process_group=0)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox did not start; it ended with {self.stop()}")
        ready = json.loads(line)
        self.admin_url: str = ready["admin_url"]
        self.erp_url: str = ready["erp_url"]
        self.crm_url: str = ready["crm_url"]
        self.wms_url: str = ready["wms_url"]
        self.pid: int = ready["pid"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the admin API (`path` after `/_sandbox/`) and returns its answer; an error raises `HTTPError`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.admin_url}/_sandbox/{path}", data, headers, method=method)  # noqa: S310 - our own
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except HTTPError as error:
            error.add_note(error.read().decode())
            raise

    def inject(self, system: str, kind: str, **fields: Any) -> str:
        """Injects a fault and returns its id."""
        return str(self.call("POST", "faults", {"system": system, "kind": kind, **fields})["id"])

    def books(self) -> dict[str, Any]:
        """All books."""
        answer: dict[str, Any] = self.call("GET", "books")
        return answer

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        if self._process.stdout:
            self._process.stdout.close()
        return self._process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
