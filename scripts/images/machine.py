"""This machine's podman: whether it can be had, and how it is called."""

import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# Not in the checkout: it holds whole file systems, and serves every checkout of this machine.
STORE = Path("/var/lib/throughline-images")
PACKAGES = ("podman", "runc", "netavark", "aardvark-dns", "iptables", "debootstrap")

# crun stumbles over hybrid cgroups, and the default limits need CAP_SYS_RESOURCE, which small machines do not give.
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""


class ImagesError(Exception):
    """Something about the images or the compose file does not work; the text says what."""


def why_not() -> str | None:
    """Why images cannot be tested on this machine; None: they can."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "images are tested on Debian, with its podman"
    if os.getuid() != 0:
        return "images are tested as root: debootstrap and the containers' network need it"
    return None


class Podman:
    """podman with a store of its own in `folder`; the machine's own containers and images are not seen."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "containers.conf"
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        configuration.write_text(CONFIGURATION.format(files=files))
        self.folder = folder
        self._command = ["podman", "--root", str(folder / "store"), "--runroot", str(folder / "run")]
        self._environ = {**os.environ, "CONTAINERS_CONF": str(configuration)}

    def __call__(self, *arguments: str, seconds: float = 900.0) -> str:
        """What it prints. Raises `ImagesError` with the end of what it complained of."""
        done = self.tried(*arguments, seconds=seconds)
        if done.returncode != 0:
            told = (done.stdout + done.stderr)[-3000:]
            raise ImagesError(f"podman {' '.join(arguments[:2])} failed with {done.returncode}:\n{told}")
        return done.stdout.strip()

    def tried(self, *arguments: str, seconds: float = 900.0) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        command = [*self._command, *arguments]
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=seconds)

    def has(self, image: str) -> bool:
        """Whether there is such an image."""
        return self.tried("image", "exists", image).returncode == 0


def installed() -> Podman:
    """podman, installed if it is missing; nothing is started or enabled."""
    if any(shutil.which(program) is None for program in ("podman", "runc", "iptables", "debootstrap")):
        run([str(CHECKOUT / "scripts" / "install-packages"), *PACKAGES])
    return Podman(STORE)


def run(command: Sequence[str]) -> None:
    """Run it. Raises `ImagesError` with the end of what it wrote."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ImagesError(f"{command[0]} failed with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
