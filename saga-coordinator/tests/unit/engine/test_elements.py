"""What each kind of flow node does with a token (BPMN 2.0, chapter 13)."""

import pytest

from saga_coordinator.engine import IllegalInput
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import EventDefinition, Kind, Task, TimerKind, Trigger, Unevaluable
from saga_coordinator.testing.case import MONDAY, Case
from saga_coordinator.testing.drawing import Drawing, Formula, message, timer


def test_an_exclusive_gateway_takes_the_first_flow_whose_condition_holds() -> None:
    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "x").end("low").end("mid").end("high").flow("start", "x")
    drawing.flow("x", "low", when=lambda v: v["n"] < 10)
    drawing.flow("x", "mid", when=lambda v: v["n"] < 20).flow("x", "high", when=lambda v: True)

    for n, end in ((5, "low"), (15, "mid"), (25, "high")):
        assert Case(drawing.process()).start(n=n).entered()[-1] == end


def test_an_exclusive_gateway_takes_its_default_flow_where_nothing_holds() -> None:
    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "x", default="x>no").end("yes").end("no")
    drawing.flow("start", "x").flow("x", "no").flow("x", "yes", when=lambda v: v["ok"])

    assert Case(drawing.process()).start(ok=False).entered()[-1] == "no"


def test_an_exclusive_gateway_without_a_way_is_an_incident_that_names_it() -> None:
    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "x").end("a").end("b").flow("start", "x")
    drawing.flow("x", "a", when=lambda v: v["n"] == 1).flow("x", "b", when=lambda v: v["n"] == 2)

    case = Case(drawing.process()).start(n=3)

    assert case.incidents() == [("x", "NO_FLOW")]


def test_a_condition_that_fails_is_an_incident_and_can_be_retried() -> None:
    answers = [KeyError("n"), True]

    def sometimes(data: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "x", default="x>b").end("a").end("b").flow("start", "x")
    drawing.flow("x", "b").flow("x", "a", when=sometimes)
    case = Case(drawing.process()).start()
    assert case.incidents() == [("x", "EXPRESSION_FAILED")]

    case.retry()

    assert (case.live.status, case.entered()[-1]) == ("completed", "a")


def test_a_split_that_nothing_decides_waits_for_a_choice() -> None:
    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "x").end("a").end("b").flow("start", "x")
    case = Case(drawing.flow("x", "a").flow("x", "b").process()).start()
    assert case.open() == ["x"]

    with pytest.raises(IllegalInput, match="no outgoing flow"):
        case.give(i.ChooseFlows(id="c", instance="i1", at=case.now, step=case.step("x"), flows=["elsewhere"]))
    case.give(i.ChooseFlows(id="c", instance="i1", at=case.now, step=case.step("x"), flows=["x>b"]))

    assert case.entered()[-1] == "b"


def test_a_condition_in_an_unknown_language_waits_for_a_choice() -> None:
    def foreign(data: object) -> object:
        raise Unevaluable("${n > 1}")

    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "x").end("a").end("b").flow("start", "x")
    case = Case(drawing.flow("x", "a", when=foreign).flow("x", "b", when=foreign).process()).start()

    assert case.open() == ["x"]
    assert case.incidents() == []


def test_a_parallel_join_waits_for_every_branch() -> None:
    drawing = Drawing().start().add(Kind.PARALLEL_GATEWAY, "fork").add(Kind.PARALLEL_GATEWAY, "join")
    drawing.service("a").service("b").service("after").end()
    drawing.flow("start", "fork", "a", "join", "after", "end").flow("fork", "b", "join")
    case = Case(drawing.process()).start()

    case.complete("a")
    assert case.open() == ["b", "join"]
    case.complete("b")

    assert case.open() == ["after"]
    assert case.entered() == ["start", "fork", "a", "b", "join", "join", "after"]


def test_two_tokens_on_one_flow_do_not_make_a_join() -> None:
    drawing = Drawing().start().add(Kind.PARALLEL_GATEWAY, "fork").add(Kind.EXCLUSIVE_GATEWAY, "merge")
    drawing.service("a").service("b").service("c").add(Kind.PARALLEL_GATEWAY, "join").end()
    drawing.flow("start", "fork", "a", "merge", "join", "end").flow("fork", "b", "merge").flow("fork", "c", "join")
    case = Case(drawing.process()).start()

    case.complete("a")
    case.complete("b")

    assert case.open() == ["c", "join", "join"]


def test_a_timer_catch_event_waits_for_its_time() -> None:
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "wait", event=timer("PT2H")).end()
    case = Case(drawing.flow("start", "wait", "end").process()).start()

    case.advance(7_199_999)
    assert case.live.status == "waiting"
    case.advance(1)

    assert case.live.status == "completed"


def test_a_timer_may_name_a_date() -> None:
    event = timer("2026-01-05T10:00:00+00:00", TimerKind.DATE)
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "wait", event=event).end()
    case = Case(drawing.flow("start", "wait", "end").process()).start()

    assert next(iter(case.live.timers.values())).due == MONDAY + 3_600_000


def test_a_message_catch_event_waits_for_its_key_and_takes_the_payload() -> None:
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "wait", event=message("paid", "order")).end()
    case = Case(drawing.flow("start", "wait", "end").process()).start(order="SO-1")
    subscription = next(iter(case.live.subscriptions.values()))
    assert (subscription.name, subscription.key) == ("paid", "SO-1")

    case.message("paid", {"amount": "10.00"})

    assert (case.live.status, case.live.variables(1)["amount"]) == ("completed", "10.00")


def test_a_message_for_a_subscription_that_is_over_wants_another_receiver() -> None:
    drawing = Drawing().start().add(Kind.CATCH_EVENT, "wait", event=message("paid")).service("a").end()
    case = Case(drawing.flow("start", "wait", "a", "end").process()).start()
    subscription = next(iter(case.live.subscriptions))
    case.message("paid")

    decision = case.give(
        i.MessageArrived(id="again", instance="i1", at=case.now, subscription=subscription, name="paid")
    )

    assert (decision.facts, decision.returned) == ([], True)


def test_an_event_gateway_takes_the_first_event_and_disarms_the_others() -> None:
    drawing = Drawing().start().add(Kind.EVENT_GATEWAY, "first").end("e1").end("e2")
    drawing.add(Kind.CATCH_EVENT, "paid", event=message("paid")).add(Kind.CATCH_EVENT, "late", event=timer("P3D"))
    drawing.flow("start", "first", "paid", "e1").flow("first", "late", "e2")

    by_message = Case(drawing.process()).start()
    by_message.message("paid")
    by_timer = Case(drawing.process()).start().advance(3 * 24 * 3_600_000)

    assert by_message.entered() == ["start", "first", "paid", "e1"]
    assert by_timer.entered() == ["start", "first", "late", "e2"]
    assert not by_message.live.timers
    assert not by_timer.live.subscriptions


def test_a_user_task_is_open_until_somebody_completes_it() -> None:
    task = Task(assignee=Formula(lambda v: v["boss"]), candidate_groups=("buyers",))
    drawing = Drawing().start().add(Kind.USER_TASK, "approve", task=task).end().flow("start", "approve", "end")
    case = Case(drawing.process()).start(boss="li")
    assert case.live.status == "waiting"

    case.give(
        i.CompleteStep(id="c", instance="i1", at=case.now, step=case.step("approve"), output={"ok": True}, by="li")
    )

    assert (case.live.status, case.live.variables(1)["ok"]) == ("completed", True)


def test_a_service_task_cannot_be_completed_by_hand_while_its_command_is_out() -> None:
    case = Case(Drawing().start().service("a").end().flow("start", "a", "end").process()).start()

    with pytest.raises(IllegalInput) as refusal:
        case.give(i.CompleteStep(id="c", instance="i1", at=case.now, step=case.step("a")))

    assert refusal.value.code == "NOT_OPEN"


def test_a_non_interrupting_timer_repeats_while_its_activity_is_open() -> None:
    drawing = Drawing().start().service("a").end().service("remind").end("e2")
    drawing.boundary("every", "a", timer("R2/PT10M", TimerKind.CYCLE), interrupting=False)
    drawing.flow("start", "a", "end").flow("every", "remind", "e2")
    case = Case(drawing.process()).start()

    case.advance(3_600_000)

    assert case.open() == ["a", "remind", "remind"]
    assert case.entered().count("every") == 2
    assert not case.live.timers


def test_a_script_task_puts_its_value_at_its_path() -> None:
    task = Task(script=Formula(lambda v: v["n"] * 2), result="order.total")
    drawing = Drawing().start().add(Kind.SCRIPT_TASK, "sum", task=task).end().flow("start", "sum", "end")

    case = Case(drawing.process()).start(n=21, order={"id": 1})

    assert case.live.variables(1)["order"] == {"id": 1, "total": 42}


def test_a_terminate_end_event_ends_everything_once_open_commands_are_known() -> None:
    drawing = Drawing().start().add(Kind.PARALLEL_GATEWAY, "fork").service("a").service("b").end("e")
    drawing.end("stop", Trigger.TERMINATE).flow("start", "fork", "a", "stop").flow("fork", "b", "e")
    case = Case(drawing.process()).start()

    case.complete("a")
    assert case.live.status == "running"
    case.reply("b", i.ProbedOutcome(verdict="applied"))

    assert (case.live.status, case.undone()) == ("completed", [])


def test_a_terminate_end_event_in_a_sub_process_ends_only_that() -> None:
    drawing = Drawing().start().add(Kind.SUB_PROCESS, "sub").service("after").end().flow("start", "sub", "after", "end")
    drawing.start("s0", inside="sub").add(Kind.PARALLEL_GATEWAY, "fork", inside="sub")
    drawing.add(Kind.USER_TASK, "person", inside="sub").end("e", inside="sub")
    drawing.end("stop", Trigger.TERMINATE, inside="sub").flow("s0", "fork", "stop").flow("fork", "person", "e")

    case = Case(drawing.process()).start()

    assert case.open() == ["after"]


def test_an_error_inside_a_sub_process_is_caught_on_its_border() -> None:
    drawing = Drawing().start().add(Kind.SUB_PROCESS, "sub").end().service("fix").end("e2")
    drawing.start("s0", inside="sub").service("x", inside="sub").end("s1", inside="sub").flow("s0", "x", "s1")
    drawing.boundary("caught", "sub", EventDefinition(trigger=Trigger.ERROR, code="NO"))
    drawing.flow("start", "sub", "end").flow("caught", "fix", "e2")
    case = Case(drawing.process()).start()

    case.reject("x", "NO")

    assert case.open() == ["fix"]
    assert list(case.live.scopes) == [1]


def test_variables_of_a_sub_process_merge_into_the_surrounding_scope_when_it_ends() -> None:
    drawing = Drawing().start().add(Kind.SUB_PROCESS, "sub").end().flow("start", "sub", "end")
    drawing.start("s0", inside="sub").service("x", inside="sub").end("s1", inside="sub").flow("s0", "x", "s1")
    case = Case(drawing.process()).start(a=1)

    case.complete("x", {"b": 2})

    assert case.live.variables(1) == {"a": 1, "b": 2}


def test_a_loop_that_never_waits_is_stopped_by_an_incident() -> None:
    drawing = Drawing().start().add(Kind.EXCLUSIVE_GATEWAY, "m").add(Kind.TASK, "t").flow("start", "m", "t", "m")

    case = Case(drawing.process()).start()

    assert [code for _, code in case.incidents()] == ["RUNAWAY"]


def test_an_instance_starts_once() -> None:
    case = Case(Drawing().start().service("a").end().flow("start", "a", "end").process()).start()

    with pytest.raises(IllegalInput) as refusal:
        case.start()

    assert refusal.value.code == "ALREADY_STARTED"
