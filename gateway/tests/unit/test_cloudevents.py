from typing import Any

import pytest

from gateway.cloudevents import BATCH, STRUCTURED, read_events
from service_kit.http import BadRequest

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "crm.order.confirmed"}
HEADERS = {f"ce-{name}": value for name, value in EVENT.items()}


def test_a_structured_event_is_read_without_the_extensions_that_the_hub_does_not_carry() -> None:
    body = {**EVENT, "subject": "SO-1", "data": {"a": 1}, "comexampleextension": "x"}

    assert read_events(STRUCTURED, {}, body) == [{**EVENT, "subject": "SO-1", "data": {"a": 1}}]


def test_a_batch_keeps_its_order() -> None:
    second = {**EVENT, "id": "2"}

    assert read_events(BATCH, {}, [EVENT, second]) == [EVENT, second]


def test_a_binary_event_has_its_attributes_in_headers_and_its_data_in_the_body() -> None:
    headers = {**HEADERS, "ce-subject": "%E8%AE%A2%E5%8D%95", "content-type": "application/json"}

    assert read_events("application/json", headers, [1, 2]) == [{**EVENT, "subject": "订单", "data": [1, 2]}]


def test_a_binary_event_names_the_headers_that_are_missing() -> None:
    headers = {name: value for name, value in HEADERS.items() if name != "ce-type"}

    with pytest.raises(BadRequest) as refused:
        read_events("application/json", headers, {})

    assert [error.field for error in refused.value.errors] == ["ce-type"]


@pytest.mark.parametrize(
    ("media_type", "body", "field"),
    [
        (STRUCTURED, {**EVENT, "data_base64": "AQI="}, "data_base64"),
        (BATCH, [EVENT, {**EVENT, "id": "2", "data": {}, "data_base64": "AQI="}], "1.data_base64"),
    ],
    ids=["structured", "batch"],
)
def test_binary_data_is_refused_and_not_lost(media_type: str, body: Any, field: str) -> None:
    with pytest.raises(BadRequest, match="send JSON") as refused:
        read_events(media_type, {}, body)

    assert [error.field for error in refused.value.errors] == [field]


def test_the_trace_context_of_an_event_stays_with_it() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert read_events(STRUCTURED, {}, {**EVENT, "traceparent": parent})[0]["traceparent"] == parent
    assert read_events("application/json", {**HEADERS, "ce-traceparent": parent}, {})[0]["traceparent"] == parent


def test_an_event_without_a_trace_goes_on_with_that_of_the_request_that_brought_it() -> None:
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    requests = "00-11111111111111111111111111111111-2222222222222222-01"

    with_own, without = read_events(BATCH, {}, [{**EVENT, "traceparent": own}, EVENT], requests)

    assert (with_own["traceparent"], without["traceparent"]) == (own, requests)
