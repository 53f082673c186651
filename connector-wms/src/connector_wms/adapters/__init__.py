"""Adapters, one per vendor, by the name that `systems.yaml` calls them."""

from connector_wms.adapters.staging_tables import StagingTables
from service_kit.connector.call import AdapterFactory

ADAPTERS: dict[str, AdapterFactory] = {"staging-tables": StagingTables}
