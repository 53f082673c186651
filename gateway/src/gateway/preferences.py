"""The `Prefer` header (RFC 7240): how long the caller is ready to wait. What cannot be read is ignored, as it says."""

import re

import msgspec

LONGEST_WAIT = 60.0
_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?')


class Preference(msgspec.Struct, frozen=True):
    """`respond_async`: do not wait at all. `wait`: seconds to wait for the end, None: only for the record."""

    respond_async: bool = False
    wait: float | None = None


def read_preference(header: str | None) -> Preference:
    """What `Prefer` asks for."""
    respond_async, wait = False, None
    for part in re.split(r"[,;]", header or ""):
        wish = part.strip().lower()
        if wish == "respond-async":
            respond_async = True
        elif match := _WAIT.fullmatch(wish):
            wait = min(float(match[1]), LONGEST_WAIT)
    return Preference(respond_async, wait)
