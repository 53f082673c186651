"""`python -m connector_erp`: the connector as a process of its own."""

import os

from connector_erp.adapters import ADAPTERS
from service_kit.connector import run

if __name__ == "__main__":
    run(connector="erp", adapters=ADAPTERS, environ=os.environ)
