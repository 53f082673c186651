"""Adapters, one per vendor, by the name that `systems.yaml` calls them."""

from connector_erp.adapters.sap_s4 import SapS4
from service_kit.connector.call import AdapterFactory

ADAPTERS: dict[str, AdapterFactory] = {"sap-s4": SapS4}
