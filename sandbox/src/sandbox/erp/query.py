"""The system query options of a read."""

from collections.abc import Mapping
from typing import Any

from sandbox.erp.odata import INVALID_PROPERTY, INVALID_REQUEST, Entity, ODataError, parse_filter
from sandbox.erp.schema import Property

_KNOWN = {"$filter", "$select", "$expand", "$top", "$skip", "$orderby", "$inlinecount", "$format"}


class Query:
    """The system query options of a read; anything else with a `$` is refused."""

    def __init__(
        self, options: Mapping[str, str], properties: Mapping[str, Property], navigation: tuple[str, ...] = ()
    ) -> None:
        if unknown := [name for name in options if name.startswith("$") and name not in _KNOWN]:
            raise ODataError(INVALID_REQUEST, f"Invalid system query option '{unknown[0]}'")
        if options.get("$format", "json") != "json":
            raise ODataError(INVALID_REQUEST, "Only JSON is simulated", 415)
        self._properties, self._navigation = properties, navigation
        self.conditions = parse_filter(options["$filter"], properties) if options.get("$filter") else []
        self.expand = _names(options, "$expand", navigation)
        self.select = _names(options, "$select", (*properties, *navigation, "*"))
        self.top, self.skip = _count(options, "$top"), _count(options, "$skip") or 0
        self.inline_count = options.get("$inlinecount") == "allpages"
        self._order = options.get("$orderby", "")

    def page(self, entities: list[Entity]) -> list[Entity]:
        """The entities in the order asked for, and only the page asked for."""
        for term in reversed([term for term in self._order.split(",") if term.strip()]):
            name, _, direction = term.strip().partition(" ")
            if name not in self._properties or direction not in ("", "asc", "desc"):
                raise ODataError(INVALID_PROPERTY, f"Invalid order '{term.strip()}'", target=name)
            entities = sorted(entities, key=lambda entity: _sortable(entity.get(name)), reverse=direction == "desc")
        end = None if self.top is None else self.skip + self.top
        return entities[self.skip : end]

    def chosen(self, rendered: Entity) -> Entity:
        """Only the selected properties; `__metadata` always."""
        if not self.select or "*" in self.select:
            return rendered
        return {name: value for name, value in rendered.items() if name == "__metadata" or name in self.select}


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _names(options: Mapping[str, str], option: str, known: tuple[str, ...]) -> list[str]:
    names = [name.strip() for name in options.get(option, "").split(",") if name.strip()]
    for name in names:
        if name.split("/")[0] not in known:
            raise ODataError(INVALID_PROPERTY, f"Property '{name}' is invalid in {option}", target=name)
    return [name.split("/")[0] for name in names]


def _count(options: Mapping[str, str], option: str) -> int | None:
    text = options.get(option)
    if text is None:
        return None
    if not text.isdigit():
        raise ODataError(INVALID_REQUEST, f"Invalid value '{text}' for {option}")
    return int(text)
