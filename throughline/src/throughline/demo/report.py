"""What the demo shows: progress while it works, the table at the end."""

from typing import Any

from rich.console import Console
from rich.table import Table

from throughline.demo.orders import Result


def table(results: list[Result]) -> Table:
    """One row per order."""
    shown = Table(title="Orders through order-to-delivery", title_justify="left", show_lines=True)
    shown.add_column("Order")
    shown.add_column("Outcome")
    shown.add_column("Steps", justify="right")
    shown.add_column("Undone")
    shown.add_column("Took", justify="right", no_wrap=True)
    shown.add_column("In the systems' own books", no_wrap=True)
    for row in results:
        colour = "red" if row.problems else "green"
        shown.add_row(
            f"{row.business_key}\n[dim]{row.scenario.title}[/]",
            f"[{colour}]{row.status}[/]",
            str(row.steps),
            "\n".join(row.undone) or "-",
            f"{row.seconds:.1f} s",
            "\n".join(f"{system} {_counted(counts)}" for system, counts in row.effects.items()),
        )
    return shown


def _counted(counts: dict[str, Any]) -> str:
    """`1 sales order open, 1 delivery open`; what there is none of is left out."""
    parts = []
    for name, count in counts.items():
        if isinstance(count, dict):
            parts += [f"{number} order {status}" for status, number in count.items()]
        elif count:
            kind, _, state = name.rpartition("_")
            singular = "delivery" if kind == "deliveries" else kind.removesuffix("s").replace("_", " ")
            parts.append(f"{count} {singular if count == 1 else kind.replace('_', ' ')} {state}")
    return ", ".join(parts) or "nothing"


def problems(console: Console, results: list[Result], findings: list[str]) -> None:
    """Say what is not as it should be."""
    for row in results:
        for problem in row.problems:
            console.print(f"[red]{row.business_key} ({row.scenario.name}): {problem}[/]")
    for finding in findings:
        console.print(f"[red]auditor: {finding}[/]")
    if not findings and not any(row.problems for row in results):
        console.print("[green]The auditor found every effect exactly once and every undo exactly once.[/]")
