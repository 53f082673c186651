from saga_coordinator.lanes import command_queue, lane_of, lane_sources, root_of


def test_an_instance_always_has_the_same_lane_and_instances_spread_over_all() -> None:
    # when
    lanes = [lane_of(f"instance-{n}", 8) for n in range(200)]

    # then
    assert lanes == [lane_of(f"instance-{n}", 8) for n in range(200)]
    assert set(lanes) == {f"lane.{n}" for n in range(8)}


def test_every_lane_is_consumed_and_the_own_ones_first() -> None:
    # when
    sources = lane_sources(4, frozenset({1, 3}), 64)

    # then
    assert [(source.queue, source.priority) for source in sources] == [
        ("lane.1", 10),
        ("lane.3", 10),
        ("lane.0", 0),
        ("lane.2", 0),
    ]


def test_a_command_goes_to_the_connector_that_its_operation_names() -> None:
    assert command_queue("erp.create-sales-order") == "commands.erp"


def test_children_and_their_children_share_the_lane_of_their_root() -> None:
    # given
    family = ["4zq3xk2m", "4zq3xk2m.7", "4zq3xk2m.7-2", "4zq3xk2m.7-2.15"]

    # then
    assert {root_of(instance) for instance in family} == {"4zq3xk2m"}
    assert len({lane_of(instance, 8) for instance in family}) == 1
