"""Publishes what is due: timers of instances, starts by schedule, starts whose business key is free now.

Also whoever is still to be told of a signal, and messages and lock grants of which no journal knows after a while.
"""

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from saga_coordinator import wire
from saga_coordinator.bpmn import Finding, Refused, Rule
from saga_coordinator.clock import Clock
from saga_coordinator.correlation import PAGE, arrival, signalled
from saga_coordinator.engine import inputs as i
from saga_coordinator.engine import recurrence, times
from saga_coordinator.engine.process import Process, TimerDefinition, Trigger
from saga_coordinator.locking import grant
from saga_coordinator.registry import Registry, start_events
from saga_coordinator.settings import Settings
from saga_coordinator.store import locks, messages, queued, signals, timers
from saga_coordinator.store.queued import Queued
from saga_coordinator.store.timers import Schedule
from service_kit.broker import Broker, BrokerUnavailable
from service_kit.calendars import is_cron
from service_kit.database import reading, writing
from service_kit.errors import KitError
from service_kit.ids import derived_id
from service_kit.patience import Patience

_log = structlog.get_logger(__name__)


class Timekeeper:
    """Looks for what is due. Any number may look at the same time; what they publish twice is recognised."""

    def __init__(
        self,
        store: Engine,
        broker: Broker,
        clock: Clock,
        settings: Settings,
        patience: Patience,
        registry: Registry,
    ) -> None:
        self._registry = registry
        self._complained: set[Schedule] = set()
        self._store = store
        self._broker = broker
        self._clock = clock
        self._settings = settings
        self._patience = patience

    def run(self) -> None:
        """Look again and again until stopped."""
        pause = self._settings.timer_interval
        while not self._patience.stopping.wait(pause):
            try:
                pause = 0.0 if self.publish_due() == PAGE else self._settings.timer_interval
            except (DBAPIError, NoConnection, BrokerUnavailable) as error:
                _log.warning("timers.unavailable", error=str(error))
                pause = 1.0

    def publish_due(self) -> int:
        """Publish up to a page of what is due now, timers and signals; how many the longer of them has. A row stays
        until the journal has it, and is published again if that takes too long."""
        now = self._clock.now()
        again_at = now + round(self._settings.timer_republish * 1000)
        with reading(self._store) as connection:
            schedules = timers.schedules_due(connection, now)
            work = timers.any_due(connection, now) or messages.any_overdue(connection, now)
            work = work or signals.any_due(connection, now)
            in_line = queued.next_in_line(connection, now, PAGE)
            grants = locks.overdue(connection, now, PAGE)
        self._start_scheduled(schedules, now)
        self._start_queued(in_line, again_at)
        self._tell_grants(grants, again_at)
        if not work:
            return 0
        with writing(self._store) as connection:
            due = timers.claim_due(connection, now, again_at, PAGE)
            overdue = messages.claim_overdue(connection, now, again_at, PAGE)
            told = signals.claim(connection, now, again_at, PAGE)
        inputs: list[i.Input] = [wire.timer_due(timer.instance, timer.timer) for timer in due]
        inputs += [arrival(message) for message in overdue]
        inputs += [signalled(each) for each in told]
        self._broker.publish([wire.input_event(input_, self._settings.lanes) for input_ in inputs])
        return max(len(due), len(told))

    def _start_scheduled(self, schedules: list[Schedule], now: int) -> None:
        """Publish first, then move on: a start that is published twice is the same instance."""
        for schedule in schedules:
            try:
                due = next_due(schedule, now, self._timer(schedule))
            except SQLAlchemyError:
                raise
            except Exception as error:  # what a file or a calendar of an installation says must not stop the others
                self._complain(schedule, error)
                continue
            self._broker.publish([wire.input_event(_start(schedule), self._settings.lanes)])
            with writing(self._store) as connection:
                timers.reschedule(connection, schedule, due)

    def _timer(self, schedule: Schedule) -> TimerDefinition | None:
        element = self._registry.get(schedule.process, schedule.version).elements.get(schedule.element)
        return element.event.timer if element is not None and element.event is not None else None

    def _complain(self, schedule: Schedule, error: Exception) -> None:
        """Once: the schedule stays due, and is looked at again and again."""
        if schedule not in self._complained:
            self._complained.add(schedule)
            told = {"process": schedule.process, "version": schedule.version, "element": schedule.element}
            _log.error("timers.schedule-cannot-go-on", **told, error=str(error))

    def _start_queued(self, rows: list[Queued], again_at: int) -> None:
        """Publish first here, too: the row stays until the journal has the start."""
        if rows:
            starts = [wire.input_event(wire.decoded(row.input), self._settings.lanes) for row in rows]
            self._broker.publish(starts)
            with writing(self._store) as connection:
                queued.wake_later(connection, rows, again_at)

    def _tell_grants(self, keys: list[tuple[str, int]], again_at: int) -> None:
        """Locks that were granted and of which the journal does not know yet."""
        if keys:
            self._broker.publish([wire.input_event(grant(*key), self._settings.lanes) for key in keys])
            with writing(self._store) as connection:
                locks.tell_later(connection, keys, again_at)


def _start(schedule: Schedule) -> i.Start:
    id_ = derived_id("start-by-schedule", schedule.process, schedule.element, str(schedule.due))
    return i.Start(
        id=id_,
        instance=id_,
        process=schedule.process,
        version=schedule.version,
        element=schedule.element,
        payload={"scheduledAt": times.iso(schedule.due)},
        digest=id_,
    )


def next_due(schedule: Schedule, now: int, timer: TimerDefinition | None = None) -> int | None:
    """When the schedule is due after this time. One start stands for all the times that nobody looked. Raises
    `ValueError` and `OverflowError` where its timetable knows no such time."""
    if schedule.every is None or schedule.remaining == 0:
        return None
    repeat = schedule.every if is_cron(schedule.every) else f"R/{schedule.every}"
    return recurrence.following(timer, repeat, schedule.due, now + 1)[0]


def schedules_of(process: Process, now: int) -> list[Schedule]:
    """The timer start events of a process that is deployed now. Raises `Refused` where one of them says no time."""
    found = []
    for element in start_events(process, Trigger.TIMER):
        timer = element.event.timer if element.event else None
        if timer is not None:
            due, every, remaining = _known_times(element.id, timer, now)
            found.append(Schedule(process.id, element.id, process.version, due, every, remaining))
    return found


def _known_times(element: str, timer: TimerDefinition, now: int) -> tuple[int, str | None, int | None]:
    try:
        return _times(timer, now)
    except (KitError, ValueError, OverflowError) as error:
        message = f"{timer.text}: {error} (there are no variables before an instance starts)"
        raise Refused([Finding(0, element, Rule.BAD_TIMER.value, message)]) from error


def _times(timer: TimerDefinition, now: int) -> tuple[int, str | None, int | None]:
    text = timer.text if timer.expression is None else str(timer.expression({}, {"now": now}))
    due, repeat = recurrence.first(timer, text, now)
    if repeat is None or is_cron(repeat):
        return due, repeat, None
    return due, repeat.rsplit("/", 1)[-1], times.cycle(repeat).times
