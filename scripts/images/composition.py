"""compose.yaml, as far as it says how containers are run. What is not understood here is an error, never left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.images.machine import ImagesError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_UNDERSTOOD = {"image", "build", "command", "environment", "depends_on", "healthcheck", "hostname", "restart"}
_UNDERSTOOD |= {"read_only", "tmpfs", "cap_drop", "security_opt", "configs", "ports", "volumes"}
_LIFE = {"test", "interval", "timeout", "retries", "start_period", "start_interval"}


@dataclass(frozen=True)
class Service:
    """How one container is run. `check` succeeds in it while it is healthy. `files` are contents by path; `ports` are
    the container's, `volumes` names by path."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    options: tuple[str, ...]
    check: tuple[str, ...]
    ports: tuple[int, ...]
    files: Mapping[str, str]
    volumes: Mapping[str, str]
    after: tuple[str, ...]


def read(file: Path, environ: Mapping[str, str]) -> list[Service]:
    """The services, each after those that it depends on. Raises `ImagesError` for what nobody here understands."""
    composed = _interpolated(yaml.safe_load(file.read_text()), environ)
    contents = {name: config["content"] for name, config in composed.get("configs", {}).items()}
    services = [_service(name, given, contents) for name, given in composed["services"].items()]
    return _in_order(services)


def _interpolated(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _interpolated(each, environ) for name, each in value.items()}
    if isinstance(value, list):
        return [_interpolated(each, environ) for each in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2] or "", value)
    return value


def _service(name: str, given: dict[str, Any], contents: Mapping[str, str]) -> Service:
    if unknown := set(given) - _UNDERSTOOD:
        raise ImagesError(f"compose.yaml, {name}: what does {', '.join(sorted(unknown))} mean for podman?")
    return Service(
        name=name,
        image=given["image"],
        command=tuple(given.get("command", ())),
        environment={key: str(value) for key, value in given.get("environment", {}).items()},
        options=tuple(_options(given)),
        check=_check(name, given.get("healthcheck", {})),
        ports=tuple(int(port.rpartition(":")[2]) for port in given.get("ports", ())),
        files={config["target"]: contents[config["source"]] for config in given.get("configs", ())},
        volumes={target: volume for volume, _, target in (each.partition(":") for each in given.get("volumes", ()))},
        after=tuple(_needed(name, given.get("depends_on", {}))),
    )


def _options(given: dict[str, Any]) -> list[str]:
    options = ["--restart", given.get("restart", "no")]
    options += ["--hostname", given["hostname"]] if "hostname" in given else []
    options += ["--read-only", "--read-only-tmpfs=false"] if given.get("read_only") else []
    for key, option in {"tmpfs": "--tmpfs", "cap_drop": "--cap-drop", "security_opt": "--security-opt"}.items():
        options += [part for value in given.get(key, ()) for part in (option, _podmans(value))]
    return options


def _podmans(value: str) -> str:
    return {"no-new-privileges:true": "no-new-privileges"}.get(value, value)


def _check(name: str, check: dict[str, Any]) -> tuple[str, ...]:
    if unknown := set(check) - _LIFE:
        raise ImagesError(f"compose.yaml, healthcheck of {name}: what does {', '.join(sorted(unknown))} mean?")
    match check.get("test"):
        case ["CMD", *command]:
            return tuple(command)
        case ["CMD-SHELL", command]:
            return ("sh", "-c", command)
    raise ImagesError(f"compose.yaml: the health of {name} is not looked after")


def _needed(name: str, depends_on: dict[str, Any]) -> list[str]:
    for other, how in depends_on.items():
        if how != {"condition": "service_healthy"}:
            raise ImagesError(f"compose.yaml, {name}: depends on {other} in another way than service_healthy")
    return list(depends_on)


def _in_order(services: list[Service]) -> list[Service]:
    ordered: list[Service] = []
    while waiting := [service for service in services if service not in ordered]:
        started = {service.name for service in ordered}
        ready = [service for service in waiting if started.issuperset(service.after)]
        if not ready:
            raise ImagesError(f"compose.yaml: {', '.join(s.name for s in waiting)} wait for each other")
        ordered += ready
    return ordered
