"""Both servers together."""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from scripts.servers import home, packages, postgres, processes, rabbitmq
from scripts.servers.home import Home

STATE = "environment.json"


def start(place: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """Start what `environ` does not already name, both at once; returns the environment that names both."""
    given = {key: environ[key] for key in ("AMQP_URL", "AMQP_API_URL", "DATABASE_URL") if environ.get(key)}
    starts: dict[str, Callable[[Home], dict[str, str]]] = {}
    if "DATABASE_URL" not in given:
        starts["postgresql"] = postgres.start
    if "AMQP_URL" not in given:
        starts["rabbitmq-server"] = rabbitmq.start
    packages.install_missing(set(starts))
    with ThreadPoolExecutor() as threads:
        started = list(threads.map(lambda begin: begin(place), starts.values()))
    for names in started:
        given |= names
    return given


def stop(place: Home) -> None:
    """Stop the servers of this home and forget their data."""
    processes.stop(place)
    home.remove(place)


def clear_abandoned() -> None:
    """Stop what runs that were killed have left behind."""
    for place in home.abandoned_homes():
        stop(place)


def keep(place: Home, names: Mapping[str, str]) -> None:
    """Note down the environment of a pair that stays up."""
    descriptor = os.open(place.directory / STATE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dict(names), file)


def kept(place: Home) -> dict[str, str] | None:
    """The environment of the pair that stays up, if both still run."""
    try:
        names: dict[str, str] = json.loads((place.directory / STATE).read_text())
    except FileNotFoundError:
        return None
    running = {command for _, command in processes.servers_of(place)}
    return names if running >= {"postgres", "beam.smp"} else None
