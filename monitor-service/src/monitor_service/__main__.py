"""The monitor's process: `python -m monitor_service`."""

import gc
import os
import signal
import threading

import structlog

from monitor_service.monitor import create_monitor
from monitor_service.settings import Settings
from service_kit.broker import connect
from service_kit.database import open_engine
from service_kit.http.server import EmbeddedServer
from service_kit.logs import configure
from service_kit.tracing import configure_from

log = structlog.get_logger("monitor_service")


def main() -> None:
    """Follow the journal and serve the API until told to stop by SIGTERM or SIGINT."""
    settings = Settings.from_env(os.environ)
    configure("monitor-service", settings.log_level)
    configure_from(os.environ, "monitor-service")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    broker = connect(settings.broker_url, name=settings.name)
    store = open_engine(settings.database_url, pool_size=8)
    monitor = create_monitor(settings, broker, store)
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # summaries are many values without cycles: do not walk them again and again
    monitor.start()
    try:
        with EmbeddedServer(monitor.app, *settings.address) as server:
            log.info("monitor.serves", address=server.url)
            stop.wait()
    finally:
        monitor.stop()
        broker.close()
        store.dispose()


if __name__ == "__main__":
    main()
