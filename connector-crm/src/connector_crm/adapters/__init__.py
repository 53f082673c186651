"""Adapters, one per vendor, by the name that `systems.yaml` calls them."""

from connector_crm.adapters.salesforce import Salesforce
from service_kit.connector.call import AdapterFactory

ADAPTERS: dict[str, AdapterFactory] = {"salesforce": Salesforce}
