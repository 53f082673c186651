"""The coordinator's process: `python -m saga_coordinator`; with `rewrap-secrets` it changes the master key."""

import argparse
import gc
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext

from saga_coordinator.app import create_app
from saga_coordinator.coordinator import Coordinator, create_coordinator
from saga_coordinator.rewrapping import rewrap, told
from saga_coordinator.settings import Settings
from service_kit import broker, logs, tracing
from service_kit.database import open_engine
from service_kit.http.server import EmbeddedServer
from service_kit.settings import SettingsError


def main() -> None:
    """Run until told to stop by SIGTERM or SIGINT."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    logs.configure("saga-coordinator", settings.log_level)
    tracing.configure_from(os.environ, "saga-coordinator")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)


def run(settings: Settings, stop: threading.Event) -> None:
    """Everything of one coordinator, until `stop`."""
    connected = broker.connect(settings.broker_url, name=settings.name)
    store = open_engine(settings.database_url, pool_size=8)
    coordinator = create_coordinator(settings, connected, store)
    with _door(settings, coordinator):
        _calm_garbage_collection()
        coordinator.start()
        stop.wait()
        coordinator.stop()
    connected.close()
    store.dispose()


def _door(settings: Settings, coordinator: Coordinator) -> AbstractContextManager[object]:
    if not settings.internal_token:
        return nullcontext()
    host, _, port = settings.bind.rpartition(":")
    return EmbeddedServer(create_app(coordinator, settings.internal_token), host, int(port))


def _calm_garbage_collection() -> None:
    """Remembered states are many values without cycles: to walk all of them again and again is a third of the cost."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def command(arguments: list[str]) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="saga_coordinator", description="Without a command: run a coordinator.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("rewrap-secrets", help="wrap the keys of all secrets by SECRETS_KEY")
    if parser.parse_args(arguments).command is None:
        return main()
    try:
        done = rewrap(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{told(done)}\n")
    sys.exit(1 if done.unreadable else 0)


if __name__ == "__main__":
    command(sys.argv[1:])
