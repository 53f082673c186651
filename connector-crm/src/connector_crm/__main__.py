"""`python -m connector_crm`: the connector as a process of its own."""

import os

from connector_crm.adapters import ADAPTERS
from service_kit.connector import run

if __name__ == "__main__":
    run(connector="crm", adapters=ADAPTERS, environ=os.environ)
