"""Random, unstructured graphs of tasks and gateways, played by the engine and by a token game of its own.

The game is written from the tables of BPMN 2.0, section 13.4, and shares nothing with the engine. The specification
does not say which of two inclusive joins goes first where both can; graphs in which that happens are left out, and so
are those that never wait.
"""

import random
from collections import Counter, deque
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from saga_coordinator.scenarios import Runner
from service_kit import expressions

GRAPHS_PER_TEST, MOST_COMPLETIONS, MOST_MOVES = 100, 12, 300
KINDS = ["user", "user", "xor", "and", "or", "or"]
XML = {
    "start": "startEvent", "end": "endEvent", "user": "userTask",
    "xor": "exclusiveGateway", "and": "parallelGateway", "or": "inclusiveGateway",
}  # fmt: skip


class LeftOut(Exception):
    """The specification leaves the order open, or nothing ever waits."""


class Flow(NamedTuple):
    """A sequence flow; `condition` names the variable that decides, None: always or by default."""

    id: str
    source: str
    target: str
    condition: str | None = None


class Graph(NamedTuple):
    """Flow nodes by id (their kind), and flows in file order. The last flow out of a split is its default."""

    kinds: dict[str, str]
    flows: list[Flow]

    def out(self, node: str) -> list[Flow]:
        return [flow for flow in self.flows if flow.source == node]

    def into(self, node: str) -> list[Flow]:
        return [flow for flow in self.flows if flow.target == node]


def draw(rng: random.Random) -> Graph:
    middle = [f"n{number}" for number in range(rng.randint(4, 9))]
    kinds = {
        "s": "start",
        "e": "end",
        **{node: rng.choice(["user", "user", "xor", "and", "or", "or"]) for node in middle},
    }
    ends = [("s", middle[0])]
    for number, node in enumerate(middle):
        for _ in range(1 if kinds[node] == "user" else rng.choice([1, 2, 3])):
            forward = [*middle[number + 1 :], "e"]
            ends.append((node, rng.choice(forward if rng.random() < 0.8 else [*middle, "e"])))
    reached = {"s"}
    while more := {target for source, target in ends if source in reached} - reached:
        reached |= more
    if "e" not in reached:
        raise LeftOut
    flows = [Flow(f"f{number}", source, target) for number, (source, target) in enumerate(ends) if source in reached]
    return with_conditions(Graph({node: kind for node, kind in kinds.items() if node in reached}, flows))


def with_conditions(graph: Graph) -> Graph:
    decided = {
        flow.id: f"{node}_{number}"
        for node, kind in graph.kinds.items()
        if kind in {"xor", "or"}
        for number, flow in enumerate(graph.out(node)[:-1])
    }
    return Graph(graph.kinds, [flow._replace(condition=decided.get(flow.id)) for flow in graph.flows])


class Game:
    """Tokens: `waiting` on flows before joins, `working` at tasks, `moving` on their way."""

    def __init__(self, graph: Graph, variables: dict[str, bool]) -> None:
        self.graph, self.variables = graph, dict(variables)
        self.waiting: Counter[Flow] = Counter()
        self.working: Counter[str] = Counter()
        self.entered: Counter[str] = Counter("s")
        self.go(graph.out("s"))

    def complete(self, task: str, variables: dict[str, bool]) -> None:
        self.working[task] -= 1
        self.variables |= variables
        self.go(self.graph.out(task))

    def go(self, flows: list[Flow]) -> None:
        moving, moves = deque(flows), 0
        while moving or (joins := self.enabled_joins()):
            moves += 1
            if moves > MOST_MOVES or (not moving and len(joins) > 1):
                raise LeftOut
            moving += self.arrive(moving.popleft()) if moving else self.take(joins[0])

    def arrive(self, flow: Flow) -> list[Flow]:
        node, kind = flow.target, self.graph.kinds[flow.target]
        self.entered[node] += 1
        if kind == "user":
            self.working[node] += 1
        elif kind == "xor" or len(self.graph.into(node)) == 1:
            return self.chosen(node)
        elif kind in {"and", "or"}:
            self.waiting[flow] += 1
            if kind == "and" and all(self.waiting[before] for before in self.graph.into(node)):
                return self.take(node)
        return []

    def take(self, node: str) -> list[Flow]:
        self.waiting -= Counter(self.graph.into(node))
        return self.chosen(node)

    def chosen(self, node: str) -> list[Flow]:
        flows, kind = self.graph.out(node), self.graph.kinds[node]
        if kind == "and" or len(flows) < 2:
            return flows
        holding = [flow for flow in flows if flow.condition and self.variables[flow.condition]] or flows[-1:]
        return holding[:1] if kind == "xor" else holding

    def enabled_joins(self) -> list[str]:
        return [
            node
            for node, kind in self.graph.kinds.items()
            if kind == "or" and any(self.waiting[flow] for flow in self.graph.into(node)) and self.is_enabled(node)
        ]

    def is_enabled(self, join: str) -> bool:
        """Table 13.3: no token has a way to an empty incoming flow unless it has one to a flow with a token, too."""
        full = {flow for flow in self.graph.into(join) if self.waiting[flow]}
        tokens = [[flow] for flow in self.waiting if self.waiting[flow]]
        tokens += [self.graph.out(task) for task in self.working if self.working[task]]
        reached = [self.reach(token, join) for token in tokens]
        return all(not (way - full) or way & full for way in reached)

    def reach(self, begin: list[Flow], join: str) -> set[Flow]:
        """The join's incoming flows to which paths lead that do not visit it."""
        seen: set[Flow] = set()
        pending = list(begin)
        while pending:
            flow = pending.pop()
            if flow not in seen:
                seen.add(flow)
                pending += self.graph.out(flow.target) if flow.target != join else []
        return {flow for flow in seen if flow.target == join}

    def told(self) -> dict[str, Any]:
        return {
            "status": "waiting" if self.working.total() + self.waiting.total() else "completed",
            "open": list(self.working.elements()),
            "entered_any_order": list(self.entered.elements()),
        }


def play(graph: Graph, rng: random.Random) -> dict[str, Any]:
    """A scenario: after every completion the variables change, and what the game says is expected."""

    def values() -> dict[str, bool]:
        return {flow.condition: rng.random() < 0.6 for flow in graph.flows if flow.condition}

    variables = values()
    game = Game(graph, variables)
    steps: list[dict[str, Any]] = [{"expect": game.told()}]
    while (tasks := sorted(+game.working)) and len(steps) < 2 * MOST_COMPLETIONS:
        task, changed = rng.choice(tasks), values()
        game.complete(task, changed)
        steps += [{"complete": f"{task}#1", "output": changed}, {"expect": game.told()}]
    return {"process": "graph.bpmn", "scenarios": [{"start": {"variables": variables}, "steps": steps}]}


def as_bpmn(graph: Graph) -> str:
    nodes, flows = [], []
    for node, kind in graph.kinds.items():
        splits = kind in {"xor", "or"} and len(graph.out(node)) > 1
        nodes.append(f'<{XML[kind]} id="{node}"' + (f' default="{graph.out(node)[-1].id}"/>' if splits else "/>"))
    for flow in graph.flows:
        inside = f"<conditionExpression>{flow.condition}</conditionExpression>" if flow.condition else ""
        ends = f'id="{flow.id}" sourceRef="{flow.source}" targetRef="{flow.target}"'
        flows.append(f"<sequenceFlow {ends}>{inside}</sequenceFlow>")
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:test">'
        f'<process id="p" isExecutable="true">{"".join(nodes + flows)}</process></definitions>'
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_engine_and_the_token_game_agree_on_every_step(tmp_path: Path, seed: int) -> None:
    rng, played = random.Random(seed), 0
    while played < GRAPHS_PER_TEST:
        try:
            graph = draw(rng)
            scenario = play(graph, rng)
        except LeftOut:
            continue
        (tmp_path / "graph.bpmn").write_text(as_bpmn(graph))
        (tmp_path / "graph.yaml").write_text(yaml.safe_dump(scenario))

        (result,) = Runner(expressions.compile).run(tmp_path / "graph.yaml")

        assert result.ok, f"{result.reason}\n{as_bpmn(graph)}\n{scenario}"
        played += 1
