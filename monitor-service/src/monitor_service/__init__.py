"""Throughline monitor: what happened, searchable."""
