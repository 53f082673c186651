"""The ERP: SAP S/4HANA's OData v2 dialect."""
