"""Throughline connector for CRM systems."""
