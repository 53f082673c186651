"""Where the contracts are."""

import os
from pathlib import Path

from service_kit.errors import KitError


class ContractMissing(KitError):
    """No such file below the folder of the contracts (`OPENAPI_DIR`)."""


def contracts_folder() -> Path:
    """`OPENAPI_DIR`, else the `openapi/` folder of the checkout that this package is installed from."""
    if configured := os.environ.get("OPENAPI_DIR"):
        return Path(configured)
    for parent in Path(__file__).resolve().parents:
        if (parent / "openapi" / "documents").is_dir():
            return parent / "openapi"
    raise ContractMissing("The folder of the OpenAPI contracts was not found: set OPENAPI_DIR.")


def contract(name: str) -> Path:
    """The path of a contract by its name relative to `openapi/`. Raises `ContractMissing`."""
    path = contracts_folder() / name
    if not path.is_file():
        raise ContractMissing(f"There is no contract {name} in {contracts_folder()}.")
    return path
