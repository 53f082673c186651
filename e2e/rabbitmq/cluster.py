"""Nodes of a RabbitMQ cluster on loopback, that a test may kill."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import requests

from scripts.servers import home, packages, processes, rabbitmq
from scripts.servers.home import Home, free_port
from scripts.servers.rabbitmq import Node
from service_kit.testing.waiting import until


class Servers:
    """RabbitMQ nodes in a home of their own, until `end`."""

    def __init__(self, place: Home) -> None:
        self._place = place
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def node(self, name: str = "rabbitmq") -> Node:
        """A node to be, in a folder of its own."""
        return Node(self._place.folder(name, rabbitmq.USER), free_port())

    def sibling(self, node: Node, name: str) -> Node:
        """Another one for the same cluster."""
        folder = self._place.folder(name, rabbitmq.USER)
        return replace(node, folder=folder, port=free_port(), api=free_port())

    def start(self, *nodes: Node) -> None:
        """Start the nodes of one cluster together, and wait until they take connections."""
        self._processes["epmd"] = rabbitmq.start_epmd(nodes[0])
        for node in nodes:
            self.launch(node)
        for node in nodes:
            self.await_ready(node)

    def launch(self, node: Node) -> None:
        """Start a node, for the first time or again."""
        self._processes[node.name] = rabbitmq.launch(node)

    def await_ready(self, node: Node) -> None:
        """Wait until it takes connections."""
        rabbitmq.await_ready(node, self._processes[node.name])

    def kill(self, node: Node) -> None:
        """SIGKILL."""
        mark = f"{node.folder}/".encode()
        for pid, command in processes.servers_of(self._place):
            if command == "beam.smp" and mark in processes.command_line(pid):
                os.kill(pid, signal.SIGKILL)
        self._processes[node.name].wait(30)

    def end(self) -> None:
        """All of them."""
        processes.stop(self._place)
        for process in self._processes.values():
            process.wait(30)


class Cluster:
    """Three nodes by name; `url` names them all."""

    def __init__(self, servers: Servers) -> None:
        first = servers.node("node-0")
        nodes = [first, *(servers.sibling(first, f"node-{n}") for n in (1, 2))]
        formation = _formation(nodes)
        self.nodes = {node.name: replace(node, more=formation) for node in nodes}
        self.servers = servers
        self._away: set[str] = set()

    @property
    def url(self) -> str:
        """For services: any node will do."""
        first, *others = self.nodes.values()
        hosts = "".join(f",127.0.0.1:{node.port}" for node in others)
        return first.amqp_url.replace(f":{first.port}/", f":{first.port}{hosts}/")

    def start(self) -> None:
        """Start all nodes, and wait until they are a cluster."""
        self.servers.start(*self.nodes.values())
        self.await_whole()

    def await_whole(self) -> None:
        """Wait until every node sees every other one."""
        until(lambda: all(self._running(name) == set(self.nodes) for name in self.nodes), timeout=60)

    def kill(self, name: str) -> None:
        """SIGKILL of one node."""
        self.servers.kill(self.nodes[name])
        self._away.add(name)

    def restart(self, name: str) -> None:
        """Have it back."""
        self.servers.launch(self.nodes[name])
        self.servers.await_ready(self.nodes[name])
        self._away.discard(name)
        self.await_whole()

    def leader(self, queue: str) -> str:
        """Which node leads a quorum queue."""
        alive = next(name for name in self.nodes if name not in self._away)
        return str(self._ask(alive, f"queues/{rabbitmq.VHOST}/{queue}")["leader"])

    def _running(self, name: str) -> set[str]:
        return {each["name"] for each in self._ask(name, "nodes") if each["running"]}

    def _ask(self, name: str, what: str) -> Any:
        answer = requests.get(f"{self.nodes[name].api_url}/{what}", timeout=10)
        answer.raise_for_status()
        return answer.json()


def _formation(nodes: list[Node]) -> tuple[str, ...]:
    lines = ["cluster_formation.peer_discovery_backend = classic_config", "cluster_partition_handling = pause_minority"]
    lines += [f"cluster_formation.classic_config.nodes.{n} = {node.name}" for n, node in enumerate(nodes, 1)]
    return (*lines, "management_agent.disable_metrics_collector = false")


@contextmanager
def servers() -> Iterator[Servers]:
    """RabbitMQ nodes to be, all ended and forgotten afterwards."""
    packages.install_missing({"rabbitmq-server"})
    with home.new_home() as place:
        running = Servers(place)
        try:
            yield running
        finally:
            running.end()
            home.remove(place)
