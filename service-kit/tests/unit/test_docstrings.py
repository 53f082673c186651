"""Everything public in service-kit says what its signature cannot."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import service_kit

FILES = [path for path in sorted(Path(service_kit.__path__[0]).rglob("*.py")) if "migrations" not in path.parts]


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes, and the public methods of public classes."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_everything_public_in_service_kit_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())

    assert ast.get_docstring(tree)
    assert [node.name for node in public(tree.body) if not ast.get_docstring(node)] == []
