"""What is understood of compose.yaml, and what is refused."""

from pathlib import Path

import pytest
import yaml

from scripts.images import composition
from scripts.images.machine import CHECKOUT, ImagesError

SERVICE = """
services:
  hub:
    image: hub
    environment: {URL: "amqp://${PASSWORD:-example}@broker", PORT: 1}
    depends_on: {broker: {condition: service_healthy}}
    healthcheck: {test: [CMD, look, --well], interval: 1s}
    ports: ["127.0.0.1:8080:80"]
    read_only: true
    cap_drop: [ALL]
    volumes: [books:/data]
    configs: [{source: file, target: /etc/file}]
  broker:
    image: broker
    healthcheck: {test: [CMD-SHELL, "look | grep well"]}
configs:
  file: {content: "is ${PASSWORD:-example}"}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "compose.yaml"
    file.write_text(text)
    return file


def test_a_service_comes_after_those_it_depends_on_with_its_variables_filled_in(tmp_path: Path) -> None:
    broker, hub = composition.read(written(tmp_path, SERVICE), {"PASSWORD": "given"})

    assert (broker.name, hub.name, hub.after) == ("broker", "hub", ("broker",))
    assert hub.environment == {"URL": "amqp://given@broker", "PORT": "1"}
    assert (hub.files, hub.volumes, hub.ports) == ({"/etc/file": "is given"}, {"/data": "books"}, (80,))
    assert (hub.check, broker.check) == (("look", "--well"), ("sh", "-c", "look | grep well"))
    assert {"--read-only", "--cap-drop", "ALL"} <= set(hub.options)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("read_only: true", "privileged: true", "hub: what does privileged"),
        ("interval: 1s", "disable: true", "healthcheck of hub: what does disable"),
        ("service_healthy", "service_started", "depends on broker in another way"),
        ('healthcheck: {test: [CMD-SHELL, "look | grep well"]}', "restart: always", "health of broker"),
        ("image: broker", "image: broker\n    depends_on: {hub: {condition: service_healthy}}", "wait for each other"),
    ],
)
def test_what_is_not_understood_is_refused_and_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ImagesError, match=message):
        composition.read(written(tmp_path, SERVICE.replace(old, new)), {})


def test_the_shipped_compose_file_is_understood_and_binds_to_this_machine_only() -> None:
    file = CHECKOUT / "compose.yaml"
    services = {service.name: service for service in composition.read(file, {})}

    assert set(services) >= {"gateway", "saga-coordinator", "monitor-service", "sandbox", "postgres", "rabbitmq"}
    published = [
        port for each in yaml.safe_load(file.read_text())["services"].values() for port in each.get("ports", ())
    ]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
