"""A connector without a business system, for tests and measurements: `python -m e2e.noop.connector`.

It speaks the contract in `contracts/`. Its adapters: `noop` does nothing at all; `counting` writes a line to
EFFECTS_FILE for every effect, and refuses what has `refuse` in its input.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from service_kit.connector import run
from service_kit.connector.call import AdapterFactory, Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.outcomes import Refused
from service_kit.connector.systems import System
from service_kit.messages import Completed, Probed, ProbeVerdict


class Noop:
    """Of a system that is always there and never does anything."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        pass

    def do(self, call: Call) -> Completed:
        return _done(call)

    def probe_do(self, call: Call) -> Probed:
        return Probed(verdict=ProbeVerdict.ABSENT)

    def undo(self, call: Call) -> Completed:
        return Completed()


class Counting:
    """Writes one line for every effect and every undo."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        self._file = os.open(os.environ["EFFECTS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def do(self, call: Call) -> Completed:
        if call.input.get("refuse"):
            raise Refused("REFUSED", "as was asked for")
        self._write(call, call.input["step"], call.hub_key)
        return _done(call)

    def probe_do(self, call: Call) -> Probed:
        """By hub key, in the file."""
        if not any(entry["number"] == call.hub_key for entry in self._entries()):
            return Probed(verdict=ProbeVerdict.ABSENT)
        return Probed(verdict=ProbeVerdict.APPLIED, output={"number": call.hub_key})

    def undo(self, call: Call) -> Completed:
        number = call.input["number"]
        (step,) = {entry["step"] for entry in self._entries() if entry["number"] == number}
        self._write(call, step, number)
        return Completed()

    def _entries(self) -> list[dict[str, str]]:
        return read(Path(os.environ["EFFECTS_FILE"]))

    def _write(self, call: Call, step: str, number: str) -> None:
        entry = {"operation": call.operation, "step": step, "number": number, "key": call.business_key}
        os.write(self._file, json.dumps(entry).encode() + b"\n")  # O_APPEND: lines never mix


def _done(call: Call) -> Completed:
    return Completed(output={"number": call.hub_key}, references={"document": call.hub_key})


def read(file: Path) -> list[dict[str, str]]:
    """All effects and undos, in order."""
    return [json.loads(line) for line in file.read_text().splitlines()]


ADAPTERS: Mapping[str, AdapterFactory] = {"noop": Noop, "counting": Counting}

if __name__ == "__main__":
    run(connector="noop", adapters=ADAPTERS, environ=os.environ)
