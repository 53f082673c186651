"""Looks through open instances for commands that are out too long: they are published again, to be verified before
anything is sent, and past their time the instance is nudged to ask what became of them. Callers and children are told
again what they wait for. A broker that lost its data is refilled this way.
"""

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from saga_coordinator import wire
from saga_coordinator.cache import folded
from saga_coordinator.clock import Clock
from saga_coordinator.duty import Duty
from saga_coordinator.engine import InstanceState, open_calls, open_commands
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.errors import Poison
from saga_coordinator.recalling import told_again
from saga_coordinator.settings import Settings
from saga_coordinator.store import held_commands, instances, journal
from saga_coordinator.suspensions import Suspensions
from saga_coordinator.vault import Vault
from service_kit.broker import Broker, BrokerUnavailable, Outgoing
from service_kit.database import reading
from service_kit.patience import Patience

_log = structlog.get_logger(__name__)
PAGES_AT_ONCE = 10
LONGEST_PAUSE_MS = 3_600_000


class Sweep:
    """Pages through open instances by id. Instances that were found without a command out are not read again until
    their journal has grown, or (where they wait for a child) some time has passed."""

    def __init__(
        self,
        store: Engine,
        broker: Broker,
        clock: Clock,
        settings: Settings,
        patience: Patience,
        vault: Vault,
        suspensions: Suspensions,
    ) -> None:
        self._suspensions = suspensions
        self._held: set[str] = set()
        self._store = store
        self._broker = broker
        self._clock = clock
        self._settings = settings
        self._patience = patience
        self._vault = vault
        self._duty = Duty(store, clock, "sweep", settings.duty_seconds)
        self._after = ""
        self._quiet: dict[str, tuple[int, float]] = {}
        self._pushed: dict[str, int] = {}

    def run(self) -> None:
        """Sweep some pages now and then until stopped, while it is this coordinator's duty."""
        while not self._patience.stopping.wait(self._settings.sweep_interval):
            try:
                if self._duty.mine():
                    self._sweep_some()
            except (DBAPIError, NoConnection, BrokerUnavailable) as error:
                _log.warning("sweep.unavailable", error=str(error))
        self._duty.leave()

    def _sweep_some(self) -> None:
        for _ in range(PAGES_AT_ONCE):
            self.sweep_page()
            if not self._after:
                break

    def sweep_page(self) -> int:
        """Look at the next page of open instances; how many messages were published. After the last page it begins
        again."""
        now = self._clock.now()
        with reading(self._store) as connection:
            page = instances.search(connection, open_only=True, after=self._after, limit=self._settings.sweep_page)
            last = journal.last_of(connection, [row.id for row in page])
            wanted = [id_ for id_, (seq, at) in last.items() if self._wanted(id_, seq, at, now)]
            records = journal.load(connection, wanted) if wanted else {}
            self._held = held_commands.of_instances(connection, wanted) if wanted else set()
        outgoing: list[Outgoing] = []
        for id_, record in records.items():
            outgoing += self._look_at(id_, record, now)
        self._broker.publish(outgoing)
        self._after = page[-1].id if len(page) == self._settings.sweep_page else ""
        if not self._after:
            self._end_of_round(now)
        return len(outgoing)

    def _wanted(self, instance: str, seq: int, at: int, now: int) -> bool:
        """Whether a command may be out too long: the shortest time is that of a nudge."""
        quiet_at, until = self._quiet.get(instance, (0, 0))
        if quiet_at == seq and now < until:
            return False
        return at < now - round(min(self._settings.sweep_after, self._settings.nudge_grace) * 1000)

    def _look_at(self, instance: str, record: journal.Record, now: int) -> list[Outgoing]:
        try:
            known = folded(instance, record)
        except Poison as poison:
            _log.error("sweep.unreadable", instance=instance, reason=str(poison))
            return []
        if known is None:
            return []
        return self._push(known.state, now) + self._recall(known.state, now)

    def _recall(self, state: InstanceState, now: int) -> list[Outgoing]:
        """What callers and children told each other, once it has taken them too long to go on: then after as long
        again as nothing has happened, for a child may take its time."""
        calling, patience = bool(open_calls(state)), round(self._settings.sweep_after * 1000)
        pause = max(patience, min(now - state.now, LONGEST_PAUSE_MS))
        if not open_commands(state):
            self._quiet[state.id] = (state.seq, now + pause if calling else float("inf"))
        if not calling or state.now > now - patience or not self._is_time(f"c:{state.id}", now, pause / 1000):
            return []
        with reading(self._store) as connection:
            inputs = told_again(connection, state, now // patience)
        _log.info("sweep.recalled", instance=state.id, inputs=len(inputs))
        return [wire.input_event(input_, self._settings.lanes) for input_ in inputs]

    def _push(self, state: InstanceState, now: int) -> list[Outgoing]:
        settings = self._settings
        commands = self._sent(state)
        outgoing: list[Outgoing] = []
        old = [command for command in commands if command.at < now - settings.sweep_after * 1000]
        if old and self._is_time(state.id, now, settings.sweep_after):
            outgoing += wire.command_events(old, state, settings.lanes, self._vault.open, verify=True)
        grace = settings.nudge_grace * 1000
        overdue = any(command.at + command.timeout + grace < now for command in commands)
        if overdue and self._is_time(f"n:{state.id}", now, settings.nudge_grace):
            nudge = i.Nudge(id=f"n:{state.id}:{state.seq}", instance=state.id)
            outgoing.append(wire.input_event(nudge, settings.lanes))
        if outgoing:
            _log.info("sweep.pushed", instance=state.id, commands=len(old), nudged=overdue)
        return outgoing

    def _sent(self, state: InstanceState) -> list[f.CommandIssued]:
        """Open commands, but those that are held back or may not be sent again: their time stands still."""
        suspended = self._suspensions.current().systems
        return [c for c in open_commands(state) if c.command not in self._held and c.system not in suspended]

    def _is_time(self, what: str, now: int, every: float) -> bool:
        if now - self._pushed.get(what, 0) < every * 1000:
            return False
        self._pushed[what] = now
        return True

    def _end_of_round(self, now: int) -> None:
        horizon = now - 10 * round(self._settings.sweep_after * 1000)
        self._pushed = {id_: at for id_, at in self._pushed.items() if at > horizon}
        if len(self._quiet) > 200_000:
            self._quiet.clear()
