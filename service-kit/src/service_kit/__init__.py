"""The one library that every Throughline service shares."""
