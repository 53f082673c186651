"""`throughline decision evaluate`."""

import json
import time
from pathlib import Path
from typing import Any

import click

from saga_coordinator import bpmn, dmn
from service_kit import expressions
from throughline import scenario_reports

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def decision() -> None:
    """Try decisions."""


@decision.command()
@click.argument("file", type=FILE)
@click.option("--variables", default="{}", help="A JSON object, or @ and the name of a file with one.")
@click.option("--decision", "wanted", help="The decision's id, where the file has several that nothing requires.")
def evaluate(file: Path, variables: str, wanted: str | None) -> None:
    """Print what a decision of the DMN FILE gives for these variables, as JSON.

    Exits 1 if the file cannot run (with its findings) or if the decision fails.
    """
    try:
        decisions = dmn.parse(file.read_bytes(), compile=expressions.compile)
    except bpmn.Refused as refused:
        scenario_reports.print_findings({file: refused.findings})
        raise click.exceptions.Exit(1) from refused
    chosen = _chosen(decisions, wanted)
    try:
        value = chosen(_object(variables), {"now": round(time.time() * 1000)})
    except dmn.DecisionFailed as error:
        raise click.ClickException(f"{chosen.source}: {error}") from error
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _chosen(decisions: dict[str, dmn.Decision], wanted: str | None) -> dmn.Decision:
    """The decision that is meant: the one that is named, else the only one that no other requires."""
    if wanted is not None:
        if wanted not in decisions:
            raise click.UsageError(f"there is no decision {wanted!r}: {', '.join(decisions)}")
        return decisions[wanted]
    required = {node.id for decision in decisions.values() for node in decision.nodes[:-1]}
    tops = [id_ for id_ in decisions if id_ not in required]
    if len(tops) != 1:
        raise click.UsageError(f"say which decision is meant, with --decision: {', '.join(tops)}")
    return decisions[tops[0]]


def _object(text: str) -> dict[str, Any]:
    try:
        content = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        found = json.loads(content)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--variables: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError("--variables: a JSON object is expected")
    return found
