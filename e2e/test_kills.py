"""SIGKILL at random moments while commands are in flight: nothing is lost, nothing is done twice."""

import pytest

from e2e.hubs import EmbeddedHub, ServicesHub
from e2e.storm import Storm
from sandbox.testing import SandboxProcess


@pytest.mark.timeout(600)
def test_an_embedded_hub_that_is_killed_again_and_again_loses_and_doubles_nothing(
    embedded_hub: EmbeddedHub, sandbox: SandboxProcess
) -> None:
    Storm(orders=300, kills=30, seed=20261123).rage(embedded_hub, sandbox)


@pytest.mark.timeout(600)
def test_services_that_are_killed_again_and_again_lose_and_double_nothing(
    services_hub: ServicesHub, sandbox: SandboxProcess
) -> None:
    Storm(orders=300, kills=30, seed=20261124).rage(services_hub, sandbox)
