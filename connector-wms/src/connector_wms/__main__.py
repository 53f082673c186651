"""`python -m connector_wms`: the connector as a process of its own."""

import os

from connector_wms.adapters import ADAPTERS
from service_kit.connector import run

if __name__ == "__main__":
    run(connector="wms", adapters=ADAPTERS, environ=os.environ)
