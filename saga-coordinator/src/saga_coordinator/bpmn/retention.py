"""How long a process says its ended instances are kept: `tl:retention`."""

from saga_coordinator.bpmn.context import Context
from saga_coordinator.bpmn.events import process_extension
from saga_coordinator.bpmn.findings import Rule
from saga_coordinator.bpmn.xmltree import Node
from saga_coordinator.engine.process import Retention
from saga_coordinator.periods import EVER, NEVER, is_period

_FLAGS = {"true": True, "false": False}


def read(process: Node, context: Context) -> Retention:
    """What it says; what it leaves open is the installation's to say."""
    node = process_extension(process, "retention")
    if node is None:
        return Retention()
    after, archive, keys = node.get("after"), node.get("archive"), node.get("keys")
    for name, text, word in (("after", after, NEVER), ("keys", keys, EVER)):
        if text is not None and not is_period(text, word):
            message = f"tl:retention {name}: {text!r} is neither a duration like P90D nor {word!r}"
            context.findings.add(Rule.BAD_EXTENSION, process.id, node.line, message)
    if archive is not None and archive not in _FLAGS:
        message = f"tl:retention archive: {archive!r} is neither true nor false"
        context.findings.add(Rule.BAD_EXTENSION, process.id, node.line, message)
    return Retention(after, _FLAGS.get(archive or ""), keys)
