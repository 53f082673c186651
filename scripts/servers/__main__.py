"""The command line; see the package's documentation."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from types import FrameType

from scripts.servers import home, pair
from scripts.servers.home import ServersError


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m scripts.servers", description="RabbitMQ and PostgreSQL for us")
    parser.add_argument("--durable", action="store_true", help="PostgreSQL waits for the disk, as in production")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start a pair that stays, and print its environment")
    commands.add_parser("env", help="print the environment of the pair that stays")
    commands.add_parser("down", help="stop the pair that stays, and forget its data")
    commands.add_parser("run", help="run a command on a pair of its own").add_argument("argv", nargs="+")
    arguments = parser.parse_args()
    try:
        pair.clear_abandoned()
        if arguments.command == "run":
            return run(arguments.argv, arguments.durable)
        return {"up": up, "env": show, "down": down}[arguments.command](arguments.durable)
    except ServersError as error:
        print(error, file=sys.stderr)
        return 1


def run(argv: list[str], durable: bool) -> int:
    """Run `argv` on a pair of its own, then throw the pair away; returns the exit status of `argv`."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with home.new_home(durable) as place:
        try:
            names = pair.start(place, os.environ)
            return subprocess.run(argv, env=os.environ | names).returncode
        except KeyboardInterrupt:
            return 130
        finally:
            pair.stop(place)


def up(durable: bool) -> int:
    """Start the pair that stays, unless it runs already, and print its environment."""
    place = home.kept_home(durable)
    with home.locked(home.root_directory(), wait=True):
        names = pair.kept(place)
        if names is None:
            pair.stop(place)
            place.directory.mkdir()
            names = pair.start(place, {})
            pair.keep(place, names)
    _print(names)
    return 0


def show(_: bool) -> int:
    """Print the environment of the pair that stays."""
    names = pair.kept(home.kept_home())
    if names is None:
        raise ServersError("No servers run. Start them with: python3 -m scripts.servers up")
    _print(names)
    return 0


def down(_: bool) -> int:
    """Stop the pair that stays, and forget its data."""
    with home.locked(home.root_directory(), wait=True):
        pair.stop(home.kept_home())
    return 0


def _print(names: Mapping[str, str]) -> None:
    for key, value in names.items():
        print(f"export {key}={shlex.quote(value)}")


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
