"""Simulators of a manufacturer's business systems that speak the vendors' dialects."""
