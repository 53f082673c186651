"""How many decide + evolve steps a second one core does: five service tasks in a line, 2 kB of variables.

    make bench-engine            a table
    make bench-engine JSON=1     the figures as a last line of JSON

A step is one service task of one instance: its reply decided, the row encoded, and the next command issued.
"""

import json
import sys
import time

import msgspec

from saga_coordinator.engine import decide
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.testing.drawing import line

TASKS = ("a", "b", "c", "d", "e")
VARIABLES = {
    "order": {"id": "SO-1", "lines": [{"material": f"MAT-{n:03}", "qty": n, "note": "x" * 40} for n in range(24)]}
}


def run(process: Process, instances: int) -> float:
    """Seconds for so many whole instances."""
    encode = msgspec.json.Encoder().encode
    began = time.perf_counter()
    for n in range(instances):
        instance = f"i{n}"
        decision = decide(
            process,
            None,
            i.Start(id="s", instance=instance, at=1, process=process.id, version=1, variables=VARIABLES),
        )
        encode(decision.facts)
        state = decision.state
        while not state.ended:
            step = next(iter(state.steps.values()))
            decision = decide(process, state, _reply(instance, step.sent.command, step.id))
            encode(decision.facts)
            state = decision.state
    return time.perf_counter() - began


def _reply(instance: str, command: str, step: int) -> i.Reply:
    outcome = i.CompletedOutcome(output={"number": "4500000001"})
    return i.Reply(id=command + ":r", instance=instance, at=2, command=command, step=step, attempt=1, outcome=outcome)


def main() -> None:
    """Print the best of five rounds."""
    process = line(*TASKS)
    run(process, 200)
    instances = 2_000
    best = min(run(process, instances) for _ in range(5))
    steps = instances * len(TASKS) / best
    figures = {
        "steps_per_s": round(steps),
        "us_per_step": round(1e6 / steps, 1),
        "variables_bytes": len(json.dumps(VARIABLES)),
    }
    if "--json" in sys.argv:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
