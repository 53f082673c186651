"""Call activities: a process runs others as instances of their own, and all of it is one saga."""

from typing import Any

from saga_coordinator import wire
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from service_kit.messages import Command, CommandKind, Completed, Outcome, Probed, ProbeVerdict, Rejected


def numbered(command: Command) -> Outcome | None:
    """Every order gets its step's name as its number, by which it is cancelled."""
    if command.kind is CommandKind.PROBE:
        return Probed(verdict=ProbeVerdict.APPLIED, output={"made": command.instance})
    return Completed(output={"made": command.input.get("part", "prepare")})


def refuses(part: str, operation_number: int) -> Any:
    """The n-th create of a part is refused."""
    seen: list[str] = []

    def answer(command: Command) -> Outcome | None:
        if command.operation == "erp.create-order" and command.input.get("part") == part:
            seen.append(command.id)
            if len(seen) == operation_number:
                return Rejected(code="NO_CREDIT", message="not this one")
        return numbered(command)

    return answer


def children(hub: Any, instance: str) -> list[Any]:
    return sorted(hub.service.search(parent=instance), key=lambda row: row.id)


def effects(hub: Any) -> list[tuple[str, str]]:
    """(operation, command id) as the connector carried them out."""
    return [(command.operation, command.id) for command in hub.connector.commands]


def facts_of(hub: Any, instance: str) -> list[f.Fact]:
    return [fact for row in hub.service.whole_journal(instance) for fact in wire.facts_of(row)]


def test_a_process_calls_others_and_goes_on_with_what_they_give(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two")
    hub.connector.answer = numbered

    # when
    request = hub.start("calls-two", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    first, second = children(hub, request.instance)
    assert [first.status, second.status] == ["completed", "completed"]
    assert {first.parent, second.parent, first.root, second.root} == {request.instance}
    assert hub.state(first.id).scopes[1].variables["part"] == "first"
    assert hub.state(request.instance).scopes[1].variables["made"] == "second"
    assert len(effects(hub)) == 5
    assert hub.dead_letters() == 0


def test_what_a_child_refuses_is_undone_in_it_in_its_brother_and_in_the_caller_in_reverse(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two")
    hub.connector.answer = refuses("second", 2)

    # when
    request = hub.start("calls-two", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "compensated")

    # then
    first, second = children(hub, request.instance)
    assert [first.status, second.status] == ["compensated", "compensated"]
    done = [id_ for operation, id_ in effects(hub) if operation == "erp.create-order"]
    undone = [command.instance for command in hub.connector.commands if command.operation == "erp.cancel-order"]
    assert [id_.rpartition(".")[0].rpartition(".")[0] for id_ in done] == [
        request.instance,
        *[first.id] * 2,
        *[second.id] * 2,
    ]
    assert undone == [second.id, first.id, first.id, request.instance]
    assert hub.left() == {"messages": 0, "subscriptions": 0}


def test_a_child_goes_on_under_its_callers_trace_and_key_and_shares_its_lane(hub: Any) -> None:
    # given
    hub.deploy("waits-inside", "calls-keyless")

    # when two children run at once under a key that only one instance may have
    request = hub.start("calls-keyless", variables={"order": 7})
    hub.drive(lambda: [row.status for row in children(hub, request.instance)] == ["waiting", "waiting"])

    # then
    left, right = children(hub, request.instance)
    assert [left.business_key, right.business_key] == ["SO-7", "SO-7"]
    assert {command.business_key for command in hub.connector.commands} == {"SO-7"}
    assert len({command.reply_to for command in hub.connector.commands}) == 1
    begun = wire.begun(hub.state(request.instance))
    assert {hub.state(id_).traceparent for id_ in (left.id, right.id)} == {begun}


def test_a_child_that_names_itself_takes_its_own_key_and_is_refused_where_it_is_taken(hub: Any) -> None:
    # given
    hub.deploy("named", "calls-named")
    holder = hub.start("named", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(holder.instance) == "waiting")

    # when
    request = hub.start("calls-named", variables={"order": "SO-1"})
    hub.drive(lambda: hub.status(request.instance) == "incident")

    # then
    (step,) = hub.state(request.instance).steps.values()
    assert step.incident.code == "CHILD_REFUSED"
    assert "SO-1" in step.incident.message
    assert children(hub, request.instance) == []

    # when the key is free, and somebody tries again
    hub.service.submit(i.Cancel(id="c", instance=holder.instance, undo=False))
    hub.drive(lambda: hub.status(holder.instance) == "cancelled")
    hub.service.submit(i.Retry(id="r", instance=request.instance))
    hub.drive(lambda: children(hub, request.instance))

    # then
    (child,) = children(hub, request.instance)
    assert (child.business_key, child.id) == ("SO-1", f"{request.instance}.{step.id}-2")


def test_a_process_that_is_not_deployed_is_an_incident_until_it_is(hub: Any) -> None:
    # given
    hub.deploy("calls-nobody")
    request = hub.start("calls-nobody", variables={"order": 1})
    hub.drive(lambda: hub.status(request.instance) == "incident")
    (step,) = hub.state(request.instance).steps.values()
    assert "not-deployed" in step.incident.message

    # when
    xml = (hub.processes / "creates.bpmn").read_bytes().replace(b'"creates"', b'"not-deployed"')
    hub.service.deploy(xml, "not-deployed")
    hub.service.submit(i.Retry(id="r", instance=request.instance))
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert hub.dead_letters() == 0


def test_a_process_that_calls_itself_without_end_is_stopped(hub: Any) -> None:
    # given
    hub.deploy("calls-itself")

    # when
    request = hub.start("calls-itself", variables={"order": 1})
    hub.drive(lambda: any(row.status == "incident" for row in hub.service.search(root=request.instance)))

    # then
    rows = hub.service.search(root=request.instance, limit=200)
    (deepest,) = [row for row in rows if row.status == "incident"]
    assert deepest.id.count(".") == 30
    (step,) = hub.state(deepest.id).steps.values()
    assert "nested" in step.incident.message


def test_a_child_runs_the_version_that_is_the_newest_when_it_begins(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two")
    hub.service.deploy((hub.processes / "creates.bpmn").read_bytes() + b"<!-- 2 -->", "creates")

    # when
    request = hub.start("calls-two", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "completed")

    # then
    assert [row.version for row in children(hub, request.instance)] == [2, 2]


def test_a_cancelled_caller_stops_its_child_and_undoes_what_it_did(hub: Any) -> None:
    # given
    hub.deploy("waits-inside", "calls-and-waits")
    request = hub.start("calls-and-waits", variables={"order": 7})
    hub.drive(lambda: [row.status for row in children(hub, request.instance)] == ["waiting"])

    # when
    hub.service.submit(i.Cancel(id="c", instance=request.instance))
    hub.drive(lambda: hub.status(request.instance) == "compensated")

    # then
    (child,) = children(hub, request.instance)
    assert child.status == "compensated"
    assert [operation for operation, _ in effects(hub)] == ["erp.create-order", "erp.cancel-order"]


def test_undoing_reaches_the_children_of_children(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two", "calls-a-caller")
    hub.connector.answer = numbered
    request = hub.start("calls-a-caller", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "waiting")
    made = [command.instance for command in hub.connector.commands]

    # when
    hub.service.submit(i.Cancel(id="c", instance=request.instance))
    hub.drive(lambda: hub.status(request.instance) == "compensated")

    # then
    undone = [command.instance for command in hub.connector.commands if command.operation == "erp.cancel-order"]
    assert undone == made[::-1]
    assert {row.status for row in hub.service.search(root=request.instance)} == {"compensated"}


def planned(hub: Any, instance: str) -> list[tuple[int, str, str | None]]:
    """(depth, element, operation) of every step of an undo plan."""
    plan = hub.service.undo_plan(instance)[1]
    assert all(undo.step.undoable for undo in plan)
    return [(undo.instance.count("."), undo.step.element, undo.step.operation) for undo in plan]


def test_the_undo_plan_of_a_caller_has_that_of_its_children_in_the_order_in_which_they_would_be_undone(
    hub: Any,
) -> None:
    # given
    hub.deploy("creates", "calls-two", "calls-a-caller")
    hub.connector.answer = numbered
    request = hub.start("calls-a-caller", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "waiting")

    # when
    plan = planned(hub, request.instance)

    # then
    inner = [(2, "book", "erp.cancel-order"), (2, "make", "erp.cancel-order")]
    calls = [(1, "second", None), *inner, (1, "first", None), *inner]
    assert plan == [(0, "outer", None), *calls, (1, "prepare", "erp.cancel-order")]


def test_the_undo_plan_tells_what_a_child_has_done_so_far(hub: Any) -> None:
    # given
    hub.deploy("waits-inside", "calls-and-waits")
    request = hub.start("calls-and-waits", variables={"order": 7})
    hub.drive(lambda: [row.status for row in children(hub, request.instance)] == ["waiting"])

    # when
    plan = planned(hub, request.instance)

    # then
    assert plan == [(0, "inner", None), (1, "make", "erp.cancel-order")]
    assert hub.service.undo_plan(request.instance)[1][0].step.order == 1


def test_everything_that_is_sent_twice_between_caller_and_child_counts_once(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two")
    hub.connector.answer = refuses("second", 2)
    request = hub.start("calls-two", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "compensated")
    family = [row.id for row in hub.service.search(root=request.instance)]
    before = {id_: hub.input_ids(id_) for id_ in family}

    # when every input of every instance is delivered again
    for id_ in family:
        hub.service.submit(*[wire.stored_input(row) for row in hub.service.whole_journal(id_)])
    hub.drive(lambda: hub.broker.depth("lane.0") + hub.broker.depth("lane.1") == 0 and not hub.turn(timeout=0.3))

    # then
    assert {id_: hub.input_ids(id_) for id_ in family} == before
    assert len(hub.connector.done) == len(set(effects(hub)))
    assert {row.status for row in hub.service.search(root=request.instance)} == {"compensated"}


def lose_what_waits(hub: Any) -> None:
    """The broker loses its data."""
    consumer = hub.lanes()
    hub.until(lambda: not consumer.ack(deliveries) if (deliveries := consumer.take(100, 0.2)) else True)


def swept(hub: Any, done: Any) -> None:
    """Let a sweep look that thinks everything takes too long."""
    sweeping = hub.new_coordinator(sweep_after=0.001, nudge_grace=0.001)
    hub.drive(lambda: sweeping.sweep.sweep_page() + 1 and done())


def test_the_start_of_a_child_that_the_broker_lost_is_sent_again(hub: Any) -> None:
    # given a caller whose journal has the call, and a broker that has lost it
    hub.deploy("waits-inside", "calls-and-waits")
    request = hub.new_start("calls-and-waits", variables={"order": 7})
    hub.decide(hub.coordinator, [hub.item(request)])

    # when
    swept(hub, lambda: [row.status for row in children(hub, request.instance)] == ["waiting"])

    # then
    (child,) = children(hub, request.instance)
    assert hub.input_ids(child.id)[0] == f"call:{child.id}"


def test_a_child_that_is_asked_before_it_began_is_asked_again(hub: Any) -> None:
    # given a caller that is cancelled while its call is still under way
    hub.deploy("waits-inside", "calls-and-waits")
    request = hub.new_start("calls-and-waits", variables={"order": 7})
    begun = hub.decide(hub.coordinator, [hub.item(request)]).outgoing
    cancel = i.Cancel(id="c", instance=request.instance)
    asked = hub.decide(hub.coordinator, [hub.item(cancel)]).outgoing

    # when what it asks comes before the call
    hub.broker.publish(asked)
    hub.until(lambda: hub.turn(timeout=1.0))
    hub.broker.publish(begun)
    swept(hub, lambda: hub.status(request.instance) == "compensated")

    # then
    (child,) = children(hub, request.instance)
    assert child.status in {"cancelled", "compensated"}
    creates = [operation for operation, _ in set(effects(hub)) if operation == "erp.create-order"]
    cancels = [operation for operation, _ in set(effects(hub)) if operation == "erp.cancel-order"]
    assert len(creates) == len(cancels)


def test_what_a_child_reported_and_the_broker_lost_is_told_again(hub: Any) -> None:
    # given a child that has ended, and a caller that has not heard of it
    hub.deploy("waits-inside", "calls-and-waits")
    request = hub.start("calls-and-waits", variables={"order": 7})
    hub.drive(lambda: [row.status for row in children(hub, request.instance)] == ["waiting"])
    (child,) = children(hub, request.instance)
    (step,) = hub.state(child.id).steps
    hub.decide(hub.coordinator, [hub.item(i.CompleteStep(id="done", instance=child.id, step=step))])
    assert (hub.status(child.id), hub.status(request.instance)) == ("completed", "running")

    # when
    swept(hub, lambda: hub.status(request.instance) == "completed")

    # then
    assert [id_ for id_ in hub.input_ids(request.instance) if ":told:" in id_] == [f"{child.id}:told:1"]


def test_an_undo_of_a_child_that_was_never_heard_of_is_asked_for_again(hub: Any) -> None:
    # given a caller that wants its finished child undone, and a broker that lost that
    hub.deploy("creates", "calls-two", "calls-a-caller")
    request = hub.start("calls-a-caller", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "waiting")
    hub.decide(hub.coordinator, [hub.item(i.Cancel(id="c", instance=request.instance))])

    # when
    swept(hub, lambda: hub.status(request.instance) == "compensated")

    # then
    undone = [id_ for operation, id_ in set(effects(hub)) if operation == "erp.cancel-order"]
    assert len(undone) == 5


def test_a_start_of_a_child_that_nobody_can_handle_is_told_to_its_caller(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-two")

    def parse(xml: bytes, id_: str, *more: Any) -> Any:
        return hub.parse(xml, id_, *more) if id_ != "creates" else 1 / 0

    broken = hub.new_coordinator(parse=parse)

    # when
    request = hub.start("calls-two", variables={"order": 7})
    hub.drive(lambda: hub.status(request.instance) == "incident", broken)

    # then
    (step,) = hub.state(request.instance).steps.values()
    assert step.incident.code == "CHILD_REFUSED"
    hub.until(lambda: hub.dead_letters() == 1)


def test_a_secret_that_a_caller_passes_on_is_sealed_in_every_journal_and_told_to_the_connector_only(hub: Any) -> None:
    # given
    hub.deploy("creates", "calls-with-secret")
    hub.connector.answer = lambda command: Completed(output={"made": command.input.get("order")})

    # when
    start = hub.new_start("calls-with-secret", variables={"account": {"token": "open-sesame"}})
    hub.service.submit(hub.service.sealed(start))
    hub.drive(lambda: hub.status(start.instance) == "completed")

    # then
    assert {command.input["order"] for command in hub.connector.commands} == {"open-sesame"}
    (child,) = children(hub, start.instance)
    rows = [*hub.service.whole_journal(start.instance), *hub.service.whole_journal(child.id)]
    passed_on = [row for row in rows if row.input_id == f"call:{child.id}"]
    assert len(passed_on) == 1
    assert not any(b"open-sesame" in text for row in passed_on for text in (row.input, row.facts))


def test_a_resume_that_a_child_has_not_heard_of_is_told_again(hub: Any) -> None:
    # given a child that waits because its caller was suspended, and a broker that lost that the caller goes on
    hub.deploy("waits-inside", "calls-and-waits")
    request = hub.start("calls-and-waits", variables={"order": 7})
    hub.drive(lambda: [row.status for row in children(hub, request.instance)] == ["waiting"])
    (child,) = children(hub, request.instance)
    hub.service.submit(i.Suspend(id="s", instance=request.instance))
    hub.drive(lambda: hub.status(child.id) == "suspended")
    hub.decide(hub.coordinator, [hub.item(i.Resume(id="r", instance=request.instance))])

    # when
    swept(hub, lambda: hub.status(child.id) == "waiting")

    # then
    assert len([id_ for id_ in hub.input_ids(child.id) if ":resume:again:" in id_]) == 1
