"""Throughline saga coordinator: runs processes as sagas."""
