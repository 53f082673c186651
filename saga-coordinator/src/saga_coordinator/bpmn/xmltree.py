"""XML as a tree that remembers line numbers, read without DTD, entities or unbounded input."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 200

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
TL = "urn:throughline:bpmn:1"
_SEPARATOR = " "


class MalformedXml(Exception):
    """The bytes are not XML that may be read; `line` is where reading stopped."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True, eq=False)
class Node:
    """An XML element: namespace, local name, attributes (`name`, or `namespace name` for a prefixed one)."""

    namespace: str
    name: str
    attributes: dict[str, str]
    line: int
    children: list["Node"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The element's own text, without surrounding white space."""
        return "".join(self.pieces).strip()

    @property
    def id(self) -> str:
        """The `id` attribute, empty where there is none."""
        return self.attributes.get("id", "")

    def get(self, name: str) -> str | None:
        """A plain attribute."""
        return self.attributes.get(name)

    def tl(self, name: str) -> str | None:
        """An attribute of the `tl` vocabulary."""
        return self.attributes.get(f"{TL}{_SEPARATOR}{name}")

    @property
    def tl_names(self) -> list[str]:
        """The names of its attributes of the `tl` vocabulary."""
        return [key.removeprefix(f"{TL}{_SEPARATOR}") for key in self.attributes if key.startswith(f"{TL}{_SEPARATOR}")]

    def bpmn(self, *names: str) -> Iterator["Node"]:
        """Children of the BPMN model namespace, of these names (none: all)."""
        return (child for child in self.children if child.namespace == BPMN and (not names or child.name in names))

    def first(self, name: str) -> "Node | None":
        """The first BPMN child of that name."""
        return next(self.bpmn(name), None)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean attribute (`true`, `1`, `false`, `0`)."""
        value = self.attributes.get(name)
        return default if value is None else value.strip() in {"true", "1"}

    def walk(self) -> Iterator["Node"]:
        """This element and everything below it, in file order."""
        yield self
        for child in self.children:
            yield from child.walk()


class _Builder:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._forbidden
        self.parser.EntityDeclHandler = self._forbidden
        self.parser.ExternalEntityRefHandler = self._forbidden
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.root: Node | None = None
        self._open: list[Node] = []

    def _forbidden(self, *_: object) -> int:
        raise MalformedXml("document types and entities are not allowed", self.parser.CurrentLineNumber)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(_SEPARATOR)
        node = Node(namespace, name, attributes, self.parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)
        if len(self._open) > MAX_DEPTH:
            raise MalformedXml(f"elements are nested deeper than {MAX_DEPTH}", node.line)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].pieces.append(text)


def read(xml: bytes) -> Node:
    """Parse `xml` and return its root element. Raises `MalformedXml`."""
    if len(xml) > MAX_BYTES:
        raise MalformedXml(f"larger than {MAX_BYTES // 1024 // 1024} MB", 1)
    builder = _Builder()
    try:
        builder.parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise MalformedXml(expat.ErrorString(error.code), error.lineno) from error
    except (ValueError, LookupError) as error:
        raise MalformedXml(str(error), builder.parser.CurrentLineNumber) from error
    if builder.root is None:
        raise MalformedXml("no element found", 1)
    return builder.root
