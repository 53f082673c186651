"""Throughline gateway: the one door."""
