import pytest

from sandbox.errors import BadRequest
from sandbox.faults import Call, Fault, FaultBook, Kind, fault_from_json


def call(text: str = "SO-1", operation: str = "erp.create-sales-order") -> Call:
    return Call("erp", operation, text)


def test_a_fault_fires_from_the_nth_matching_call_on_as_often_as_asked() -> None:
    fault = Fault("erp", Kind.HTTP, match="SO-1", nth=2, times=2)
    assert [fault.fires(call()) for _ in range(5)] == [False, True, True, False, False]
    assert (fault.seen, fault.fired) == (5, 2)


def test_a_call_of_another_system_operation_or_key_is_not_counted() -> None:
    fault = Fault("erp", Kind.HTTP, operation="erp.create-*", match="SO-1")
    assert not fault.fires(call("SO-2"))
    assert not fault.fires(call(operation="erp.read-credit"))
    assert not fault.fires(Call("crm", "erp.create-sales-order", "SO-1"))
    assert fault.seen == 0


def test_without_an_end_a_fault_fires_until_it_is_removed() -> None:
    # given
    faults = FaultBook()
    fault = Fault("erp", Kind.HTTP, times=None)
    faults.add(fault)

    # then
    assert all(faults.firing(call()) for _ in range(10))
    assert faults.remove(fault.id)
    assert not faults.firing(call())
    assert not faults.remove(fault.id)


def test_down_tells_whoever_switches_the_system() -> None:
    # given
    faults = FaultBook()
    switched: list[tuple[str, bool]] = []
    faults.on_change = lambda system: switched.append((system, faults.is_down(system)))

    # when
    faults.add(Fault("crm", Kind.DOWN))
    faults.clear("erp")
    faults.clear("crm")

    # then
    assert switched == [("crm", True), ("crm", False)]


def test_a_fault_that_a_system_does_not_know_is_refused() -> None:
    with pytest.raises(BadRequest, match="kind must be one of"):
        fault_from_json({"system": "wms", "kind": "drop-after"})
