"""What all facts have in common."""

import msgspec


class Told(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="fact"):
    """One thing that happened; on the wire its name is in the field `fact`."""
