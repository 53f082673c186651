"""Throughline connector for ERP systems."""
