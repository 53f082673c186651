"""What every connector is made of: adapters and mappings are its own, everything else is here.

run(connector="erp", adapters={"sap-s4": SapS4}, environ=os.environ)

call        what an adapter is asked           outcomes    how it says that it did not simply succeed
http        HTTP to a system, faults told apart   mapping  canonical documents <-> a vendor's fields
systems     systems.yaml                       events      polling for business events
inbox, rules, lease, lanes, worker             each effect once, however often a command is delivered
operations  one operation on one system        door        the same operations by REST
"""

from service_kit.connector.call import AdapterFactory, Call
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.connector.process import Connector, Settings, create_app, create_worker, run
from service_kit.connector.systems import System, Systems

__all__ = [
    "AdapterFactory",
    "Call",
    "Connector",
    "NotApplied",
    "Refused",
    "Settings",
    "System",
    "Systems",
    "Uncertain",
    "create_app",
    "create_worker",
    "run",
]
