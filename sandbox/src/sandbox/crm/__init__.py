"""The CRM: Salesforce's REST dialect."""
