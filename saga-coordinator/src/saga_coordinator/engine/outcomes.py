"""What replies do: the five outcomes, and what probes find (DESIGN 6).

    phase        completed  accepted  rejected  unavailable  unknown   probed
    executing    complete   accepted  throw     back off     probe     -
    accepted     complete   -         throw     -            -         by verdict
    probing      complete   accepted  throw     back off     -         by verdict
    probe-wait   complete   accepted  throw     back off     -         -
    backoff      complete   -         -         -            -         -
    incident     complete   accepted  throw     -            -         -

A reply to anything but the attempt that is out is late (see `late`). `deferred` is no outcome: while the attempt is
executing it moves the beginning of its time, else it tells nothing.
"""

from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.activities import complete, task_of
from saga_coordinator.engine.commands import LONGEST_WAIT, PROBE_AGAIN, UNDO_RETRY, clear, delay, probe, wake
from saga_coordinator.engine.incidents import (
    RETRIES_EXHAUSTED,
    SEVERAL_DOCUMENTS,
    UNKNOWN_OUTCOME,
    raise_incident,
)
from saga_coordinator.engine.interrupting import keep_possible_effect
from saga_coordinator.engine.late import late, one_too_many, same_document
from saga_coordinator.engine.process import Retry
from saga_coordinator.engine.recovery import undone
from saga_coordinator.engine.state import Phase, Step
from saga_coordinator.engine.throwing import throw_error
from saga_coordinator.engine.turn import Turn

UNSETTLED = frozenset({Phase.EXECUTING, Phase.PROBING, Phase.PROBE_WAIT})


def reply(turn: Turn, answer: i.Reply) -> None:
    """A connector answered."""
    step = turn.state.steps.get(answer.step)
    if step is None or step.completed:
        late(turn, answer)
    elif step.command is not None and answer.command == step.command.command:
        _executed(turn, step, answer)
    elif step.phase is Phase.PROBING and step.probe is not None and answer.command == step.probe.command:
        _probed(turn, step, answer.outcome)
    elif answer.command in turn.state.absents and isinstance(answer.outcome, i.CompletedOutcome):
        _overtaken(turn, step, answer.command, answer.outcome)
    else:
        late(turn, answer)


def _overtaken(turn: Turn, step: Step, command: str, outcome: i.CompletedOutcome) -> None:
    """An earlier attempt, recorded absent, was applied after all. If nothing newer is under way it is the step's
    effect; else it is kept until the newer attempt is known, because a probe could be finding either."""
    turn.emit(f.LateEffectHeld(step=step.id, command=command, output=outcome.output, references=outcome.references))
    if step.phase is Phase.BACKOFF or (step.incident is not None and step.incident.resume == "again"):
        adopt(turn, turn.state.steps[step.id])


def adopt(turn: Turn, step: Step) -> None:
    """The held effect is what the step did."""
    held = step.held[0]
    applied(turn, step, i.CompletedOutcome(output=held.output, references=held.references))


def _executed(turn: Turn, step: Step, answer: i.Reply) -> None:
    outcome = answer.outcome
    match outcome:
        case i.CompletedOutcome():
            applied(turn, step, outcome)
        case i.AcceptedOutcome() if step.phase in UNSETTLED:
            _accepted(turn, step, outcome)
        case i.RejectedOutcome() if step.phase in UNSETTLED or step.phase is Phase.ACCEPTED or _asks(step):
            rejected(turn, step, outcome)
        case i.UnavailableOutcome() if step.phase in UNSETTLED:
            not_applied(turn, step, outcome.reason, outcome.retry_after)
        case i.UnknownOutcome() if step.phase is Phase.EXECUTING:
            unknown(turn, step, outcome.reason)
        case i.DeferredOutcome() if step.phase is Phase.EXECUTING:
            _deferred(turn, step, outcome)
        case _:
            late(turn, answer)


def _deferred(turn: Turn, step: Step, outcome: i.DeferredOutcome) -> None:
    until = min(outcome.until, turn.now + round(LONGEST_WAIT * 1000))
    turn.emit(f.CommandDeferred(step=step.id, command=step.sent.command, until=until, reason=outcome.reason))


def _asks(step: Step) -> bool:
    return step.incident is not None and step.incident.resume == "probe"


def applied(
    turn: Turn,
    step: Step,
    outcome: i.CompletedOutcome | i.ProbedOutcome,
    by: str | None = None,
    *,
    presumed: bool = False,
) -> None:
    """The command took effect, or is `presumed` to have. An effect of an earlier attempt that is not the same document
    is one too many."""
    _settled(turn, step)
    if step.undoes is not None:
        undone(turn, step.id)
        return
    complete(turn, step.id, outcome.output, outcome.references, by, presumed=presumed)
    for held in step.held:
        if not same_document((held.output, held.references), (outcome.output, outcome.references)):
            one_too_many(turn, step.id, held.command, held.output, held.references)


def _settled(turn: Turn, step: Step) -> None:
    """The outcome is known: no retry, no probe and no person is needed for it any more."""
    for purpose in ("retry", "probe"):
        clear(turn, turn.state.steps[step.id], purpose)
    if step.incident is not None:
        turn.emit(f.IncidentResolved(step=step.id))


def _accepted(turn: Turn, step: Step, outcome: i.AcceptedOutcome) -> None:
    _settled(turn, step)
    if step.lingers:
        applied(turn, step, i.CompletedOutcome(output={"reference": outcome.reference}))
    else:
        turn.emit(f.StepAccepted(step=step.id, reference=outcome.reference))


def rejected(turn: Turn, step: Step, outcome: i.RejectedOutcome) -> None:
    """A business refusal: certainly not applied."""
    _settled(turn, step)
    turn.emit(f.StepRejected(step=step.id, code=outcome.code, message=outcome.message, details=outcome.details))
    if step.held:
        adopt(turn, step)
        return
    keep_possible_effect(turn, step.id)
    if step.lingers:
        turn.leave(step.id, [])
    elif step.undoes is not None:
        _undo_rejected(turn, step, outcome)
    else:
        throw_error(turn, step.id, outcome.code, outcome.message, resume="again")


def _undo_rejected(turn: Turn, step: Step, outcome: i.RejectedOutcome) -> None:
    """A refusal may say that what nobody knew of had never happened; else a person has to look at it."""
    effect = turn.state.log[step.undo_of]
    if effect.presumed and effect.undo is not None and outcome.code in effect.undo.never:
        undone(turn, step.id, null=True)
    else:
        raise_incident(turn, step.id, outcome.code, outcome.message, "again")


def not_applied(turn: Turn, step: Step, reason: str, retry_after: float | None = None, *, unsure: bool = False) -> None:
    """Not applied (or `unsure`, and safe to repeat): try again by the step's policy, durably."""
    if step.held:
        adopt(turn, step)
        return
    _settled(turn, step)
    if step.lingers:
        turn.emit(f.StepUnavailable(step=step.id, attempt=step.attempt, reason=reason))
        keep_possible_effect(turn, step.id)
        turn.leave(step.id, [])
        return
    policy = retry_policy(turn, step)
    if step.attempt >= policy.attempts:
        turn.emit(f.StepUnavailable(step=step.id, attempt=step.attempt, reason=reason, unsure=unsure))
        raise_incident(turn, step.id, RETRIES_EXHAUSTED, f"{step.attempt} attempts: {reason}", "again")
        return
    due = turn.now + delay(turn, step, policy, step.attempt, retry_after)
    turn.emit(f.StepUnavailable(step=step.id, attempt=step.attempt, reason=reason, retry_at=due, unsure=unsure))
    wake(turn, step, "retry", due)


def retry_policy(turn: Turn, step: Step) -> Retry:
    """How often and how fast the step is tried again."""
    return UNDO_RETRY if step.undoes is not None else task_of(turn.element(step)).retry


def unknown(turn: Turn, step: Step, reason: str, *, no_reply: bool = False) -> None:
    """Nobody knows: what is safe to repeat is repeated, else the connector is asked, else a person.

    `no_reply`: the connector itself has not answered; it is always asked, because it may know.
    """
    turn.emit(f.StepUnknown(step=step.id, attempt=step.attempt, reason=reason))
    command = step.sent
    if no_reply or command.probe:
        probe(turn, turn.state.steps[step.id])
    else:
        _unprobeable(turn, step, reason)


def _unprobeable(turn: Turn, step: Step, reason: str) -> None:
    command = step.sent
    if command.safe_to_repeat or command.reads:
        if step.lingers and not command.reads:
            applied(turn, step, i.CompletedOutcome(), presumed=True)  # see `keep_possible_effect`
        else:
            not_applied(turn, step, reason, unsure=True)
    else:
        raise_incident(turn, step.id, UNKNOWN_OUTCOME, reason or "nobody can tell whether it happened", "probe")


def _probed(turn: Turn, step: Step, outcome: i.Outcome) -> None:
    verdict = outcome.verdict if isinstance(outcome, i.ProbedOutcome) else "unreachable"
    documents = outcome.documents if isinstance(outcome, i.ProbedOutcome) else []
    turn.emit(f.ProbeAnswered(step=step.id, attempt=step.attempt, verdict=verdict, documents=documents))
    if isinstance(outcome, i.RejectedOutcome):
        raise_incident(turn, step.id, outcome.code, outcome.message, "probe")
        return
    if not isinstance(outcome, i.ProbedOutcome):
        _ask_again(turn, step, getattr(outcome, "retry_after", None))
        return
    match outcome.verdict:
        case "applied":
            applied(turn, step, outcome)
        case "absent":
            not_applied(turn, step, "the probe found nothing")
        case "several":
            found = ", ".join(outcome.documents)
            raise_incident(turn, step.id, SEVERAL_DOCUMENTS, f"several documents carry the key: {found}", "probe")
        case "impossible":
            _unprobeable(turn, step, "the operation cannot be probed")
        case _ if step.lingers and step.accepted:
            applied(turn, step, i.CompletedOutcome(output={"reference": step.reference}))  # it is there, and pending
        case _:
            _ask_again(turn, step)


def _ask_again(turn: Turn, step: Step, retry_after: float | None = None) -> None:
    known = turn.state.steps[step.id]
    due = turn.now + delay(turn, known, PROBE_AGAIN, known.probes, retry_after)
    wake(turn, known, "probe", due)
