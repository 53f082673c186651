"""The engine is pure: it imports the standard library (no clock, no randomness, no IO) and msgspec only."""

import ast
from pathlib import Path

import pytest

import saga_coordinator.engine

ALLOWED = {
    "base64", "bisect", "calendar", "collections", "datetime", "enum", "hashlib", "itertools", "msgspec", "re",
    "typing",
}  # fmt: skip
FILES = sorted(Path(saga_coordinator.engine.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_module_of_the_engine_imports_nothing_impure(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")

    foreign = {name for name in imported if not name.startswith("saga_coordinator.engine")}

    assert {name.partition(".")[0] for name in foreign} <= ALLOWED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_module_of_the_engine_never_asks_the_clock(path: Path) -> None:
    calls = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}

    assert not calls & {"now", "utcnow", "today"} - {"now"} or path.stem == "times"
    assert "utcnow" not in calls


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_everything_public_in_the_engine_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    public = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]

    assert ast.get_docstring(tree)
    assert [node.name for node in public if not ast.get_docstring(node)] == []
