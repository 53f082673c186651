"""The vendor's system: it applies what reaches it, its index lags, and what it was sent may arrive late or never."""

from e2e.model.world import Call, Connector, Document, Work, World
from service_kit.connector.outcomes import NotApplied, Refused, Uncertain
from service_kit.messages import Completed, Probed, ProbeVerdict

GONE = Uncertain("no answer")
DOWN = NotApplied("down")
REFUSED = Refused("REFUSED")


def send(world: World, call: Call) -> World:
    """The request leaves the connector."""
    return world._replace(calls=tuple(sorted((*world.calls, call))))


def land(world: World, call: Call, *, visible: bool) -> World:
    """The request is applied. Nobody learns of it who does not wait any more."""
    left = [other for other in world.calls if other is not call]
    if call.waiting:
        left.append(call._replace(state="landed late" if call.state == "late" else "landed"))
    documents = _undone(world, call) if _is_undo(call) else (*world.documents, _document(world, call, visible=visible))
    return world._replace(calls=tuple(sorted(left)), documents=documents)


def forget(world: World, call: Call) -> World:
    """Its sender has its answer."""
    return world._replace(calls=tuple(other for other in world.calls if other is not call))


def abandon(world: World, commands: set[str], *, owner: str) -> World:
    """The sender is gone: what has not landed may land still."""
    calls = [
        call._replace(waiting=False) if call.command in commands and call.owner == owner else call
        for call in world.calls
    ]
    return world._replace(calls=tuple(sorted(call for call in calls if call.waiting or call.state == "out")))


def settle(world: World, straggler: Call | None = None) -> World:
    """So much time passes that what was sent has landed or never will, and the index knows everything. `straggler`
    takes longer."""
    calls = []
    for call in world.calls:
        if call is straggler:
            calls.append(call._replace(state="late"))
        elif call.state != "out":
            calls.append(call)
        elif call.waiting:
            calls.append(call._replace(state="gone"))
    documents = tuple(document._replace(visible=True) for document in world.documents)
    return world._replace(calls=tuple(sorted(calls)), documents=documents)


def answer(world: World, call: Call, *, names: bool) -> Completed:
    """What the system answers when it has applied the request."""
    if _is_undo(call):
        return Completed()
    document = next(document for document in world.documents if document.id.startswith(call.command + "#"))
    return Completed(output={"doc": document.id}, references=_references(document.id) if names else {})


def probe(world: World, hub_key: str, *, names: bool) -> Probed:
    """What the index knows of the key, but for what was undone; told in other words than by the create."""
    found = [d.id for d in world.documents if d.hub_key == hub_key and d.visible and not d.undone]
    if not found:
        return Probed(verdict=ProbeVerdict.ABSENT)
    if len(found) > 1:
        return Probed(verdict=ProbeVerdict.SEVERAL, documents=found)
    references = _references(found[0]) if names else {}
    return Probed(verdict=ProbeVerdict.APPLIED, output={"doc": found[0], "found": True}, references=references)


def _references(document: str) -> dict[str, str]:
    return {"document": document}


def call_of(world: World, connector: Connector, work: Work) -> Call:
    """The request of a job that was sent."""
    return next(call for call in world.calls if call.command == work.command and call.owner == connector.owner)


def _is_undo(call: Call) -> bool:
    return call.method.endswith("_undo")


def _document(world: World, call: Call, *, visible: bool) -> Document:
    twins = sum(document.id.startswith(call.command + "#") for document in world.documents)
    return Document(f"{call.command}#{twins + 1}", call.target, visible)


def _undone(world: World, call: Call) -> tuple[Document, ...]:
    return tuple(d._replace(undone=True) if d.id == call.target else d for d in world.documents)
