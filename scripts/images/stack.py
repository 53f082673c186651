"""The containers of compose.yaml, all together, in a network of their own."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.images import composition
from scripts.images.composition import Service
from scripts.images.machine import CHECKOUT, ImagesError, Podman
from scripts.servers.home import free_port

HEALTHY_WITHIN = 180.0


class Stack:
    """Running containers, one for each service of the compose file; names are the services'."""

    def __init__(self, podman: Podman, mark: str) -> None:
        self._podman = podman
        self._mark = mark
        self._checks: dict[str, tuple[str, ...]] = {}
        self._ports: dict[tuple[str, int], int] = {}

    def start(self, services: Sequence[Service]) -> None:
        """Start each as soon as those that it depends on are healthy, and wait until all are."""
        self._podman("network", "create", self._mark)
        for service in services:
            self.await_healthy(service.after)
            self._run(service)
        self.await_healthy([service.name for service in services])

    def _run(self, service: Service) -> None:
        self._checks[service.name] = service.check
        options = ["--detach", "--name", self.container(service.name)]
        options += ["--network", self._mark, "--network-alias", service.name, *service.options]
        for key, value in service.environment.items():
            options += ["--env", f"{key}={value}"]
        for port in service.ports:
            mine = self._ports[service.name, port] = free_port()
            options += ["--publish", f"127.0.0.1:{mine}:{port}"]
        for number, (target, content) in enumerate(service.files.items()):
            file = self._podman.folder / f"{self.container(service.name)}-{number}"
            file.write_text(content)
            options += ["--volume", f"{file}:{target}:ro"]
        for target, volume in service.volumes.items():
            options += ["--volume", f"{self.container(volume)}:{target}"]
        self._podman("run", *options, service.image, *service.command)

    def await_healthy(self, names: Sequence[str]) -> None:
        """Wait for their health checks. Raises `ImagesError` with the end of the log of the first that fails."""
        # podman itself runs no health checks where there is no systemd
        deadline = time.monotonic() + HEALTHY_WITHIN
        for name in names:
            while self._podman.tried("exec", self.container(name), *self._checks[name]).returncode != 0:
                if time.monotonic() > deadline:
                    raise ImagesError(f"{name} is not healthy:\n{self.log(name)[-4000:]}")
                time.sleep(0.2)

    def is_well(self, name: str) -> bool:
        """What the image's own HEALTHCHECK says."""
        return self._podman.tried("healthcheck", "run", self.container(name)).returncode == 0

    def container(self, name: str) -> str:
        """What podman calls it."""
        return f"{self._mark}-{name}"

    def url(self, name: str, port: int) -> str:
        """Where a published port is found on this machine."""
        return f"http://127.0.0.1:{self._ports[name, port]}"

    def inside(self, name: str, *command: str) -> str:
        """Run a command in a container; what it prints. Raises `ImagesError`."""
        return self._podman("exec", self.container(name), *command)

    def inspect(self, name: str, template: str) -> str:
        """What podman knows of a container."""
        return self._podman("inspect", "--format", template, self.container(name))

    def log(self, name: str) -> str:
        """What a container has written."""
        done = self._podman.tried("logs", self.container(name))
        return done.stdout + done.stderr

    def stop(self, name: str, seconds: int) -> int:
        """Ask it to end, insist after so many seconds; its exit status."""
        self._podman("stop", "--time", str(seconds), self.container(name))
        return int(self.inspect(name, "{{.State.ExitCode}}"))

    def remove(self, services: Sequence[Service]) -> None:
        """Forget it all, with its data."""
        containers = [self.container(service.name) for service in services]
        volumes = [self.container(volume) for service in services for volume in service.volumes.values()]
        self._podman.tried("rm", "--force", "--time", "0", *containers)
        self._podman.tried("volume", "rm", "--force", *volumes)
        self._podman.tried("network", "rm", "--force", self._mark)
        for file in self._podman.folder.glob(f"{self._mark}-*"):
            file.unlink()


@contextmanager
def running(podman: Podman, file: Path = CHECKOUT / "compose.yaml") -> Iterator[Stack]:
    """The services of a compose file, healthy, until the end of the block. Its variables keep their defaults."""
    services = composition.read(file, {})
    stack = Stack(podman, f"throughline-{secrets.token_hex(3)}")
    try:
        stack.start(services)
        yield stack
    finally:
        stack.remove(services)
