"""What of a process is secret: the paths of variables that it names, and the fields that schemas mark `x-secret`.

A secret may be moved, never computed with: what leads into or out of a secret place must be a plain path, so that it
is known where the secret comes in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.diagram import Diagram
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.engine.process import FieldMapping, SecretFields, Task
from saga_coordinator.mapped_paths import overlaps, path_of, source_path
from service_kit.sealing import secret_paths

_PATH = re.compile(r"[^.\s,]+(\.[^.\s,]+)*")


def read(
    diagram: Diagram, details: Mapping[str, Task], context: Context
) -> tuple[tuple[str, ...], dict[str, SecretFields]]:
    """The secret variables, and the secret fields by operation."""
    fields = _fields(details.values(), context)
    secrets = set(_declared(diagram, context))
    for id_, task in details.items():
        secrets |= _sources(diagram, id_, task, fields, context)
        _add_undone(task, fields)
    if secrets:
        for id_, task in details.items():
            _check_targets(diagram, id_, task, secrets, context)
    return tuple(sorted(secrets)), fields


def _declared(diagram: Diagram, context: Context) -> Iterator[str]:
    node = diagram.process
    text = node.tl("secrets")
    for path in (text or "").split(",") if text is not None else ():
        if _PATH.fullmatch(path.strip()):
            yield path.strip()
        else:
            context.findings.add(Rule.BAD_EXTENSION, node.id, node.line, f"tl:secrets: {path!r} is no dotted path")


def _fields(tasks: Iterable[Task], context: Context) -> dict[str, SecretFields]:
    names = set()
    for task in tasks:
        operation = task.operation
        undos = [undo for undo in (task.undo, operation.undo if operation else None) if undo is not None]
        names |= {known.name for known in [operation, *(undo.operation for undo in undos)] if known is not None}
    found = {}
    for name in sorted(names):
        known = context.catalogue.get(name) if context.catalogue is not None else None
        if known is not None:
            fields = SecretFields(_marked(known.input_schema), _marked(known.output_schema))
            if fields.inputs or fields.outputs:
                found[name] = fields
    return found


def _marked(schema: dict[str, Any] | None) -> tuple[str, ...]:
    return tuple(sorted({".".join(path) for path in secret_paths(schema)}))


def _sources(diagram: Diagram, id_: str, task: Task, fields: Mapping[str, SecretFields], context: Context) -> set[str]:
    """The variables that go into secret fields of the task's operation: they are secret, too."""
    marked = fields.get(task.operation.name) if task.operation else None
    found = set()
    for mapping in task.inputs if marked else ():
        target, source = path_of(mapping.target), source_path(mapping.source.source)
        for field in map(path_of, marked.inputs if marked else ()):
            if not overlaps(target, field):
                continue
            if source is None:
                _computed(diagram, id_, mapping, f"the field {'.'.join(field)} is secret", context)
            elif source + field[len(target) :]:
                found.add(".".join(source + field[len(target) :]))
    return found


def _add_undone(task: Task, fields: dict[str, SecretFields]) -> None:
    """What an undo that the diagram declares takes from the output into a secret field is secret there."""
    if task.undo is None or task.operation is None or task.undo.operation.name not in fields:
        return
    outputs = set()
    for mapping in task.undo.inputs:
        source, target = source_path(mapping.source.source), path_of(mapping.target)
        for field in map(path_of, fields[task.undo.operation.name].inputs):
            if source is not None and source[:1] == ("output",) and overlaps(target, field):
                outputs.add(".".join(source[1:] + field[len(target) :]))
    if outputs:
        known = fields.get(task.operation.name, SecretFields())
        fields[task.operation.name] = SecretFields(known.inputs, tuple(sorted({*known.outputs, *outputs})))


def _check_targets(diagram: Diagram, id_: str, task: Task, secrets: set[str], context: Context) -> None:
    for mapping in task.outputs:
        source = mapping.source.source.strip()
        if source_path(source) is None and source_path(source.removeprefix("$variables.")) is None:
            for secret in _hit(mapping.target, secrets):
                _computed(diagram, id_, mapping, f"the variable {secret} is secret", context)
    if (task.script is not None or task.decision is not None) and task.result:
        for secret in _hit(task.result, secrets):
            who = "script" if task.script is not None else "decision"
            message = f"the variable {secret} is secret: a {who} cannot write it"
            context.findings.add(Rule.BAD_EXTENSION, id_, diagram.parts[id_].node.line, message)


def _hit(target: str, secrets: set[str]) -> list[str]:
    return [secret for secret in sorted(secrets) if target and overlaps(path_of(target), path_of(secret))]


def _computed(diagram: Diagram, id_: str, mapping: FieldMapping, why: str, context: Context) -> None:
    message = f"{why}: {mapping.source.source!r} is more than a path"
    context.findings.add(Rule.BAD_EXTENSION, id_, diagram.parts[id_].node.line, message)
