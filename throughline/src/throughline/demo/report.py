"""What the demo shows: progress while it works, the table at the end."""

from typing import Any

from rich.console import Console
from rich.table import Table

from throughline.demo.orders import Result


def table(results: list[Result]) -> Table:
    """One row per order; it fits a terminal of 80 columns."""
    shown = Table(title="Orders through order-to-delivery", title_justify="left", show_lines=True)
    shown.add_column("Order", no_wrap=True)
    shown.add_column("Outcome", no_wrap=True)
    shown.add_column("Steps", justify="right", no_wrap=True)
    shown.add_column("Undone", no_wrap=True)
    shown.add_column("Took", justify="right", no_wrap=True)
    shown.add_column("Systems' books")
    for row in results:
        colour = "red" if row.problems else "green"
        shown.add_row(
            row.business_key,
            f"[{colour}]{row.status}[/]",
            str(row.steps),
            "\n".join(row.undone) or "-",
            f"{row.seconds:.1f} s",
            "\n".join(_counted(row.effects)),
        )
    return shown


def _counted(effects: dict[str, dict[str, Any]]) -> list[str]:
    """`1 sales order`, `1 delivery cancelled`, `CRM: In Delivery`; what there is none of is left out."""
    lines = []
    for counts in effects.values():
        for name, count in counts.items():
            if isinstance(count, dict):
                lines += [f"CRM: {status}" for status in count]
            elif count:
                kind, _, state = name.rpartition("_")
                singular = "delivery" if kind == "deliveries" else kind.removesuffix("s").replace("_", " ")
                noun = singular if count == 1 else kind.replace("_", " ")
                lines.append(f"{count} {noun}" + (" cancelled" if state == "cancelled" else ""))
    return lines


def problems(console: Console, results: list[Result], findings: list[str]) -> None:
    """Say what is not as it should be."""
    for row in results:
        for problem in row.problems:
            console.print(f"[red]{row.business_key} ({row.scenario.name}): {problem}[/]")
    for finding in findings:
        console.print(f"[red]auditor: {finding}[/]")
    if not findings and not any(row.problems for row in results):
        console.print("[green]The auditor found every effect exactly once and every undo exactly once.[/]")
