"""The saga engine: pure, without clock, ids, IO or randomness.

    decide(process, state, input) -> Decision(facts, state)     what happens
    evolve(state, fact)           -> state                      what is then true
    effects(fact)                 -> effect                     what the world has to do

A state is never changed in place: deciding and evolving work on a fork that shares what did not change.
"""

from saga_coordinator.engine.decide import Decision, decide
from saga_coordinator.engine.effects import all_effects, effects
from saga_coordinator.engine.evolve import evolve, fold
from saga_coordinator.engine.illegal import IllegalInput
from saga_coordinator.engine.plan import PlannedStep, stands_against, undo_plan
from saga_coordinator.engine.state import InstanceState, open_calls, open_commands

__all__ = [
    "Decision",
    "IllegalInput",
    "InstanceState",
    "PlannedStep",
    "all_effects",
    "decide",
    "effects",
    "evolve",
    "fold",
    "open_calls",
    "open_commands",
    "stands_against",
    "undo_plan",
]
