"""`throughline process test` and `throughline process lint`."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from saga_coordinator import bpmn, dmn
from saga_coordinator.engine.process import Expression
from saga_coordinator.scenarios import Result, Runner, is_scenario_file, measure, surroundings
from saga_coordinator.scenarios.language import BadScenario
from service_kit import expressions
from service_kit.calendars import Calendar
from service_kit.catalogue import Catalogue, CatalogueError
from throughline import scenario_reports

CONTRACTS = click.option(
    "--contracts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with connectors/*.yaml, the catalogue of operations. By default the nearest folder openapi.",
)
PATH = click.Path(exists=True, path_type=Path)


@click.group()
def process() -> None:
    """Test and check processes."""


@process.command()
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit report to this file.")
@click.option("--coverage", is_flag=True, help="Tell which elements and flows were reached, and draw them.")
@click.option(
    "--coverage-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("coverage"),
    show_default=True,
    help="Where the coloured diagrams go.",
)
@CONTRACTS
def test(
    paths: tuple[Path, ...],
    as_json: bool,
    junit: Path | None,
    coverage: bool,
    coverage_dir: Path,
    contracts: Path | None,
) -> None:
    """Run the scenario files PATHS (or those in folders) without any system. Exits 1 if one fails."""
    files = list(_scenario_files(paths))
    if not files:
        raise click.UsageError("there are no scenario files here")
    runner = Runner(expressions.compile, catalogue(contracts, files[0]))
    results: list[Result] = []
    for file in files:
        for result in runner.run(file):
            results.append(result)
            if not as_json:
                scenario_reports.print_result(result)
    measured = measure(runner, results) if coverage else []
    pictures = scenario_reports.draw(measured, coverage_dir)
    if as_json:
        click.echo(scenario_reports.as_json(results, measured if coverage else None))
    else:
        scenario_reports.print_summary(results, measured, pictures)
    if junit is not None:
        junit.write_text(scenario_reports.as_junit(results), encoding="utf-8")
    if any(not result.ok for result in results):
        raise click.exceptions.Exit(1)


@process.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@CONTRACTS
def lint(files: tuple[Path, ...], as_json: bool, contracts: Path | None) -> None:
    """Print what deployment would refuse in the BPMN and DMN FILES. Exits 1 if there is anything.

    Processes may ask the decisions of the .dmn files that are given or lie beside them, and name the calendars of a
    calendars.yaml beside them.
    """
    known, rules = catalogue(contracts, files[0]), [file for file in files if file.suffix == surroundings.DECISIONS]
    found = {
        file: dmn.lint(file.read_bytes(), compile=expressions.compile)
        if file in rules
        else lint_file(file.read_bytes(), known, *_surroundings(file, rules))
        for file in files
    }
    if as_json:
        click.echo(scenario_reports.findings_as_json(found))
    else:
        scenario_reports.print_findings(found)
    if any(found.values()):
        raise click.exceptions.Exit(1)


def _surroundings(file: Path, rules: list[Path]) -> tuple[dict[str, Expression], dict[str, Calendar]]:
    """The decisions and calendars that a process may name. A .dmn file that is refused has findings of its own."""
    fit = [rule for rule in rules if not dmn.lint(rule.read_bytes(), compile=expressions.compile)]
    try:
        return surroundings.decisions(file, fit, expressions.compile), surroundings.calendars_of(file)
    except BadScenario as error:
        raise click.ClickException(str(error)) from error


def lint_file(
    xml: bytes, known: Catalogue | None, rules: Mapping[str, Expression], calendars: Mapping[str, Calendar]
) -> list[bpmn.Finding]:
    """The findings of every executable process in a file."""
    lint = partial(bpmn.lint, xml, catalogue=known, compile=expressions.compile, decisions=rules, calendars=calendars)
    findings = lint()
    if [finding.rule for finding in findings] != [bpmn.Rule.AMBIGUOUS_PROCESS]:
        return findings
    return sorted(
        finding
        for process_id in bpmn.process_ids(xml)
        for finding in lint(process_id=process_id)
        if finding.rule != bpmn.Rule.NOT_EXECUTABLE
    )


def catalogue(contracts: Path | None, near: Path) -> Catalogue | None:
    """The catalogue in `contracts`, else in the nearest folder `openapi` around a file, this folder or the program."""
    if contracts is None:
        around = [*near.resolve().parents, Path.cwd(), *Path.cwd().parents, *Path(__file__).resolve().parents]
        contracts = next((p / "openapi" for p in around if any((p / "openapi" / "connectors").glob("*.yaml"))), None)
    if contracts is None:
        return None
    try:
        return Catalogue.load(contracts)
    except CatalogueError as error:
        raise click.ClickException(str(error)) from error


def _scenario_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = (file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"})
            yield from sorted(file for file in found if is_scenario_file(file))
        else:
            yield path
