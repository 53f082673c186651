"""`throughline instance` says over the API what its options say."""

import json
import socket

import pytest
import requests
import responses
from click.testing import CliRunner, Result
from responses import matchers

from throughline.cli import main

URL = "http://hub.test"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["instance", "--url", URL, "--key", "tl_x", "--wait", "5", *arguments])


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (("retry", "i1"), "retry", {}),
        (("retry", "i1", "--step", "7", "--input", '{"a": 1}'), "steps/7/retry", {"input": {"a": 1}}),
        (("retry", "i1", "--step", "7", "--did-not-happen"), "steps/7/retry", {"happened": False}),
        (("skip", "i1", "--step", "7", "--output", "{}"), "steps/7/skip", {"output": {}}),
        (("move", "i1", "--step", "7", "--to", "Check", "--undo"), "steps/7/move", {"to": "Check", "undo": True}),
        (("suspend", "i1", "--expected-seq", "3"), "suspend", {"expected_seq": 3}),
        (("resume", "i1"), "resume", {}),
        (("cancel", "i1", "--no-undo"), "cancel", {"undo": False}),
        (("migrate", "i1", "--version", "2"), "migrate", {"version": 2}),
    ],
)
@responses.activate
def test_an_act_is_asked_for_with_its_reason(arguments: tuple[str, ...], path: str, body: dict[str, object]) -> None:
    asked = [
        matchers.json_params_matcher({**body, "reason": "why"}),
        matchers.header_matcher({"Authorization": "Bearer tl_x", "Prefer": "wait=5"}),
    ]
    responses.post(f"{URL}/instances/i1/{path}", json={"id": "i1"}, match=asked)

    done = run(*arguments, "--reason", "why")

    assert (done.exit_code, json.loads(done.output)) == (0, {"id": "i1"}), done.output


@responses.activate
def test_an_act_that_is_still_under_way_is_told_by_the_exit_code() -> None:
    responses.post(f"{URL}/instances/i1/cancel", json={"status": "compensating"}, status=202)

    assert run("cancel", "i1", "--reason", "why").exit_code == 3


@responses.activate
def test_a_refusal_tells_its_code_and_why() -> None:
    problem = {"title": "Conflict", "status": 409, "code": "MOVED", "detail": "It has moved."}
    responses.post(f"{URL}/instances/i1/resume", json=problem, status=409)

    refused = run("resume", "i1", "--reason", "why")

    assert (refused.exit_code, "MOVED: It has moved." in refused.output) == (1, True)


def test_what_is_no_json_is_refused_before_anything_is_asked() -> None:
    assert run("skip", "i1", "--step", "7", "--output", "{", "--reason", "why").exit_code == 2


def test_an_edited_input_needs_a_step() -> None:
    assert run("retry", "i1", "--input", "{}", "--reason", "why").exit_code == 2


@responses.activate
def test_an_instance_is_shown() -> None:
    responses.get(f"{URL}/instances/i1", json={"id": "i1", "steps": []})

    assert json.loads(run("show", "i1").output)["id"] == "i1"


def test_help_needs_no_key_and_asking_does() -> None:
    # when
    told = CliRunner().invoke(main, ["instance", "show", "--help"], env={"THROUGHLINE_KEY": None})
    asked = CliRunner().invoke(main, ["instance", "show", "i1"], env={"THROUGHLINE_KEY": None})

    # then
    assert (told.exit_code, "Print an instance" in told.output) == (0, True)
    assert (asked.exit_code, "THROUGHLINE_KEY" in asked.output) == (2, True)


def test_a_hub_that_is_not_there_is_told_in_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        away = CliRunner().invoke(main, ["instance", "--url", url, "--key", "tl_x", "show", "i1"])

    assert away.exit_code == 1
    assert away.output == f"Error: the hub at {url} cannot be reached: does it run there?\n"


@responses.activate
def test_a_hub_that_does_not_answer_is_told_in_one_line() -> None:
    responses.get(f"{URL}/instances/i1", body=requests.ReadTimeout("urllib3 says much"))

    assert run("show", "i1").output == f"Error: the hub at {URL} has not answered for 35 s\n"


@responses.activate
def test_what_is_no_hub_is_told_in_one_line() -> None:
    responses.get(f"{URL}/instances/i1", body="<html>")

    other = run("show", "i1")

    assert (other.exit_code, len(other.output.splitlines()), "no JSON" in other.output) == (1, 1, True)


@pytest.mark.parametrize("arguments", [("show",), ("cancel", "--reason", "why")])
@responses.activate
def test_an_id_is_one_part_of_the_address_whatever_is_in_it(arguments: tuple[str, ...]) -> None:
    responses.get(f"{URL}/instances/a%2F..%2Fb%3Fc%23%20d", json={"id": "shown"})
    responses.post(f"{URL}/instances/a%2F..%2Fb%3Fc%23%20d/cancel", json={"id": "cancelled"})

    done = run(*arguments, "a/../b?c# d")

    assert done.exit_code == 0, done.output
