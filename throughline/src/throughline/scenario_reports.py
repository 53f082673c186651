"""Results of scenarios and lint findings as text, JSON, JUnit XML and pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import msgspec

from saga_coordinator import bpmn
from saga_coordinator.scenarios import Coverage, Result
from saga_coordinator.scenarios.picture import draw as draw_diagram


def print_result(result: Result) -> None:
    """A line for a scenario, and its difference where it failed."""
    mark, colour = ("skip", "yellow") if result.skipped else ("ok", "green") if result.ok else ("FAIL", "red")
    click.echo(f"{click.style(f'{mark:4}', fg=colour)} {result.file}: {result.name}")
    if not result.ok or result.skipped:
        for line in result.reason.splitlines():
            click.echo(f"       {line}")
    if not result.ok and result.actual.entered:
        actual = result.actual
        click.echo(f"       it is {actual.status}; open: {', '.join(actual.open) or 'nothing'}")


def print_summary(results: list[Result], coverage: list[Coverage], pictures: Mapping[str, Path]) -> None:
    """Coverage, and the totals."""
    for entry in coverage:
        click.echo(f"{entry.file}#{entry.process}: {entry.percent} % of elements and flows reached")
        if entry.missed:
            click.echo(f"     not reached: {', '.join(entry.missed)}")
        if entry.process in pictures:
            click.echo(f"     drawn in {pictures[entry.process]}")
    passed, failed, skipped = _totals(results)
    click.echo(f"{passed} passed, {failed} failed, {skipped} skipped")


def _totals(results: list[Result]) -> tuple[int, int, int]:
    skipped = sum(result.skipped for result in results)
    failed = sum(not result.ok for result in results)
    return len(results) - failed - skipped, failed, skipped


def as_json(results: list[Result], coverage: list[Coverage] | None) -> str:
    """One JSON object with every result."""
    passed, failed, skipped = _totals(results)
    report: dict[str, Any] = {
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "results": [
            {
                "file": str(result.file),
                "name": result.name,
                "ok": result.ok,
                "reason": result.reason,
                "actual": msgspec.to_builtins(result.actual),
            }
            for result in results
        ],
    }
    if coverage is not None:
        report["coverage"] = [
            {"file": str(entry.file), "process": entry.process, "percent": entry.percent, "missed": entry.missed}
            for entry in coverage
        ]
    return json.dumps(report, ensure_ascii=False, indent=2)


def as_junit(results: list[Result]) -> str:
    """A JUnit report with a suite per file."""
    root = ET.Element("testsuites")
    suites: dict[Path, list[Result]] = {}
    for result in results:
        suites.setdefault(result.file, []).append(result)
    for file, members in suites.items():
        _, failed, skipped = _totals(members)
        counts = {"tests": str(len(members)), "failures": str(failed), "skipped": str(skipped)}
        suite = ET.SubElement(root, "testsuite", {"name": str(file), **counts})
        for result in members:
            case = ET.SubElement(suite, "testcase", {"classname": str(file), "name": result.name})
            if result.skipped:
                ET.SubElement(case, "skipped", {"message": result.reason})
            elif not result.ok:
                first = result.reason.splitlines()[0] if result.reason else "failed"
                ET.SubElement(case, "failure", {"message": first}).text = result.reason
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def draw(coverage: list[Coverage], folder: Path) -> dict[str, Path]:
    """Write a coloured diagram per process into `folder`; the files by process id."""
    written: dict[str, Path] = {}
    for entry in coverage:
        svg = draw_diagram(entry.file.read_bytes(), entry)
        if svg is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        written[entry.process] = folder / f"{entry.file.stem}.{entry.process}.svg"
        written[entry.process].write_text(svg, encoding="utf-8")
    return written


def print_findings(found: Mapping[Path, list[bpmn.Finding]]) -> None:
    """One line per finding, as compilers write them."""
    for file, findings in found.items():
        for finding in findings:
            element = f"{finding.element}: " if finding.element else ""
            click.echo(f"{file}:{finding.line}: {element}{finding.message} ({finding.rule})")
    total = sum(map(len, found.values()))
    click.echo(f"{total} findings in {len(found)} files" if total else f"{len(found)} files are in order")


def findings_as_json(found: Mapping[Path, list[bpmn.Finding]]) -> str:
    """One JSON object with every finding."""
    findings = [
        {"file": str(file), **msgspec.to_builtins(finding)} for file, entries in found.items() for finding in entries
    ]
    return json.dumps({"ok": not findings, "findings": findings}, ensure_ascii=False, indent=2)
