"""From where tokens can still come to an inclusive gateway (BPMN 2.0, 13.4.3)."""

from collections.abc import Iterable, Mapping


def upstream(
    gateway: str, incoming: Iterable[str], following: Mapping[str, Iterable[str]]
) -> tuple[frozenset[str], ...]:
    """For each of the nodes `incoming` of the gateway: itself and every node from which a token can come to it without
    passing the gateway. `following` says where tokens go from each node."""
    before: dict[str, list[str]] = {}
    for node, nexts in following.items():
        for after in nexts:
            before.setdefault(after, []).append(node)
    return tuple(_backwards(source, gateway, before) for source in incoming)


def _backwards(source: str, gateway: str, before: Mapping[str, list[str]]) -> frozenset[str]:
    reached: set[str] = set()
    pending = [source]
    while pending:
        node = pending.pop()
        if node != gateway and node not in reached:
            reached.add(node)
            pending += before.get(node, [])
    return frozenset(reached)
