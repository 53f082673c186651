"""`throughline secrets`: what has to do with the master key that secrets are kept with."""

import os
from pathlib import Path

import click


@click.group()
def secrets() -> None:
    """Change the master key of secrets."""


@secrets.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The data directory of an embedded hub. [default: the store at DATABASE_URL]",
)
def rewrap(data: Path | None) -> None:
    """Wrap the keys of all secrets by SECRETS_KEY; SECRETS_KEYS_ALSO holds the master keys that wrapped them so far.

    The hub may run meanwhile, as long as it knows both.
    """
    from saga_coordinator.rewrapping import rewrap as rewrap_all
    from saga_coordinator.rewrapping import told
    from service_kit.settings import SettingsError
    from throughline.embedded import hub_url

    environ = dict(os.environ) if data is None else {**os.environ, "DATABASE_URL": hub_url(data)}
    try:
        done = rewrap_all(environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if done.unreadable:
        raise click.ClickException(told(done))
    click.echo(told(done))
