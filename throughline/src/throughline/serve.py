"""`throughline serve`: the embedded hub as a process."""

import json
import os
import signal
import threading
from pathlib import Path

import click


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path("throughline-data"), show_default=True)
@click.option(
    "--systems", "systems_file", type=click.Path(path_type=Path), default=Path("systems.yaml"), show_default=True
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
@click.option("--json", "as_json", is_flag=True, help="Tell the address (and a new admin key) as one JSON line.")
def serve(data: Path, systems_file: Path, host: str, port: int, as_json: bool) -> None:
    """Run the whole hub in this process, on SQLite, until SIGTERM or SIGINT."""
    from service_kit import logs, tracing
    from throughline.embedded import Hub, Settings

    logs.configure("hub", os.environ.get("LOG_LEVEL", "INFO"))
    tracing.configure_from(os.environ, "hub")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Hub(Settings(data=data, systems_file=systems_file, host=host, port=port)) as hub:
        if as_json:
            click.echo(json.dumps({"url": hub.url, "admin_key": hub.admin_key, "pid": os.getpid()}))
        else:
            click.echo(f"API {hub.url}  documentation {hub.url}/docs")
            if hub.admin_key:
                click.echo(f"admin key {hub.admin_key} (shown this once)")
        while not stopping.wait(1.0):
            if hub.failed:
                raise click.ClickException(f"these connectors broke (see the log): {', '.join(hub.failed)}")
