"""The connector that does nothing, as a process of its own: `python -m bench.noop`."""

import os

from service_kit.connector import run
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.systems import System
from service_kit.messages import Completed, Probed, ProbeVerdict


class Noop:
    """Adapter of a system that is always there and never does anything."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        pass

    def do(self, call: Call) -> Completed:
        return Completed(output={"number": call.hub_key}, references={"document": call.hub_key})

    def probe_do(self, call: Call) -> Probed:
        return Probed(verdict=ProbeVerdict.ABSENT)

    def undo(self, call: Call) -> Completed:
        return Completed()


if __name__ == "__main__":
    run(connector="noop", adapters={"noop": Noop}, environ=os.environ)
