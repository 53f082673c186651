"""Other processes in tests: started for real, ended by their handle."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

STOP_TIMEOUT = 10.0


@contextmanager
def running(module: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """`python -m MODULE ARGUMENTS`, which prints one JSON line when it is ready; gives that line's content.

    `environ` is added to this process's environment.
    """
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environ or {})})
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"python -m {module} ended with {process.wait()} before it was ready")
        yield json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
