"""Journal entries reach the index: late, twice, in any order, or by another way."""

import random
import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from monitor_service import models, search
from monitor_service.entries import Forgotten, entry_of
from monitor_service.errors import CoordinatorAway
from monitor_service.search import Found
from service_kit.database import is_sqlite, reading
from service_kit.messages import ENTRIES_FORGOTTEN, JOURNAL_ENTRY, CloudEvent, EntriesForgotten, JournalEntry
from service_kit.patience import Patience
from service_kit.testing.waiting import until

Journal = Callable[..., list[JournalEntry]]


def found(hub: Any, instance: str) -> Found | None:
    with reading(hub.store) as connection:
        rows, _ = search.search(connection, search.Conditions(), 200)
    return next((row for row in rows if row.id == instance), None)


def state(hub: Any, instance: str) -> tuple[str, int] | None:
    row = found(hub, instance)
    return None if row is None else (row.status, row.seq)


def stored(hub: Any) -> int:
    with reading(hub.store) as connection:
        return connection.scalar(select(func.count()).select_from(models.entries)) or 0


def gaps(hub: Any) -> int:
    with reading(hub.store) as connection:
        return search.count_gaps(connection)


def test_an_instance_is_found_with_its_documents(hub: Any, journal: Journal) -> None:
    hub.publish(*journal("completes"))

    hub.follow(6)

    row = found(hub, "completes")
    assert row is not None
    assert (row.status, row.seq, row.business_key) == ("completed", 6, "SO-1001")
    assert ("sys", "salesOrder", "4711") in row.documents
    assert hub.queued() == 0


def test_entries_that_come_twice_count_once(hub: Any, journal: Journal) -> None:
    entries = journal("exhausted")
    hub.publish(*entries, *entries, *entries[:2])

    hub.follow(10)
    hub.publish(*entries)
    hub.follow(4)

    assert state(hub, "exhausted") == ("completed", 4)
    assert stored(hub) == 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_in_which_entries_come_does_not_matter(hub: Any, journal: Journal, seed: int) -> None:
    names = ["completes", "refused", "retried", "stuck-undo"]
    entries = [entry for name in names for entry in journal(name)] * 2
    chance = random.Random(seed)
    chance.shuffle(entries)

    while entries:
        batch = [entries.pop() for _ in range(min(chance.randint(1, 5), len(entries)))]
        hub.monitor.index.absorb([entry_of(_event(entry)) for entry in batch])

    assert [state(hub, name) for name in names] == [
        ("completed", 6),
        ("compensated", 6),
        ("completed", 4),
        ("incident", 4),
    ]
    hub.monitor.mender.mend()
    assert gaps(hub) == 0
    assert hub.coordinator.asked == []


def test_a_gap_is_filled_from_the_coordinator(hub: Any, journal: Journal) -> None:
    entries = journal("completes")
    hub.coordinator.knows(*entries)
    hub.publish(entries[0], entries[1], entries[4])
    hub.follow(3)
    assert state(hub, "completes") == ("waiting", 2) or state(hub, "completes") == ("running", 2)
    assert gaps(hub) == 1

    hub.monitor.mender.mend()

    assert hub.coordinator.asked == ["completes from 3"]
    assert state(hub, "completes") == ("completed", 6)
    assert gaps(hub) == 0


def test_a_gap_waits_for_a_coordinator_that_is_away(hub: Any, journal: Journal) -> None:
    entries = journal("completes")
    hub.coordinator.knows(*entries)
    hub.coordinator.away = True
    hub.publish(entries[5])
    hub.follow(1)

    hub.monitor.mender.mend()
    assert (state(hub, "completes"), gaps(hub)) == (None, 1)
    hub.coordinator.away = False
    hub.monitor.mender.mend()

    assert (state(hub, "completes"), gaps(hub)) == (("completed", 6), 0)


def test_a_long_gap_is_filled_page_by_page(hub: Any, journal: Journal) -> None:
    first = journal("retried")[0]
    idle = msgspec.Raw(b'[{"fact":"input-ignored","reason":"late"}]')
    entries = [first] + [msgspec.structs.replace(first, seq=seq, facts=idle) for seq in range(2, 1_203)]
    hub.coordinator.knows(*entries)
    hub.publish(first, entries[-1])
    hub.follow(2)

    hub.monitor.mender.mend()

    assert state(hub, "retried") == ("running", 1_202)


def test_digests_find_an_instance_whose_tail_was_lost_and_one_that_was_lost_whole(hub: Any, journal: Journal) -> None:
    cut, whole, complete = journal("completes"), journal("refused"), journal("retried")
    hub.coordinator.knows(*cut, *whole, *complete)
    hub.publish(*cut[:3], *complete)
    hub.follow(7)

    behind = hub.monitor.mender.compare()
    hub.monitor.mender.mend()

    assert behind == 2
    assert (state(hub, "completes"), state(hub, "refused")) == (("completed", 6), ("compensated", 6))
    assert hub.monitor.mender.compare() == 0
    assert sorted(hub.coordinator.asked)[:2] == ["completes from 4", "digests since 0"]
    assert hub.coordinator.asked[-1] != "digests since 0"


def test_a_comparison_that_failed_is_made_again_from_the_same_time(hub: Any, journal: Journal) -> None:
    hub.coordinator.knows(*journal("completes"))
    hub.coordinator.away = True

    with pytest.raises(CoordinatorAway):
        hub.monitor.mender.compare()
    hub.coordinator.away = False

    assert hub.monitor.mender.compare() == 1


def test_a_new_process_goes_on_where_another_stopped(hub: Any, journal: Journal) -> None:
    entries = journal("refused")
    hub.publish(*entries[:3])
    hub.follow(3)

    hub.publish(*entries)
    hub.follow(6, hub.new_monitor())

    row = found(hub, "refused")
    assert row is not None
    assert (row.status, row.seq) == ("compensated", 6)
    assert row.documents == [("sys", "salesOrder", "4712")]


def test_several_monitors_share_an_instance_without_asking_anybody(hub: Any, journal: Journal) -> None:
    monitors = [hub.monitor, hub.new_monitor(), hub.new_monitor()]

    for number, entry in enumerate(journal("completes")):
        hub.publish(entry)
        hub.follow(1, monitors[number % 3])

    assert state(hub, "completes") == ("completed", 6)
    assert (gaps(hub), hub.coordinator.asked) == (0, [])


def test_monitors_that_write_the_same_instances_at_once_lose_nothing(hub: Any, journal: Journal) -> None:
    entries = [entry for number in range(20) for entry in journal("refused", f"i{number}")]
    monitors = [hub.monitor, hub.new_monitor(), hub.new_monitor()]

    patience = Patience()

    def absorb(seed: int) -> None:
        mine = entries * 2
        random.Random(seed).shuffle(mine)
        for first in range(0, len(mine), 7):
            batch = [entry_of(_event(entry)) for entry in mine[first : first + 7]]
            patience.with_store(partial(monitors[seed].index.absorb, batch))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(absorb, range(3)))
    hub.monitor.mender.mend()

    assert {state(hub, f"i{number}") for number in range(20)} == {("compensated", 6)}
    assert (stored(hub), gaps(hub), hub.coordinator.asked) == (120, 0, [])


def test_what_is_no_journal_entry_is_dead_lettered_and_the_others_of_its_batch_are_indexed(
    hub: Any, journal: Journal
) -> None:
    good = journal("completes")
    hub.publish(*good[:3])
    for type_, data in [("other", b"{}"), (JOURNAL_ENTRY, b'{"seq":1}'), (JOURNAL_ENTRY, b'{"instance":"x","seq":0}')]:
        hub.publish_raw(CloudEvent(id="bad", source="test", type=type_, data=msgspec.Raw(data)))
    hub.publish(*good[3:])

    hub.follow(9)

    assert state(hub, "completes") == ("completed", 6)
    until(lambda: hub.dead_letters() == 3)


def test_an_entry_that_the_store_refuses_costs_no_other(hub: Any, journal: Journal) -> None:
    good, bad = journal("completes"), journal("retried", "bad")[0]
    impossible = msgspec.structs.replace(bad, at=2**70)
    hub.publish(*good[:2], impossible, *good[2:])

    hub.follow(7)

    assert state(hub, "completes") == ("completed", 6)
    assert state(hub, "bad") is None
    until(lambda: hub.dead_letters() == 1)


def test_text_that_a_store_cannot_hold_is_shown_with_a_mark(hub: Any, journal: Journal) -> None:
    entry = journal("refused")[0]
    facts = bytes(entry.facts).replace(b"SO-1001", b"SO-\\u00001")
    hub.publish(msgspec.structs.replace(entry, facts=msgspec.Raw(facts)))

    hub.follow(1)

    row = found(hub, "refused")
    assert row is not None
    assert row.business_key == "SO-\ufffd1"


def test_what_happens_is_visible_within_a_second(hub: Any, journal: Journal) -> None:
    monitor = hub.new_monitor()
    monitor.start()
    until(lambda: monitor.app is not None and _ready(hub, monitor))

    hub.publish(*journal("completes"))

    until(lambda: state(hub, "completes") == ("completed", 6), timeout=1.0)


def test_a_started_monitor_mends_by_itself(hub: Any, journal: Journal) -> None:
    entries = journal("completes")
    hub.coordinator.knows(*entries)
    hub.publish(entries[0], entries[3])
    monitor = hub.new_monitor(gap_grace=0.05, gap_interval=0.05)

    monitor.start()

    until(lambda: state(hub, "completes") == ("completed", 6))


def _ready(hub: Any, monitor: Any) -> bool:
    return bool(hub.client(monitor).get("/ready").status_code == 200)


def _event(entry: JournalEntry) -> CloudEvent:
    return CloudEvent(id="e", source="test", type=JOURNAL_ENTRY, data=msgspec.Raw(msgspec.json.encode(entry)))


def test_what_cannot_be_indexed_as_it_is_is_cut_and_what_cannot_be_stored_is_put_aside(
    hub: Any, journal: Journal
) -> None:
    # given a document and a business key that are longer than an index takes, and an instance that no store takes
    long = "".join(random.Random(5).choices(string.ascii_letters, k=5_000))
    facts = [
        {"fact": "instance-started", "process": "p", "version": 1, "element": "s", "business_key": long},
        {"fact": "command-issued", "step": 3, "kind": "execute", "system": long, "operation": "erp.x"},
        {"fact": "step-completed", "step": 3, "references": {"doc": long, long: "1", "nul": "a\0b"}},
    ]
    (first, *_) = journal("completes")
    large = msgspec.structs.replace(first, instance="large", seq=1, facts=msgspec.Raw(msgspec.json.encode(facts)))
    huge = msgspec.structs.replace(first, instance=long, seq=1)

    # when
    hub.publish(first, huge, large)
    hub.follow(3)

    # then
    row = found(hub, "large")
    assert row is not None
    assert row.business_key == long[:500]
    assert {len(number) for _, _, number in row.documents} == {500, 1, 3}
    assert found(hub, "completes") is not None
    assert hub.dead_letters() == (0 if is_sqlite(hub.store) else 1)


# -- what is to be forgotten


def notice(instance: str, up_to: int = 2**31 - 1, *, purged: bool = True) -> CloudEvent:
    told = EntriesForgotten(instance=instance, up_to=up_to, purged=purged)
    return CloudEvent(
        id=f"{instance}:{up_to}", source="test", type=ENTRIES_FORGOTTEN, data=msgspec.Raw(msgspec.json.encode(told))
    )


def traces(hub: Any, word: str) -> dict[str, int]:
    """In how many rows of which tables the word is."""
    found: dict[str, int] = {}
    with reading(hub.store) as connection:
        for table in models.metadata.sorted_tables:
            texts = [str(tuple(row)) for row in connection.execute(select(table))]
            count = sum(word in text for text in texts)
            found |= {table.name: count} if count and table.name != "forgotten" else {}
    return found


def without_values(entries: list[JournalEntry]) -> list[JournalEntry]:
    """As the coordinator tells them once they are erased, and the entry that says so."""
    masked = [
        msgspec.structs.replace(entry, facts=msgspec.Raw(bytes(entry.facts).replace(b"4711", b"gone")))
        for entry in entries
    ]
    last = msgspec.structs.replace(
        entries[-1], seq=entries[-1].seq + 1, input_id="e", facts=msgspec.Raw(b'[{"fact":"values-erased"}]')
    )
    return [*masked, last]


def test_a_purged_instance_disappears_and_does_not_come_back(hub: Any, journal: Journal) -> None:
    # given
    entries = journal("completes")
    hub.publish(*entries, *journal("refused"))
    hub.follow(12)

    # when
    hub.publish_raw(notice("completes"))
    hub.follow(1)
    hub.publish(*entries[:1], *entries[3:])
    hub.follow(4)

    # then
    assert traces(hub, "completes") == {}
    assert state(hub, "refused") == ("compensated", 6)
    assert hub.queued() == 0


def test_a_purge_that_is_told_before_the_entries_wins(hub: Any, journal: Journal) -> None:
    # given a monitor that was away while the instance ran and was purged
    hub.publish(*journal("completes"))
    hub.coordinator.forgets("completes", 2**31 - 1, purged=True)

    # when
    hub.monitor.mender.compare()
    hub.follow(6)

    # then
    assert traces(hub, "completes") == {}


def test_an_instance_that_was_purged_while_the_monitor_was_away_disappears(hub: Any, journal: Journal) -> None:
    # given
    hub.publish(*journal("completes"))
    hub.follow(6)

    # when
    hub.coordinator.forgets("completes", 2**31 - 1, purged=True)
    hub.monitor.mender.compare()

    # then
    assert traces(hub, "completes") == {}


@pytest.mark.parametrize("away", [False, True], ids=["told", "away"])
def test_an_erased_instance_is_read_again_without_its_values(hub: Any, journal: Journal, away: bool) -> None:
    # given
    entries = journal("completes")
    hub.publish(*entries)
    hub.follow(6)
    assert traces(hub, "4711") != {}

    # when
    hub.coordinator.knows(*without_values(entries))
    if away:
        hub.coordinator.forgets("completes", 7)
        hub.monitor.mender.compare()
    else:
        hub.publish_raw(notice("completes", 7, purged=False))
        hub.follow(1)
    hub.publish(*entries)  # from a coordinator that died before it could say that they were sent
    hub.follow(6)
    hub.monitor.mender.mend()

    # then
    assert traces(hub, "4711") == {}
    assert state(hub, "completes") == ("completed", 7)
    assert gaps(hub) == 0


def test_entries_that_were_fetched_before_they_were_erased_are_not_kept(hub: Any, journal: Journal) -> None:
    # given the coordinator has answered, and then the values were erased
    entries = [entry_of(_event(entry)) for entry in journal("completes")]
    told = Forgotten("completes", 7)
    hub.monitor.index.forget([told])

    # when
    hub.monitor.index.absorb(entries, heard={})

    # then
    assert traces(hub, "4711") == {}
    hub.monitor.index.absorb(entries, heard={"completes": 7})
    assert state(hub, "completes") == ("completed", 6)


def test_what_comes_after_an_erasing_is_kept(hub: Any, journal: Journal) -> None:
    # given
    entries = journal("completes")
    hub.coordinator.knows(*without_values(entries))
    hub.publish_raw(notice("completes", 7, purged=False))
    hub.follow(1)
    hub.monitor.mender.mend()

    # when
    hub.publish(
        msgspec.structs.replace(entries[-1], seq=8, input_id="l", facts=msgspec.Raw(b'[{"fact":"reply-ignored"}]'))
    )
    hub.follow(1)

    # then
    assert state(hub, "completes") == ("completed", 8)


def test_two_monitors_forget_for_each_other(hub: Any, journal: Journal) -> None:
    # given one that takes entries without end, and one that is told to forget
    entries = journal("completes")
    taken = [entry_of(_event(entry)) for entry in entries]
    other = hub.new_monitor()

    # when
    with ThreadPoolExecutor(2) as pool:
        absorbing = pool.submit(lambda: [hub.monitor.index.absorb([entry]) for entry in taken * 3])
        forgetting = pool.submit(lambda: other.index.forget([Forgotten("completes", 2**31 - 1, purged=True)]))
        absorbing.result()
        forgetting.result()

    # then
    assert traces(hub, "completes") == {}
