"""How many decide + evolve steps a second one core does: five service tasks in a line, 2 kB of variables; and what an
item of a parallel multi-instance costs, whether there are a hundred of them or a thousand.

    make bench-engine            a table
    make bench-engine JSON=1     the figures as a last line of JSON

A step is one service task of one instance: its reply decided, the row encoded, and the next command issued. Time is
processor time of this process, so that other work on the machine does not count.
"""

import json
import sys
import time
from collections.abc import Iterator

import msgspec

from saga_coordinator.engine import Decision, decide
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Iteration, Loop, Process
from saga_coordinator.testing.drawing import Drawing, Formula, line

TASKS = ("a", "b", "c", "d", "e")
VARIABLES = {
    "order": {"id": "SO-1", "lines": [{"material": f"MAT-{n:03}", "qty": n, "note": "x" * 40} for n in range(24)]}
}


def run(process: Process, instances: int) -> float:
    """Seconds for so many whole instances."""
    encode = msgspec.json.Encoder().encode
    began = time.process_time()
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
    return time.process_time() - began


def run_items(count: int) -> float:
    """Seconds for one instance with a parallel multi-instance of so many service tasks."""
    loop = Loop(iteration=Iteration.PARALLEL, cardinality=Formula(lambda data: count))
    drawing = Drawing().start().service("item", loop=loop).end()
    process = drawing.flow("start", "item", "end").process()
    began = time.process_time()
    start = i.Start(id="s", instance="i", at=1, process=process.id, version=1, variables=VARIABLES)
    decision = decide(process, None, start)
    commands = list(_commands(decision))
    while due := [timer.id for timer in decision.state.timers.values() if timer.purpose == "items"]:
        decision = decide(process, decision.state, i.TimerDue(id=f"t{due[0]}", instance="i", at=1, timer=due[0]))
        commands += _commands(decision)
    for command in commands:
        decision = decide(process, decision.state, _reply("i", command.command, command.step))
    if decision.state.status != "completed":
        raise RuntimeError(f"the instance is {decision.state.status}")
    return time.process_time() - began


def _commands(decision: Decision) -> Iterator[f.CommandIssued]:
    return (fact for fact in decision.facts if isinstance(fact, f.CommandIssued))


def _reply(instance: str, command: str, step: int) -> i.Reply:
    outcome = i.CompletedOutcome(output={"number": "4500000001"})
    return i.Reply(id=command + ":r", instance=instance, at=2, command=command, step=step, attempt=1, outcome=outcome)


def _us_per_item(count: int) -> float:
    rounds = max(3, 1_000 // count)
    return round(min(run_items(count) for _ in range(rounds)) / count * 1e6, 1)


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
        **{f"us_per_item_of_{count}": _us_per_item(count) for count in (10, 100, 1_000, 4_000)},
    }
    if "--json" in sys.argv:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
