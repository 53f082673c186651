"""The command `throughline`. Every command lives in a module of its own, imported when it is used."""

from importlib import import_module

import click

COMMANDS = {
    "demo": ("throughline.demo.command:demo", "Run a hub, its sandbox and four real orders."),
    "serve": ("throughline.serve:serve", "Run the whole hub in one process."),
    "decision": ("throughline.decision_commands:decision", "Try decisions (DMN)."),
    "secrets": ("throughline.secrets_commands:secrets", "Change the master key of secrets."),
    "instance": ("throughline.instance_commands:instance", "Look at instances and repair them."),
    "process": ("throughline.process_commands:process", "Test and check processes."),
}


class LazyGroup(click.Group):
    """A group that imports a command only to run it, so that the first help line does not wait for a whole hub."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Throughline: processes across business systems, run as sagas."""
