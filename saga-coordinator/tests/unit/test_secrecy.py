from typing import Any

from saga_coordinator import bpmn, secrecy
from saga_coordinator.engine import InstanceState, decide, fold
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.testing.files import around, service
from service_kit import expressions
from service_kit.catalogue import Catalogue, Effect, Operation, Undo

SECRET = {"type": "string", "x-secret": True}
CATALOGUE = Catalogue(
    [
        Operation("erp.draw", "erp", Effect.CREATE, undo=Undo("erp.shred", '{"pin": output.number & "!"}'), probe=True),
        Operation("erp.shred", "erp", Effect.IDEMPOTENT, input_schema={"properties": {"pin": SECRET}}),
        Operation("erp.open", "erp", Effect.IDEMPOTENT, output_schema={"properties": {"token": SECRET}}),
    ]
)
SEALED = {"$sealed": "x"}


def seal(value: Any) -> dict[str, str]:
    return SEALED


def parse(*operations: str) -> Process:
    names = [f"task{n}" for n, _ in enumerate(operations)]
    tasks = "".join(service(name, operation) for name, operation in zip(names, operations, strict=True))
    return bpmn.parse(around(tasks, *names), catalogue=CATALOGUE, compile=expressions.compile)


def started(process: Process) -> InstanceState:
    return decide(process, None, i.Start(id="s", instance="a", at=1, process="p", version=1)).state


def reply(command: str, output: Any, step: int = 3) -> i.Reply:
    outcome = i.CompletedOutcome(output=output)
    return i.Reply(id=f"{command}:r", instance="a", at=2, command=command, step=step, attempt=1, outcome=outcome)


def test_what_an_expression_puts_into_a_secret_field_is_sealed_in_facts_and_state() -> None:
    # given
    process = parse("erp.draw", "erp.open")
    before = started(process)
    (step,) = before.steps.values()
    decision = decide(process, before, reply(step.sent.command, {"number": "4711"}, step.id))

    # when
    sealed = secrecy.sealed_decision(process, before, decision, 2, seal)

    # then
    assert "4711!" in str(decision.facts)
    assert "4711!" not in str(sealed)
    assert sealed.state == fold(before, sealed.facts, seq=decision.state.seq, at=2)
    assert [effect.undo.input for effect in sealed.state.log.values() if effect.undo] == [{"pin": SEALED}]


def test_a_decision_without_secrets_is_itself() -> None:
    # given
    process = parse("erp.draw")
    decision = decide(process, None, i.Start(id="s", instance="a", at=1, process="p", version=1))

    # then
    assert secrecy.sealed_decision(process, None, decision, 1, seal) is decision


def test_only_the_field_of_the_operation_that_was_asked_is_secret() -> None:
    # given the first step is a drawing, whose output may well have a token
    process = parse("erp.draw", "erp.open")
    state = started(process)
    (step,) = state.steps.values()
    given = reply(step.sent.command, {"token": "plain", "number": "1"}, step.id)

    # then
    assert secrecy.sealed_input(process, state, given, seal) == given


def test_where_nobody_knows_what_was_asked_every_secret_field_counts() -> None:
    # given
    process = parse("erp.draw", "erp.open")

    # when
    late = secrecy.sealed_input(process, started(process), reply("a.99.1", {"token": "t", "other": 1}, 99), seal)

    # then
    assert late == reply("a.99.1", {"token": SEALED, "other": 1}, 99)
