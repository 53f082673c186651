"""Every scenario file in this folder is one test. They are written from the BPMN 2.0 specification, not from what the
engine does; operations come from the catalogue in openapi/, as with `throughline process test`."""

from pathlib import Path

import pytest

from saga_coordinator.scenarios import Runner, is_scenario_file, language
from service_kit import expressions
from service_kit.catalogue import Catalogue

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.rglob("*.yaml") if is_scenario_file(path))


@pytest.fixture(scope="module")
def runner() -> Runner:
    contracts = next(parent / "openapi" for parent in HERE.parents if (parent / "openapi").is_dir())
    return Runner(expressions.compile, Catalogue.load(contracts))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HERE)).removesuffix(".scenarios.yaml"))
def test_everything_that_a_scenario_file_expects_happens(runner: Runner, file: Path) -> None:
    results = list(runner.run(file))

    assert results, "there is no scenario in this file"
    failed = [f"{result.name}\n{result.reason}" for result in results if not result.ok]
    assert not failed, "\n".join(failed)


def test_no_diagram_is_without_scenarios() -> None:
    diagrams = set(HERE.rglob("*.bpmn"))

    played = {
        file.parent / reference.partition("#")[0]
        for file in FILES
        for scenario in language.read(file)
        if isinstance(scenario, language.Scenario)
        for reference in scenario.processes
    }

    assert diagrams <= played
