"""Acts are told in words, with what was before and after."""

from typing import Any

import msgspec
import pytest

from monitor_service.acts import in_words
from monitor_service.entries import facts_of
from monitor_service.summary import Summary
from monitor_service.timeline import fold


@pytest.mark.parametrize(
    ("action", "before", "after", "told"),
    [
        ("retry", None, None, "key:ann tried CreateOrder again"),
        ("retry", {"input": {"a": 1}}, {"input": {"a": 2}}, "key:ann tried CreateOrder again with another input"),
        ("retry", None, {"happened": False}, "key:ann tried CreateOrder again, saying that it did not happen"),
        ("cancel", None, {"undo": True}, "key:ann cancelled the instance and has it undone"),
        ("move", {"element": "Ship"}, {"element": "Check"}, "key:ann moved the token at CreateOrder to Check"),
        ("migrate", {"version": 1}, {"version": 2}, "key:ann took the instance from version 1 to version 2"),
        ("set-variables", {}, {"variables": {"b": 1, "a": 1}}, "key:ann gave a, b new values"),
        ("dance", None, None, "key:ann dance"),
    ],
)
def test_an_act_is_a_sentence(action: str, before: Any, after: Any, told: str) -> None:
    assert in_words(action, "key:ann", "CreateOrder", before, after) == told


def entry(*facts: dict[str, Any]) -> bytes:
    return msgspec.json.encode(facts)


ACTED = {"fact": "operator-acted", "by": "key:ann", "reason": "why not", "step": 2}
ENTERED = {"fact": "entered", "step": 2, "element": "CreateOrder", "scope": 1}
STUCK = {"fact": "incident-raised", "step": 2, "code": "RETRIES_EXHAUSTED"}


def test_a_timeline_tells_who_did_what_why_and_how_it_stood_before_and_after() -> None:
    # given
    skipped = {**ACTED, "action": "skip", "after": {"output": {"number": "1"}}}
    journal = [
        (1, 1_000, entry(ENTERED, STUCK, {"fact": "status-changed", "status": "incident"})),
        (2, 2_000, entry(skipped, {"fact": "status-changed", "status": "completed"})),
    ]

    # when
    act = fold(journal).events[-1]

    # then
    assert (act.at, act.seq, act.fact, act.by, act.message) == (2_000, 2, "skip", "key:ann", "why not")
    assert (act.element, act.text) == ("CreateOrder", "key:ann skipped CreateOrder")
    assert act.before == {"status": "incident"}
    assert act.after == {"status": "completed", "output": {"number": "1"}}


@pytest.mark.parametrize("ends", ["incident-resolved", "interrupted", "undone"])
def test_an_incident_is_resolved_by_whoever_acted(ends: str) -> None:
    summary = Summary("i1")
    summary.apply(1, 1_000, facts_of(entry(ENTERED, STUCK)))

    summary.apply(2, 2_000, facts_of(entry({**ACTED, "action": "skip"}, {"fact": ends, "step": 2})))

    (incident,) = summary.fresh_incidents
    assert (incident.resolved_at, incident.resolved_by) == (2_000, "key:ann")


def test_nobody_resolves_an_incident_that_goes_away_by_itself() -> None:
    summary = Summary("i1")
    summary.apply(1, 1_000, facts_of(entry(ENTERED, STUCK)))

    summary.apply(2, 2_000, facts_of(entry({"fact": "left", "step": 2})))

    assert summary.fresh_incidents[0].resolved_by is None


def test_an_instance_that_was_migrated_is_found_in_its_new_version() -> None:
    summary = Summary("i1", version=1)

    summary.apply(1, 1_000, facts_of(entry({"fact": "migrated", "version": 2})))

    assert summary.version == 2
