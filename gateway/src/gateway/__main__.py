"""`python -m gateway` serves; with `create-key NAME ROLE...`, `list-keys` or `revoke-key ID` it manages keys."""

import argparse
import os
import sys

from gateway.app import main
from gateway.cli import create_key, list_keys, revoke_key
from gateway.roles import Role


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description="The one door. Without a command: serve.")
    commands = parser.add_subparsers(dest="command")
    create = commands.add_parser("create-key", help="make an API key and print it, this once")
    create.add_argument("name")
    create.add_argument("roles", nargs="+", choices=list(Role), metavar="ROLE")
    commands.add_parser("list-keys", help="list the API keys")
    commands.add_parser("revoke-key", help="revoke an API key").add_argument("id")
    return parser


def run(arguments: list[str]) -> None:
    """Do what the command line says. The database is `DATABASE_URL`."""
    given = _parser().parse_args(arguments)
    match given.command:
        case "create-key":
            sys.stdout.write(f"{create_key(os.environ, given.name, given.roles)}\n")
        case "list-keys":
            sys.stdout.writelines(f"{line}\n" for line in list_keys(os.environ))
        case "revoke-key":
            revoke_key(os.environ, given.id)
        case _:
            main()


if __name__ == "__main__":
    run(sys.argv[1:])
