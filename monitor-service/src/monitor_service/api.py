"""The handlers of `openapi/monitor-service.yaml`. Blocking: the kit calls them on worker threads."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from starlette.responses import Response

from monitor_service import search, store, views
from monitor_service.diagrams import Diagrams
from monitor_service.index import Index
from monitor_service.timeline import fold
from monitor_service.worker import JOURNAL
from service_kit.broker import Broker, BrokerUnavailable
from service_kit.database import reading
from service_kit.http import BadRequest, FieldError, answer


class Api:
    """Handlers by operationId."""

    def __init__(self, engine: Engine, broker: Broker, index: Index, diagrams: Diagrams) -> None:
        self._engine = engine
        self._broker = broker
        self._index = index
        self._diagrams = diagrams

    def search_instances(self, limit: int, cursor: str | None = None, **query: Any) -> Response:
        """Newest first."""
        conditions = search.Conditions(
            business_key=query.get("business_key"),
            document=query.get("document"),
            status=query.get("status") or (),
            process=query.get("process"),
            start=_ms("from", query.get("from")),
            end=_ms("to", query.get("to")),
            error=query.get("error"),
            root=query.get("root"),
        )
        with reading(self._engine) as connection:
            found, following = search.search(connection, conditions, limit, cursor)
        return answer({"items": [views.instance_view(row) for row in found], "next_cursor": following})

    def read_timeline(self, id: str) -> Response:  # noqa: A002 - the contract's name
        """Folded from the journal rows that the index has in one piece."""
        with reading(self._engine) as connection:
            found = search.read(connection, id)
            rows = search.read_entries(connection, id, found.seq)
        elements = self._diagrams.elements(found.process, found.version)
        return answer(views.timeline_view(found, fold(rows), elements))

    def list_incidents(
        self, limit: int, resolved: bool = False, instance: str | None = None, cursor: str | None = None
    ) -> Response:
        """Newest first."""
        with reading(self._engine) as connection:
            found, following = search.list_incidents(
                connection, instance, resolved=resolved, limit=limit, cursor=cursor
            )
        return answer({"items": [views.incident_view(row) for row in found], "next_cursor": following})

    def read_totals(self) -> Response:
        """How many instances there are by status."""
        with reading(self._engine) as connection:
            return answer({"by_status": search.totals(connection)})

    def read_lag(self) -> Response:
        """How far the index is behind."""
        with reading(self._engine) as connection:
            missing = search.count_gaps(connection)
            compared_at = store.compared_at(connection)
        return answer(
            {
                "queued": self._queued(),
                "gaps": missing,
                "newest_at": views.time_of(self._index.newest_at),
                "compared_at": views.time_of(compared_at),
            }
        )

    def _queued(self) -> int | None:
        try:
            return self._broker.depth(JOURNAL)
        except BrokerUnavailable:
            return None


def _ms(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
    except ValueError as error:
        raise BadRequest(errors=[FieldError(field, "is not a time")]) from error
