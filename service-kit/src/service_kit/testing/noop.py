"""A connector that does nothing, at full speed: for benchmarks and for trying the coordinator.

python -m service_kit.testing.noop        # DATABASE_URL, BROKER_URL
"""

import json
import os
import signal
import sys
import threading

from sqlalchemy import Engine

from service_kit.broker import Broker, connect
from service_kit.catalogue import Catalogue, Effect, Operation, Undo
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.process import Connector, Settings, create_worker
from service_kit.connector.systems import System, Systems
from service_kit.messages import Completed, Probed, ProbeVerdict

CATALOGUE = Catalogue(
    [
        Operation("noop.create", "noop", Effect.CREATE, undo=Undo("noop.undo"), probe=True, summary="Creates nothing"),
        Operation("noop.undo", "noop", Effect.IDEMPOTENT, summary="Undoes nothing"),
        Operation("noop.read", "noop", Effect.READ, summary="Reads nothing"),
    ]
)


class Noop:
    """Everything succeeds at once."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        self._system = system

    def create(self, call: Call) -> Completed:
        """Answers with the hub key as the document's number."""
        return Completed(output={"number": call.hub_key}, references={"document": call.hub_key})

    def probe_create(self, call: Call) -> Probed:
        """Nothing was ever created."""
        return Probed(verdict=ProbeVerdict.ABSENT)

    def undo(self, call: Call) -> Completed:
        """Succeeds."""
        return Completed()

    def read(self, call: Call) -> Completed:
        """Gives the input back."""
        return Completed(output=call.input)


def create_noop_worker(settings: Settings, broker: Broker, engine: Engine | None = None) -> Connector:
    """The connector `noop` with its one system `noop`."""
    systems = Systems("noop", systems={"noop": System(name="noop", connector="noop", adapter="noop")})
    return create_worker(
        settings,
        broker,
        connector="noop",
        adapters={"noop": Noop},
        catalogue=CATALOGUE,
        systems=systems,
        engine=engine,
    )


def main() -> None:
    """Until SIGTERM or SIGINT; prints one line of JSON when it works."""
    settings = Settings.from_env(os.environ)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    broker = connect(settings.broker_url, name="connector-noop")
    connector = create_noop_worker(settings, broker)
    connector.start()
    sys.stdout.write(json.dumps({"ready": "noop"}) + "\n")
    sys.stdout.flush()
    stopping.wait()
    connector.stop()
    broker.close()


if __name__ == "__main__":
    main()
