"""Deciding a batch of inputs, instance by instance. Reads and writes nothing but the keys of secrets."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from saga_coordinator import blobs, calls, secrecy, wire
from saga_coordinator.cache import Known
from saga_coordinator.chains import (
    ASKED,
    Chain,
    Duplicate,
    Item,
    Journalled,
    Poisoned,
    Refused,
    Result,
    Returned,
    Stale,
    Waiting,
)
from saga_coordinator.engine import Decision, IllegalInput, InstanceState, decide
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine.process import Process
from saga_coordinator.erasing import erased_decision
from saga_coordinator.errors import ProcessNotFound
from saga_coordinator.registry import Registry
from saga_coordinator.store.journal import Row
from saga_coordinator.store.queued import Queued
from saga_coordinator.store.refusals import Refusal
from saga_coordinator.store.tombstones import Tombstone
from saga_coordinator.suspensions import NOTHING, Suspended, Suspensions
from saga_coordinator.vault import Vault
from service_kit.sealing import is_marked

_log = structlog.get_logger(__name__)


LONGEST_REASON = 2_000
PURGED = "PURGED"
_IGNORED = (f.ReplyIgnored, f.InputIgnored)


class Decider:
    """Decides chains at `now` (ms). `stored`: (instance, input id) pairs known to be journalled; `refused`: starts that
    lost their business key, by input id; `suspended`: processes whose instances begin suspended; `spoiled`: why none of
    the inputs can be handled; `purged`: instances of which nothing is left, as far as it was looked for."""

    def __init__(
        self,
        registry: Registry,
        now: int,
        stored: Mapping[tuple[str, str], Row],
        refused: Mapping[str, Refusal | Queued],
        vault: Vault,
        spoiled: str = "",
        purged: Mapping[str, Tombstone] | None = None,
        suspensions: Suspensions | None = None,
        suspended: Suspended = NOTHING,
    ) -> None:
        self._registry = registry
        self._now = now
        self._stored = stored
        self._refused = refused
        self._vault = vault
        self._suspensions = suspensions
        self._suspended = suspended
        self._spoiled = spoiled
        self._purged = purged or {}

    def chain(self, instance: str, items: list[Item], known: Known | None, *, fresh: bool) -> Chain:
        """Decide the inputs of one instance in order."""
        chain = Chain(instance, items, known, [], known.state if known else None, fresh=fresh)
        taken: set[str] = set()
        for item in items:
            chain.results.append(self._result(chain, item.input, taken))
        return chain

    def _result(self, chain: Chain, input_: i.Input, taken: set[str]) -> Result:
        if input_.id in taken or (chain.known and input_.id in chain.known.inputs):
            # An instance that had ended when it was remembered may have been purged since.
            chain.suspicious = chain.suspicious or (chain.state is not None and chain.state.ended)
            return Duplicate()
        if (input_.instance, input_.id) in self._stored:
            return Duplicate()
        if input_.instance in self._purged:
            return afterlife(self._purged[input_.instance], input_)
        refusal = self._refused.get(input_.id) or self._misfit(chain, input_)
        if refusal is not None:
            chain.suspicious = True
            return Refused(refusal) if isinstance(refusal, Refusal) else Waiting(refusal)
        if chain.state is None and type(input_) is not i.Start:
            chain.suspicious = True
            return self._without_instance(input_)
        if self._spoiled:
            return Poisoned(self._spoiled)
        if type(input_) is i.Suspend and input_.cause and not self._is_active(input_.cause):
            return Stale()  # it was under way for so long that the process has been resumed
        try:
            return self._decided(chain, input_, taken)
        except SQLAlchemyError:
            raise
        except IllegalInput as illegal:
            chain.suspicious = True
            return Refused(Refusal(input_.id, input_.instance, illegal.code, printable(illegal.message)))
        except ProcessNotFound as error:
            chain.suspicious = True
            return _not_deployed(input_, error)
        except Exception as error:  # whatever one input does, the others of its batch go on
            chain.suspicious = True
            return Poisoned(printable(f"{type(error).__name__}: {error}"))

    def _decided(self, chain: Chain, input_: i.Input, taken: set[str]) -> Result:
        state = chain.state
        process = self._process(state, input_)
        at = self._now if state is None else max(self._now, state.now)
        input_ = msgspec.structs.replace(self._begins(process, input_), at=at)
        if secrecy.has_secrets(process):
            input_, decision = self._decided_sealed(process, state, input_)
        else:
            decision = decide(process, state, input_)
        if state is not None and state.erased:
            input_, decision = erased_decision(state, input_, decision)
        facts = decision.facts
        if not facts or type(facts[0]) in _IGNORED:
            chain.suspicious = True
        if not facts:
            return Returned() if decision.returned else Stale()
        after = decision.state
        row = self._row(input_, facts, after.seq)
        chain.state = after
        taken.add(input_.id)
        return Journalled(row, facts, after, input_, process.business_key)

    def _decided_sealed(self, process: Process, state: InstanceState | None, input_: Any) -> tuple[Any, Decision]:
        def seal(value: Any) -> Any:
            return self._vault.seal(input_.instance, value)

        sealed = secrecy.sealed_input(process, state, input_, seal)
        decision = decide(process, state, sealed)
        return sealed, secrecy.sealed_decision(process, state, decision, sealed.at, seal)

    def _row(self, input_: i.Input, facts: list[f.Fact], seq: int) -> Row:
        given = wire.encode(input_)
        if is_marked(given):
            self._vault.verify(input_.instance, msgspec.json.decode(given))
        aside: dict[str, bytes] = {}
        stored = blobs.put_aside(given, aside)
        told = blobs.put_aside(wire.encode(facts), aside)
        return Row(input_.instance, seq, input_.at, input_.id, stored, told, aside)

    def _is_active(self, cause: str) -> bool:
        return self._suspensions is not None and self._suspensions.is_active(cause)

    def _begins(self, process: Process, input_: Any) -> Any:
        """A start as it is decided: as a child, and as that of an instance that is suspended from the first."""
        if type(input_) is not i.Start:
            return input_
        return msgspec.structs.replace(_as_child(process, input_), suspended=self._suspended.processes.get(process.id))

    def _process(self, state: InstanceState | None, input_: Any) -> Process:
        if state is None:
            return self._registry.of(input_)
        if type(input_) is i.Migrate:
            return self._version(state, input_.version)
        return self._registry.get(state.process, state.version)

    def _version(self, state: InstanceState, version: int) -> Process:
        """The version that the instance is to go on in. Raises `IllegalInput`."""
        if version == state.version:
            raise IllegalInput("SAME_VERSION", f"the instance is in version {version}")
        try:
            return self._registry.get(state.process, version)
        except ProcessNotFound as error:
            raise IllegalInput("NO_SUCH_VERSION", f"{state.process} has no version {version}") from error

    @staticmethod
    def _misfit(chain: Chain, input_: i.Input) -> Refusal | None:
        """A start of what has started: the same request (answered with the same instance), or its key used again."""
        if type(input_) is not i.Start or chain.state is None:
            return None
        if input_.digest == chain.state.digest:
            return Refusal(input_.id, input_.instance, "ALREADY_STARTED", "it has started already", input_.instance)
        return Refusal(
            input_.id,
            input_.instance,
            "IDEMPOTENCY_KEY_REUSED",
            "the same idempotency key came with another request before",
            input_.instance,
        )

    @staticmethod
    def _without_instance(input_: i.Input) -> Result:
        if isinstance(input_, ASKED):
            return Refused(Refusal(input_.id, input_.instance, "NO_SUCH_INSTANCE", "there is no such instance"))
        if isinstance(input_, i.MessageArrived):
            return Returned()
        if isinstance(input_, i.Reply):
            return Poisoned("there is no such instance")
        return Stale()


def _as_child(process: Process, input_: i.Start) -> i.Start:
    """The start of a child whose process makes a business key of its own does not take its caller's. Raises
    `IllegalInput` for calls that are nested without end."""
    if input_.parent is None:
        return input_
    if calls.is_too_deep(input_):
        raise IllegalInput("TOO_DEEP", f"calls are nested more than {calls.DEEPEST} deep: does a process call itself?")
    own = process.business_key.expression is not None
    return msgspec.structs.replace(input_, business_key=None) if own else input_


def _not_deployed(input_: i.Input, error: ProcessNotFound) -> Result:
    """A caller that wants a process which nobody has deployed is told so; nobody else asks for one."""
    if isinstance(input_, i.Start) and input_.parent is not None:
        return Refused(Refusal(input_.id, input_.instance, "NO_SUCH_PROCESS", str(error)))
    return Poisoned(printable(f"{type(error).__name__}: {error}"))


def afterlife(tombstone: Tombstone, input_: i.Input) -> Result:
    """What becomes of an input of an instance that was purged. An effect that nobody will undo is a dead letter, so
    that a person hears of it; other replies are acknowledged and told in the log."""
    if isinstance(input_, ASKED):
        return Refused(Refusal(input_.id, input_.instance, PURGED, tombstone.told, input_.instance))
    if isinstance(input_, i.MessageArrived):
        return Returned()
    if not isinstance(input_, i.Reply):
        return Stale()
    outcome = input_.outcome
    name = str(type(outcome).__struct_config__.tag)
    applied = isinstance(outcome, i.CompletedOutcome | i.AcceptedOutcome)
    if applied or (isinstance(outcome, i.ProbedOutcome) and outcome.verdict == "applied"):
        return Poisoned(f"{tombstone.told}; a reply to {input_.command} tells that it was applied ({name})")
    _log.warning("reply.too-late", instance=input_.instance, command=input_.command, outcome=name, why="purged")
    return Stale()


def printable(text: str) -> str:
    """What is told of an error, as every store and broker takes it."""
    return text[:LONGEST_REASON].replace("\0", "\ufffd")
