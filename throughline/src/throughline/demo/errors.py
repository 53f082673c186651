"""What stops the demo."""

import click


class DemoFailed(click.ClickException):
    """The demo could not run to its end."""
