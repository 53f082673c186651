"""Throughline command line and embedded mode."""
