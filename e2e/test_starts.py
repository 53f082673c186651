"""Starting instances through the API: once, whoever asks how often."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import requests

from e2e.stacks import PROCESSES, Stack, new_key
from service_kit.testing.waiting import until


def test_the_same_start_sent_twenty_times_at_once_makes_one_instance(hub: Stack) -> None:
    key, variables = uuid.uuid4().hex, {"order": {"number": new_key()}}

    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(hub.start, "approval", variables, {"Idempotency-Key": key}) for _ in range(20)]
        answers = [future.result() for future in asked]

    assert {answer.status_code for answer in answers} == {201}
    (instance,) = {answer.json()["id"] for answer in answers}
    assert hub.instance(instance)["seq"] == 1


def test_twenty_starts_at_once_with_one_business_key_make_one_instance(hub: Stack) -> None:
    variables = {"order": {"number": new_key()}}

    with ThreadPoolExecutor(20) as pool:
        answers = [
            future.result() for future in [pool.submit(hub.start, "one-at-a-time", variables) for _ in range(20)]
        ]

    (made,) = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(refused) == 19
    assert {(body["code"], body["existing_instance"]) for body in refused} == {("BUSINESS_KEY_TAKEN", made)}


def test_a_process_may_be_called_in_the_language_of_its_people(hub: Stack) -> None:
    # given
    name = new_key("订单")
    file = (PROCESSES / "same-again.bpmn").read_bytes().replace(b'"same-again"', f'"{name}"'.encode())

    # when
    deployed = hub.call("POST", "/processes", data=file, headers={"Content-Type": "application/xml"})
    instance = hub.started(name, {"order": {"number": name}})

    # then
    assert deployed.status_code == 201, deployed.text
    assert hub.call("GET", deployed.headers["Location"]).content == file
    assert until(lambda: hub.call("GET", "/instances", params={"process": name}).json()["items"])[0]["id"] == instance


def test_an_idempotency_key_with_another_body_is_refused(hub: Stack) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = hub.start("approval", {"order": {"number": "1"}}, key)

    again = hub.start("approval", {"order": {"number": "2"}}, key)

    assert (first.status_code, again.status_code) == (201, 422)
    assert again.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert again.headers["Content-Type"].startswith("application/problem+json")


def test_the_same_idempotency_key_of_another_caller_is_another_start(hub: Stack) -> None:
    other = hub.call("POST", "/api-keys", json={"name": new_key("caller"), "roles": ["operator"]}).json()["key"]
    key = {"Idempotency-Key": uuid.uuid4().hex}

    mine = hub.start("approval", {}, key)
    theirs = hub.start("approval", {}, {**key, "Authorization": f"Bearer {other}"})

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


def test_a_business_key_that_is_taken_is_refused_until_its_instance_has_ended(hub: Stack) -> None:
    variables = {"order": {"number": new_key()}}
    first = hub.started("one-at-a-time", variables)

    while_open = hub.start("one-at-a-time", variables)
    hub.complete(first, "Approve")
    hub.wait(first, "completed")
    afterwards = hub.start("one-at-a-time", variables)

    assert while_open.status_code == 409
    assert while_open.json()["existing_instance"] == first
    assert afterwards.status_code == 201
    assert afterwards.json()["id"] != first


def test_a_process_may_return_the_instance_that_exists(hub: Stack) -> None:
    number = new_key()
    first = hub.started("same-again", {"order": {"number": number}})

    again = hub.start("same-again", {"order": {"number": number}, "more": True})

    assert again.status_code == 200
    assert (again.json()["id"], again.json()["business_key"]) == (first, number)
    assert again.headers["Location"] == f"/instances/{first}"


def test_a_start_is_answered_with_the_address_of_its_instance(hub: Stack) -> None:
    answer = hub.start("approval", {"order": {"number": "1"}}, business_key="called-so")

    found = hub.call("GET", answer.headers["Location"])

    assert answer.status_code == 201
    assert found.status_code == 200
    assert (found.json()["id"], found.json()["business_key"]) == (answer.json()["id"], "called-so")
    assert found.json()["variables"] == {"order": {"number": "1"}}


def test_a_start_need_not_be_waited_for(hub: Stack) -> None:
    answer = hub.start("approval", {}, {"Prefer": "respond-async"})

    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    until(lambda: hub.call("GET", answer.headers["Location"]).status_code == 200)


def test_a_start_may_be_answered_at_the_end(hub: Stack) -> None:
    answer = hub.start("waits-a-second", {"pause": "PT0.5S"}, {"Prefer": "wait=20"})

    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["variables"]) == ("completed", {"pause": "over"})
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_a_wait_for_the_end_is_over_when_its_time_is(hub: Stack) -> None:
    answer = hub.start("approval", {}, {"Prefer": "wait=1"})

    assert answer.status_code == 201
    assert answer.json()["status"] not in ("completed", "failed")
    assert "Preference-Applied" not in answer.headers


def test_those_who_wait_stand_in_nobodys_way(hub: Stack) -> None:
    keys = [new_key() for _ in range(20)]
    wait = {"Prefer": "wait=30"}

    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(hub.start, "one-at-a-time", {"order": {"number": key}}, wait) for key in keys]
        instances = [hub.named(key) for key in keys]
        began = time.monotonic()
        answers = [hub.call("GET", "/processes"), hub.start("sums-up", {"amounts": [1, 2]}), _health(hub)]
        took = time.monotonic() - began
        for instance in instances:
            hub.complete(instance, "Approve")
        ended = [future.result() for future in waiting]

    assert [answer.status_code for answer in answers] == [200, 201, 200]
    assert took < 5
    assert [answer.json()["id"] for answer in ended] == instances
    assert {answer.json()["status"] for answer in ended} == {"completed"}


def _health(hub: Stack) -> requests.Response:
    return requests.get(f"{hub.hub.url}/health", timeout=10)
