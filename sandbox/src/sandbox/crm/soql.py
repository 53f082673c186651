"""A small SOQL: `SELECT paths FROM type [WHERE a AND b] [ORDER BY paths] [LIMIT n]`, with relations and children.

Parsing is strict about fields and types, and knows nothing about storage.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clock import milliseconds
from sandbox.crm.errors import SalesforceError
from sandbox.crm.schema import CHILDREN, SOBJECTS, SObject, Type, long_id

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<op><=|>=|!=|<>|=|<|>)|(?P<word>[A-Za-z_][\w.]*)|(?P<mark>[(),]))"
)


@dataclass(frozen=True)
class Condition:
    """`path operator value`; date-times are milliseconds."""

    path: str
    operator: str
    value: Any

    def holds(self, actual: Any) -> bool:
        """Whether a value meets the condition; text compares without case, and nothing is greater or less than null."""
        wanted = self.value
        if self.operator == "IN":
            return any(Condition(self.path, "=", choice).holds(actual) for choice in wanted)
        if isinstance(actual, str) and isinstance(wanted, str):
            actual, wanted = actual.lower(), wanted.lower()
        if self.operator == "LIKE":
            return actual is not None and re.fullmatch(_like(wanted), actual) is not None
        if self.operator in ("=", "!="):
            return bool(actual == wanted) is (self.operator == "=")
        if actual is None or wanted is None:
            return False
        return bool(
            {"<": actual < wanted, "<=": actual <= wanted, ">": actual > wanted, ">=": actual >= wanted}[self.operator]
        )


@dataclass
class Query:
    """A parsed query."""

    sobject: SObject
    source: str
    paths: list[str] = field(default_factory=list)
    children: dict[str, "Query"] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None


def parse(text: str) -> Query:
    """Parses a query or raises `SalesforceError` with `MALFORMED_QUERY`, `INVALID_FIELD` or `INVALID_TYPE`."""
    parser = _Parser(_tokens(text))
    query = parser.query()
    if not parser.at_end():
        raise parser.unexpected()
    return query


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if not match or not match.lastgroup:
            raise SalesforceError(
                "MALFORMED_QUERY", f"unexpected token at position {position}: '{text[position:].strip()[:20]}'"
            )
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._position = tokens, 0

    def query(self, parent: str | None = None) -> Query:
        self._expect("SELECT")
        selected = self._selected()
        self._expect("FROM")
        name = self._word()
        query = Query(self._sobject(name, parent), name)
        for item in selected:
            if isinstance(item, int):
                child = self._child(item, query)
                query.children[child.source] = child
            else:
                query.paths.append(checked_path(query.sobject, item))
        self._clauses(query)
        return query

    def _child(self, start: int, parent: Query) -> Query:
        end, self._position = self._position, start
        child = self.query(parent=parent.sobject.name)
        self._expect(")")
        self._position = end
        return child

    def _selected(self) -> list[str | int]:
        """Paths, and for each sub-query the position at which it starts: its parent's type is not known yet."""
        selected: list[str | int] = []
        while True:
            if self._accept("("):
                selected.append(self._position)
                self._skip_parenthesis()
            else:
                selected.append(self._word())
            if not self._accept(","):
                return selected

    def _skip_parenthesis(self) -> None:
        depth = 1
        while depth:
            kind, value = self._next()
            depth += {"(": 1, ")": -1}.get(value, 0) if kind == "mark" else 0

    def _sobject(self, name: str, parent: str | None) -> SObject:
        if parent is not None:
            if (parent, name) not in CHILDREN:
                raise SalesforceError(
                    "INVALID_TYPE", f"Didn't understand relationship '{name}' in FROM part of query call."
                )
            return SOBJECTS[CHILDREN[parent, name][0]]
        if name not in SOBJECTS:
            raise SalesforceError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return SOBJECTS[name]

    def _clauses(self, query: Query) -> None:
        if self._accept("WHERE"):
            query.conditions.append(self._condition(query.sobject))
            while self._accept("AND"):
                query.conditions.append(self._condition(query.sobject))
        if self._accept("ORDER"):
            self._expect("BY")
            query.order.append(self._order_term(query.sobject))
            while self._accept(","):
                query.order.append(self._order_term(query.sobject))
        if self._accept("LIMIT"):
            kind, value = self._next()
            if kind != "number" or not value.isdigit():
                raise self.unexpected(-1)
            query.limit = int(value)

    def _order_term(self, sobject: SObject) -> tuple[str, bool]:
        path = checked_path(sobject, self._word())
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        return path, descending

    def _condition(self, sobject: SObject) -> Condition:
        path = checked_path(sobject, self._word())
        type_ = _type_of(sobject, path)
        kind, operator = self._next()
        if operator.upper() == "IN":
            self._expect("(")
            values = [self._literal(path, type_)]
            while self._accept(","):
                values.append(self._literal(path, type_))
            self._expect(")")
            return Condition(path, "IN", values)
        if kind != "op" and operator.upper() != "LIKE":
            raise self.unexpected(-1)
        return Condition(path, operator.upper().replace("<>", "!="), self._literal(path, type_))

    def _literal(self, path: str, type_: Type) -> Any:
        kind, value = self._next()
        if kind == "word" and value.lower() == "null":
            return None
        wanted = {Type.DATETIME: "moment", Type.DATE: "date", Type.NUMBER: "number", Type.BOOLEAN: "word"}.get(
            type_, "text"
        )
        if kind != wanted:
            message = f"value of filter criterion for field '{path}' must be of type {type_.value}"
            raise SalesforceError("INVALID_FIELD", message)
        if kind == "moment":
            return milliseconds(datetime.fromisoformat(value))
        if kind == "text":
            plain = re.sub(r"\\(.)", r"\1", value[1:-1])
            return long_id(plain) if type_ is Type.ID else plain
        if kind == "word":
            return value.lower() == "true"
        return float(value) if kind == "number" else value

    def _next(self) -> tuple[str, str]:
        if self.at_end():
            raise SalesforceError("MALFORMED_QUERY", "unexpected end of query")
        self._position += 1
        return self._tokens[self._position - 1]

    def _word(self) -> str:
        kind, value = self._next()
        if kind != "word":
            raise self.unexpected(-1)
        return value

    def _accept(self, word: str) -> bool:
        if self.at_end():
            return False
        kind, value = self._tokens[self._position]
        found = kind in ("word", "mark") and value.upper() == word
        self._position += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self.unexpected()

    def at_end(self) -> bool:
        return self._position >= len(self._tokens)

    def unexpected(self, offset: int = 0) -> SalesforceError:
        index = self._position + offset
        found = self._tokens[index][1] if index < len(self._tokens) else "<EOF>"
        return SalesforceError("MALFORMED_QUERY", f"unexpected token: '{found}'")


def checked_path(sobject: SObject, path: str) -> str:
    """The path, if it leads to a field of the type or of one related to it."""
    _type_of(sobject, path)
    return path


def _type_of(sobject: SObject, path: str) -> Type:
    head, dot, rest = path.partition(".")
    if dot and head in sobject.relations:
        return _type_of(SOBJECTS[sobject.relations[head][0]], rest)
    if path not in sobject.fields:
        raise SalesforceError("INVALID_FIELD", f"No such column '{path}' on entity '{sobject.name}'.")
    return sobject.fields[path].type


def _like(pattern: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
