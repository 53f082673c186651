"""Dotted paths, and the expressions that are no more than one."""

import re

Path = tuple[str, ...]
_SOURCE = re.compile(r"\$|(\$\.)?[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def path_of(dotted: str) -> Path:
    """The names of a dotted path; none of the empty one, which is everything."""
    return tuple(dotted.split(".")) if dotted else ()


def source_path(source: str) -> Path | None:
    """The path that a JSONata expression is; None where it is more than a path."""
    source = source.strip()
    if not _SOURCE.fullmatch(source):
        return None
    return path_of(source.removeprefix("$").removeprefix("."))


def overlaps(one: Path, other: Path) -> bool:
    """Whether one of the paths leads to the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
