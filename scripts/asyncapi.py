"""Writes `openapi/asyncapi.yaml` from the structs that travel, so that contract and code cannot differ.

python -m scripts.asyncapi            writes it
python -m scripts.asyncapi --check    1 if it would be different
"""

import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from service_kit import messages as m
from service_kit.broker.dead_letters import DEAD_LETTER, DeadLetter

TARGET = Path(__file__).parents[1] / "openapi" / "asyncapi.yaml"
HEADER = "# Written by `python -m scripts.asyncapi` from the structs in the code. Do not edit by hand.\n"
REFERENCE = "#/components/schemas/{name}"
ABOUT = """\
Everything is a CloudEvent 1.0 in JSON. One travels alone as application/cloudevents+json; several to the same queue
may travel together as application/cloudevents-batch+json. Queues are quorum queues, messages persistent, publishers
wait for confirms. Delivery is at least once and in any order: whoever receives recognises what it has had by `id`.
Times are integer milliseconds since the Unix epoch, UTC. `traceparent` carries the trace: one for each instance.
Whoever reads facts must expect names and fields that it does not know yet."""
CHANNELS = {
    "lane": (
        "lane.{lane}",
        "Inputs of the coordinators; lane = hash(root instance id) % lanes.",
        ["input", "reply"],
    ),
    "commands": ("commands.{connector}", "Commands for one connector (`commands.erp`).", ["command"]),
    "events": ("events", "Business events that no instance is known for yet.", ["event"]),
    "journal": (
        "journal",
        "The journals of all instances, for whoever follows them (the monitor).",
        ["journalEntry", "entriesForgotten"],
    ),
    "deadLetters": ("dead-letters", "What nobody could handle, with the reason.", ["deadLetter"]),
}
PARAMETERS = {
    "lane": {"lane": {"description": "0 to lanes - 1 (8 lanes by default)."}},
    "commands": {"connector": {"description": "The name of a connector: erp, crm, wms."}},
}
# message: (CloudEvents type, schema of `data`, what its id is)
MESSAGES = {
    "input": (i.INPUT_TYPE, "Input", "The input's id; unique in its instance's journal."),
    "reply": (m.REPLY, "Reply", "`{command}:r`, or `{command}:late` for the result of an accepted step."),
    "command": (m.COMMAND, "Command", "`{instance}.{step}.{attempt}`, then `p{n}` for the n-th probe of that attempt."),
    "event": (None, None, "The source's own; it makes the event recognisable when it comes again."),
    "journalEntry": (m.JOURNAL_ENTRY, "JournalEntry", "`{instance}:{seq}`."),
    "entriesForgotten": (m.ENTRIES_FORGOTTEN, "EntriesForgotten", "The same for the same entries."),
    "deadLetter": (DEAD_LETTER, "DeadLetter", "The same for the same event of the same queue."),
}
TEXT = {"type": "string"}
CLOUD_EVENT = {
    "type": "object",
    "description": m.CloudEvent.__doc__,
    "required": ["id", "source", "type", "specversion"],
    "properties": {
        **{name: TEXT for name in m.CloudEvent.__struct_fields__ if name != "data"},
        "specversion": {"type": "string", "const": "1.0"},
        "data": {"description": "Any JSON."},
    },
}
DEAD_LETTER_DATA = {
    "type": "object",
    "description": DeadLetter.__doc__,
    "required": ["queue", "reason"],
    "properties": {
        "queue": TEXT,
        "reason": TEXT,
        "deliveries": {"type": "integer", "default": 1},
        "event": {"$ref": "#/components/schemas/CloudEvent"},
        "body": {"type": "string", "contentEncoding": "base64"},
    },
}


def document() -> dict[str, Any]:
    """The whole contract."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Throughline messages",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "description": ABOUT,
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {name: _channel(name) for name in CHANNELS},
        "operations": _operations(),
        "components": {"messages": {name: _message(name) for name in MESSAGES}, "schemas": _schemas()},
    }


def _channel(name: str) -> dict[str, Any]:
    address, description, carried = CHANNELS[name]
    parameters = {"parameters": PARAMETERS[name]} if name in PARAMETERS else {}
    return {
        "address": address,
        "description": description,
        **parameters,
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in carried},
        "bindings": {"amqp": {"is": "queue", "queue": {"name": address, "durable": True, "exclusive": False}}},
    }


def _operations() -> dict[str, Any]:
    """From where an outside reader stands: what a connector and a follower of the journal do."""
    return {
        name: {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
        for name, action, channel, summary in [
            ("takeCommand", "receive", "commands", "A connector takes its commands."),
            ("reply", "send", "lane", "A connector answers to the command's `reply_to`."),
            ("publishEvent", "send", "events", "A connector or the gateway tells what happened in a system."),
            ("followJournal", "receive", "journal", "The monitor follows every instance."),
        ]
    }


def _message(name: str) -> dict[str, Any]:
    type_, schema, id_ = MESSAGES[name]
    own: dict[str, Any] = {"id": {"type": "string", "description": id_}}
    if type_:
        own["type"] = {"type": "string", "const": type_}
    if schema:
        own["data"] = {"$ref": REFERENCE.format(name=schema)}
    payload = {"allOf": [{"$ref": REFERENCE.format(name="CloudEvent")}, {"type": "object", "properties": own}]}
    return {"name": type_ or name, "contentType": "application/cloudevents+json", "payload": payload}


def _schemas() -> dict[str, Any]:
    schemas = _components([m.Command, m.Reply, m.JournalEntry, m.EntriesForgotten], set())
    schemas |= _components([f.Fact], set())
    schemas |= _components([i.Input], set(schemas))
    schemas["CloudEvent"] = CLOUD_EVENT
    schemas["DeadLetter"] = DEAD_LETTER_DATA
    inputs = [each.__name__ for each in i.Input.__args__]
    schemas["Input"] = _one_of([_input_name(name, set(schemas)) for name in inputs], "input")
    schemas["Fact"] = _one_of([each.__name__ for each in f.Fact.__args__], "fact")
    entry = schemas["JournalEntry"]["properties"]
    entry["input"] = {"$ref": REFERENCE.format(name="Input")}
    entry["facts"] = {"type": "array", "items": {"$ref": REFERENCE.format(name="Fact")}}
    return {name: _tidy(schema) for name, schema in sorted(schemas.items())}


def _components(types: list[Any], taken: set[str]) -> dict[str, Any]:
    """The schemas of these types; those with a name that is taken get `Input` after it."""
    _, found = msgspec.json.schema_components(types, ref_template=REFERENCE)
    renamed = {REFERENCE.format(name=name): REFERENCE.format(name=f"{name}Input") for name in found if name in taken}
    return {f"{name}Input" if name in taken else name: _renamed(schema, renamed) for name, schema in found.items()}


def _input_name(name: str, known: set[str]) -> str:
    return f"{name}Input" if f"{name}Input" in known else name


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    if isinstance(schema, dict):
        return {key: _renamed(value, names) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_renamed(value, names) for value in schema]
    return names.get(schema, schema) if isinstance(schema, str) else schema


def _tidy(schema: Any) -> Any:
    """Docstrings without their indentation, and discriminators as AsyncAPI has them: a name."""
    if isinstance(schema, list):
        return [_tidy(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = inspect.cleandoc(tidy["description"])
    if isinstance(discriminator := tidy.get("discriminator"), dict) and "propertyName" in discriminator:
        tidy["discriminator"] = discriminator["propertyName"]
    return tidy


def _one_of(names: list[str], tag: str) -> dict[str, Any]:
    return {"oneOf": [{"$ref": REFERENCE.format(name=name)} for name in names], "discriminator": tag}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def main() -> int:
    """Write it, or say whether it is up to date."""
    text = HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text("utf-8") != text)
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
