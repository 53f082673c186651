"""Journals as the engine writes them, for whoever reads them without knowing the engine.

    python -m bench.journals monitor-service/tests/data

records the golden journals that the monitor's tests read. Run it when the facts' vocabulary has grown, and look at the
difference: what is recorded already must stay readable.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from saga_coordinator.engine import Decision
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Kind, Retry
from saga_coordinator.testing.case import Case
from saga_coordinator.testing.drawing import Drawing, line, timer

SECOND = 1_000


class Recording(Case):
    """A case that keeps its journal rows as they are published."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rows: list[dict[str, Any]] = []

    def give(self, input_: i.Input) -> Decision:
        before = len(self.journal)
        decision = super().give(input_)
        if len(self.journal) > before:
            row = {"instance": self.instance, "seq": len(self.journal), "at": input_.at, "input_id": input_.id}
            known = {"process": self.live.process, "version": self.live.version}
            told = {"input": msgspec.to_builtins(input_), "facts": json.loads(self.journal[-1])}
            key = {"business_key": self.live.business_key} if self.live.business_key else {}
            self.rows.append(row | told | known | key)
        return decision

    def begin(self, **variables: Any) -> "Recording":
        self.give(
            i.Start(
                id="s",
                instance=self.instance,
                at=self.now,
                process=self.process.id,
                version=1,
                business_key="SO-1001",
                variables=variables,
            )
        )
        return self

    def after(self, ms: int) -> "Recording":
        self.advance(ms)
        return self


def completes(instance: str = "completes") -> Recording:
    case = Recording(line("credit", "order", "reserve", "deliver", "inform"), instance).begin(order={"id": "SO-1001"})
    case.after(SECOND).complete("credit", {"ok": True})
    case.after(SECOND).complete("order", {"number": "4711"}, salesOrder="4711")
    case.after(SECOND).complete("reserve", {"number": "R-1"}, reservation="R-1")
    case.after(SECOND).complete("deliver", {"number": "80001"}, outboundDelivery="80001")
    case.after(SECOND).complete("inform")
    return case


def refused() -> Recording:
    case = Recording(line("credit", "order", "reserve"), "refused").begin()
    case.after(SECOND).complete("credit", {"ok": True})
    case.after(SECOND).complete("order", {"number": "4712"}, salesOrder="4712")
    refusal = i.RejectedOutcome(code="OUT_OF_STOCK", message="3 of 5 in stock")
    case.after(SECOND).reply("reserve", refusal)
    case.after(SECOND).complete("order")
    case.after(SECOND).complete("credit")
    return case


def dropped() -> Recording:
    case = Recording(line("order", "inform"), "dropped").begin()
    case.after(SECOND).reply("order", i.UnknownOutcome(reason="connection reset"))
    case.after(SECOND).reply(
        "order", i.ProbedOutcome(verdict="applied", output={"number": "4713"}, references={"salesOrder": "4713"})
    )
    case.after(SECOND).complete("inform")
    return case


def retried() -> Recording:
    case = Recording(line("order"), "retried").begin()
    case.after(SECOND).reply("order", i.UnavailableOutcome(reason="connection refused"))
    case.after(600 * SECOND).complete("order", {"number": "4714"}, salesOrder="4714")
    return case


def exhausted() -> Recording:
    """One attempt only, an incident, an operator's retry."""
    drawing = Drawing().start().service("order", retry=Retry(attempts=1)).end()
    case = Recording(drawing.flow("start", "order", "end").process(), "exhausted").begin()
    case.after(SECOND).reply("order", i.UnavailableOutcome(reason="HTTP 429"))
    case.after(SECOND).retry("order", by="ada", reason="they are back")
    case.after(SECOND).complete("order", {"number": "4715"}, salesOrder="4715")
    return case


def stuck_undo() -> Recording:
    case = Recording(line("order", "reserve"), "stuck-undo").begin()
    case.after(SECOND).complete("order", {"number": "4716"}, salesOrder="4716")
    case.after(SECOND).reject("reserve", "OUT_OF_STOCK")
    case.after(SECOND).reject("order", "ALREADY_INVOICED")
    return case


def interrupted() -> Recording:
    """A person is too slow; the timer at the task sends the token another way."""
    drawing = Drawing().start().add(Kind.USER_TASK, "approve").boundary("late", "approve", timer("PT1H"))
    drawing.service("escalate").end().end("end2").flow("start", "approve", "end").flow("late", "escalate", "end2")
    case = Recording(drawing.process(), "interrupted").begin()
    case.after(3_600 * SECOND)
    case.after(SECOND).complete("escalate")
    return case


def cancelled_branches() -> Recording:
    """Three branches: one is refused while another's command is out, which is probed and undone."""
    drawing = Drawing().start().add(Kind.PARALLEL_GATEWAY, "fork").add(Kind.PARALLEL_GATEWAY, "join").end()
    drawing.flow("start", "fork").flow("join", "end")
    for branch in ("a", "b", "c"):
        drawing.service(branch).flow("fork", branch, "join")
    case = Recording(drawing.process(), "cancelled-branches").begin()
    case.after(SECOND).complete("a", {"number": "1"}, document="1")
    case.after(SECOND).reject("b", "REFUSED")
    found = i.ProbedOutcome(verdict="applied", output={"number": "2"}, references={"document": "2"})
    case.after(SECOND).reply("c", found)
    case.after(SECOND).complete("c")
    case.after(SECOND).complete("a")
    return case


JOURNALS: list[Callable[[], Recording]] = [
    completes,
    refused,
    dropped,
    retried,
    exhausted,
    stuck_undo,
    interrupted,
    cancelled_branches,
]


def main() -> None:
    folder = Path(sys.argv[1])
    for record in JOURNALS:
        case = record()
        rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in case.rows)
        (folder / f"{case.instance}.json").write_text(f"[\n{rows}\n]\n")
        print(f"{case.instance}: {len(case.rows)} rows, {case.live.status}")


if __name__ == "__main__":
    main()
