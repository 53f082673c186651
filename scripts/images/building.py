"""Building: the stand-ins for images of registries, and the project's own image."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from scripts.images.machine import CHECKOUT, ImagesError, Podman, run

DEBIAN = "localhost/debian:bookworm"
# What the Dockerfile and compose.yaml call them; each has a folder in stand-ins/.
STAND_INS = {
    "python": "localhost/python:3.11-slim-bookworm",
    "postgres": "localhost/postgres:16",
    "rabbitmq": "localhost/rabbitmq:3.13-management",
}
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
PIP_CONFIGURATIONS = (Path("/etc/pip.conf"), Path("~/.config/pip/pip.conf"), Path("~/.pip/pip.conf"))


def build_stand_ins(podman: Podman) -> None:
    """What is missing of Debian and the stand-ins."""
    if not podman.has(DEBIAN):
        _import_debian(podman)
    for folder, image in STAND_INS.items():
        if not podman.has(image):
            _build(podman, image, Path(__file__).parent / "stand-ins" / folder)


def build(podman: Podman, image: str) -> None:
    """The project's own image, from the Dockerfile as it is."""
    _build(podman, image, CHECKOUT)


def _import_debian(podman: Podman) -> None:
    tree, tar = podman.folder / "debian", podman.folder / "debian.tar"
    shutil.rmtree(tree, ignore_errors=True)
    try:
        run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(tree)])
        run(["tar", "--create", "--file", str(tar), "--directory", str(tree), "."])
        podman("import", str(tar), DEBIAN)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        tar.unlink(missing_ok=True)


def _build(podman: Podman, image: str, folder: Path) -> None:
    # docker: the only format that has HEALTHCHECK
    options = ["--format", "docker", "--pull=never", "--network", "host", *_of_this_machine(), "--tag", image]
    try:
        podman("build", *options, str(folder), seconds=1800)
    except ImagesError as error:
        raise ImagesError(f"{image} cannot be built: {error}") from error


def _of_this_machine() -> Sequence[str]:
    """Whom this machine trusts and where its pip looks, for behind a mirror; only while building."""
    mounts = ["--volume", f"{TRUSTED}:{TRUSTED}:ro"]
    given = os.environ.get("PIP_CONFIG_FILE")
    for file in [Path(given)] if given else PIP_CONFIGURATIONS:
        if (path := file.expanduser()).is_file():
            return [*mounts, "--volume", f"{path}:/etc/pip.conf:ro"]
    return mounts
