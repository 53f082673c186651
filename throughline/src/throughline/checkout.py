"""Where the checkout is whose processes, contracts and tests the command line works with."""

from functools import cache
from pathlib import Path

import click


@cache
def checkout() -> Path:
    """The folder that holds `processes/` and `openapi/`: the current one or one around it, else this package's own."""
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / "processes").is_dir() and (folder / "openapi").is_dir():
                return folder
    raise click.ClickException("This command works inside a checkout of Throughline.")
