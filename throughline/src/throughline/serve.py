"""`throughline serve`: the embedded hub as a process."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from throughline.embedded import Hub, Settings


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path("throughline-data"), show_default=True)
@click.option(
    "--systems", "systems_file", type=click.Path(path_type=Path), default=Path("systems.yaml"), show_default=True
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--json", "as_json", is_flag=True, help="Tell the address (and a new admin key) as one JSON line.")
def serve(data: Path, systems_file: Path, host: str, port: int, as_json: bool) -> None:
    """Run the whole hub in this process, on SQLite, until SIGTERM or SIGINT."""
    from service_kit import tracing
    from throughline.embedded import Settings

    _configure_logs()
    tracing.configure_from(os.environ, "hub")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with _hub(Settings(data=data, systems_file=systems_file, host=host, port=port)) as hub:
        if as_json:
            click.echo(json.dumps({"url": hub.url, "admin_key": hub.admin_key, "pid": os.getpid()}))
        else:
            click.echo(f"API {hub.url}  documentation {hub.url}/docs")
            if hub.admin_key:
                click.echo(f"admin key {hub.admin_key} (shown this once)")
        while not stopping.wait(1.0):
            if hub.failed:
                raise click.ClickException(f"these connectors broke (see the log): {', '.join(hub.failed)}")


def _configure_logs() -> None:
    from service_kit import logs

    try:
        logs.configure("hub", os.environ.get("LOG_LEVEL", "INFO"))
    except ValueError as error:
        raise click.ClickException(f"LOG_LEVEL: {error}") from error


def _hub(settings: "Settings") -> "Hub":
    """A hub that has not begun. Where its configuration is wrong, a `ClickException` that says so in one line."""
    from service_kit.errors import KitError
    from throughline.embedded import Hub

    try:
        return Hub(settings)
    except KitError as error:
        raise click.ClickException(" ".join(str(error).split())) from error
    except OSError as error:
        place = error.filename or f"cannot listen on {settings.host}, port {settings.port}"
        raise click.ClickException(f"{place}: {error.strerror or error}") from error
