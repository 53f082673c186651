"""A directory per run of the demo, so that two may run at once."""

import os
import shutil
from pathlib import Path


def own_directory(demos: Path) -> Path:
    """A new directory named after this process; those of runs that have ended are removed."""
    for left in demos.glob("*"):
        if not left.is_dir():
            left.unlink(missing_ok=True)
        elif not (left.name.isdigit() and _runs(int(left.name))):
            shutil.rmtree(left, ignore_errors=True)
    own = demos / str(os.getpid())
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    return own


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
