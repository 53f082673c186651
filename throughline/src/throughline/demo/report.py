"""What the demo shows: progress while it works, the table at the end."""

from rich.console import Console
from rich.table import Table

from throughline.demo.orders import Result


def table(results: list[Result]) -> Table:
    """One row per order."""
    shown = Table(title="Orders through order-to-delivery", title_justify="left")
    shown.add_column("Order", no_wrap=True)
    for heading in ("What happens to it", "Outcome", "Steps", "Undone", "Duration", "In the systems' own books"):
        shown.add_column(heading)
    for row in results:
        shown.add_row(
            row.business_key,
            row.scenario.title,
            f"[{'green' if not row.problems else 'red'}]{row.status}[/]",
            str(row.steps),
            ", ".join(row.undone) or "-",
            f"{row.seconds:.1f} s",
            _counted(row.effects),
        )
    return shown


def _counted(effects: dict[str, dict[str, object]]) -> str:
    parts = []
    for system, counts in effects.items():
        for name, count in counts.items():
            if isinstance(count, int) and count:
                parts.append(f"{system}: {count} {name.replace('_', ' ')}")
            elif isinstance(count, dict):
                parts += [f"{system}: {n} order {status}" for status, n in count.items()]
    return "\n".join(parts)


def problems(console: Console, results: list[Result], findings: list[str]) -> None:
    """Say what is not as it should be."""
    for row in results:
        for problem in row.problems:
            console.print(f"[red]{row.business_key} ({row.scenario.name}): {problem}[/]")
    for finding in findings:
        console.print(f"[red]auditor: {finding}[/]")
    if not findings and not any(row.problems for row in results):
        console.print("[green]The auditor found every effect exactly once and every undo exactly once.[/]")
