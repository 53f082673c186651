"""The wrapper of dead letters."""

from service_kit.broker.dead_letters import DEAD_LETTER, DeadLetter, read, wrap, wrap_body
from service_kit.messages import event

ORDER = event("order", "test", {"n": 1}, id_="a", subject="4711", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")


def test_the_wrapper_holds_the_event_untouched_and_keeps_its_trace() -> None:
    wrapper = wrap(ORDER, queue="lane.1", reason="why", deliveries=3)

    assert read(wrapper) == DeadLetter(queue="lane.1", reason="why", deliveries=3, event=ORDER)
    assert (wrapper.type, wrapper.subject, wrapper.traceparent) == (DEAD_LETTER, "4711", ORDER.traceparent)


def test_the_same_event_of_the_same_queue_has_the_same_wrapper() -> None:
    first = wrap(ORDER, queue="lane.1", reason="why", deliveries=3)

    assert wrap(ORDER, queue="lane.1", reason="again", deliveries=4).id == first.id
    assert wrap(ORDER, queue="lane.2", reason="why", deliveries=3).id != first.id


def test_bytes_survive_in_a_wrapper() -> None:
    wrapper = wrap_body(b"\xff\x00", queue="lane.1", reason="why", deliveries=1)

    assert read(wrapper) == DeadLetter(queue="lane.1", reason="why", body=b"\xff\x00")
