"""`on: ADDR`: the host token that an event is meant for, where several tokens wait for it."""

from collections.abc import Callable, Iterator

from saga_coordinator.engine.state import Step
from saga_coordinator.scenarios.language import Address
from saga_coordinator.scenarios.run import Run


def hosted(run: Run, host: Address) -> Callable[[Step], bool]:
    """Whether a step that waits for the event belongs to the host: it is the host, or something that the host is
    inside of, or inside the host; an event sub-process belongs to everything on its level."""
    named = run.matching(Address(host.element))
    items = [scope for step in named for scope in _items_inside(run, step)]
    if host.item is not None:
        items = [scope for scope in items if run.live.scopes[scope].item == host.item]
        named = [] if items else run.matching(host)
    if host.nth is not None:
        items, named = items[host.nth - 1 : host.nth], [] if items else named[host.nth - 1 : host.nth]
    if items:
        return lambda step: not set(items).isdisjoint(_scopes(run, step.scope))
    around = {owner.id for step in named for owner in run.around(step)}
    inside = {step.inside for step in named if step.inside is not None}
    levels = {scope for step in named for scope in _scopes(run, step.scope)}
    return lambda step: (
        step.id in around or not inside.isdisjoint(_scopes(run, step.scope)) or (step.listens and step.scope in levels)
    )


def _items_inside(run: Run, step: Step) -> list[int]:
    """The scopes of the items of a sub-process that is done several times, oldest first."""
    scopes = run.live.scopes
    if step.inside is None or step.inside not in scopes or scopes[step.inside].rounds is None:
        return []
    return sorted(id_ for id_, scope in scopes.items() if scope.parent == step.inside and scope.item is not None)


def _scopes(run: Run, scope: int) -> Iterator[int]:
    """The scope and those around it."""
    while scope in run.live.scopes:
        yield scope
        scope = run.live.scopes[scope].parent
