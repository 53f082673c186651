"""Telling the hub that something happened."""

from typing import Any

from starlette.responses import Response

from gateway.cloudevents import read_events
from gateway.downstream import Downstream
from service_kit.http import answer, current_caller, header
from service_kit.http.answers import content_type, headers
from service_kit.ids import derived_id, new_id
from service_kit.tracing import traceparent

MESSAGES = "throughline/gateway/messages"
SIGNALS = "throughline/gateway/signals"


class Events:
    """Handlers by operationId."""

    def __init__(self, coordinator: Downstream) -> None:
        self._coordinator = coordinator

    async def publish_events(self, body: Any) -> Response:
        """CloudEvents, in any of the three modes."""
        events = read_events(content_type(), headers(), body, traceparent())
        await self._coordinator.ask("POST", "/events", json={"events": events})
        return answer({"accepted": len(events)}, 202)

    async def send_message(self, body: dict[str, Any]) -> Response:
        """Correlate a message with the instance that waits for it."""
        actor, key = current_caller().actor, header("Idempotency-Key")
        id_ = derived_id("message", actor, key) if key else new_id()
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": MESSAGES,
            "type": body["name"],
            "subject": body["key"],
            "data": body.get("payload"),
        }
        if position := traceparent():
            event["traceparent"] = position
        if "ttl" in body:
            event["ttl"] = body["ttl"]
        await self._coordinator.ask("POST", "/events", json={"events": [event], "routing": "message"})
        return answer({"id": id_}, 202)

    async def send_signal(self, body: dict[str, Any]) -> Response:
        """Tell everybody who waits for a signal."""
        actor, key = current_caller().actor, header("Idempotency-Key")
        id_ = derived_id("signal", actor, key) if key else new_id()
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": SIGNALS,
            "type": body["name"],
            "data": body.get("payload"),
        }
        await self._coordinator.ask("POST", "/events", json={"events": [event], "routing": "signal"})
        return answer({"id": id_}, 202)
