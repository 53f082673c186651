"""Dotted paths into JSON objects: the targets of mappings."""

from collections.abc import Mapping
from typing import Any


def put(root: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `root` with `value` at dotted `path`; objects on the way are copied or made, other values replaced."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**root, head: value}
    inner = root.get(head)
    return {**root, head: put(dict(inner) if isinstance(inner, Mapping) else {}, rest, value)}
