from saga_coordinator.starts import start


def test_the_same_request_with_the_same_key_is_the_same_start() -> None:
    # when
    first = start("p", 1, idempotency_key="k", client="c", variables={"a": 1, "b": 2})
    again = start("p", 1, idempotency_key="k", client="c", variables={"b": 2, "a": 1})

    # then
    assert first == again


def test_another_request_with_the_same_key_is_for_the_same_instance_but_another_input() -> None:
    # when
    first = start("p", 1, idempotency_key="k", variables={"a": 1})
    other = start("p", 1, idempotency_key="k", variables={"a": 2})

    # then
    assert first.instance == other.instance
    assert first.id != other.id
    assert first.digest != other.digest


def test_keys_of_different_clients_never_meet() -> None:
    assert (
        start("p", 1, idempotency_key="k", client="a").instance
        != start("p", 1, idempotency_key="k", client="b").instance
    )


def test_without_a_key_every_start_is_an_instance_of_its_own() -> None:
    assert start("p", 1).instance != start("p", 1).instance
