from saga_coordinator.store.messages import Message, Subscription
from saga_coordinator.writing import match


def message(id_: str, key: str = "k") -> Message:
    return Message(id_, "m", key, b"{}")


def test_each_message_goes_to_one_subscription_and_each_subscription_gets_one_message() -> None:
    # given
    waiting = [Subscription("a", 1, "m", "k"), Subscription("b", 1, "m", "k"), Subscription("c", 1, "m", "other")]

    # when
    given = match(waiting, [message("1"), message("2"), message("3")])

    # then
    assert [(m.id, m.instance, m.subscription) for m in given] == [("1", "a", 1), ("2", "b", 1)]


def test_a_message_without_a_subscription_to_its_key_is_for_nobody() -> None:
    assert match([Subscription("a", 1, "m", "k")], [message("1", "another")]) == []
