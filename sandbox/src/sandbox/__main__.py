"""`python -m sandbox`: runs until SIGTERM or SIGINT; prints its addresses as one JSON line when ready."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from sandbox.errors import BadSetting
from sandbox.process import start
from sandbox.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a sandbox; 2 when a setting cannot be used."""
    try:
        settings = _settings(arguments)
    except BadSetting as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    sandbox = start(settings)
    addresses = {"admin_url": sandbox.admin.url, "erp_url": sandbox.erp.url, "crm_url": sandbox.crm.url}
    data = str(settings.data.absolute())
    print(
        json.dumps({"ready": True, "pid": os.getpid(), **addresses, "wms_url": sandbox.wms_url, "data": data}),
        flush=True,
    )
    stopping.wait()
    sandbox.close()
    return 0


def _settings(arguments: Sequence[str] | None) -> Settings:
    settings = Settings.from_env(os.environ)
    parser = argparse.ArgumentParser(prog="sandbox", description="Simulated ERP, CRM and WMS.")
    parser.add_argument("--host", default=settings.host)
    parser.add_argument("--port", type=int, default=settings.port, help="0 = free ports; N = admin N, ERP N+1, CRM N+2")
    parser.add_argument("--data", type=Path, default=settings.data, help="directory of the books")
    given = parser.parse_args(arguments)
    return replace(settings, host=given.host, port=given.port, data=given.data)


if __name__ == "__main__":
    sys.exit(main())
