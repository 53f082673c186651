"""Throughline connector for WMS systems."""
