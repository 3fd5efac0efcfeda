"""Messages of many connections at once: counted with their commit, in the rollups once a second, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import SECOND_NS, T0_NS, loss, message
from tests.support.stores import Recording, recording, run_start
from wsmon.model.events import Event
from wsmon.store.codec import SqlValue, unpack
from wsmon.store.database import open_for_writing
from wsmon.store.journal import MessageTraffic
from wsmon.store.rollup import AT_ONCE, BEHIND_S, Rollups
from wsmon.store.schema import LEVELS, METRICS
from wsmon.store.transactions import transaction

T0_S = T0_NS // SECOND_NS
MANY = AT_ONCE + 1
ROLLED_S = "SELECT value FROM meta WHERE key = 'rolled_s'"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as one:
        yield one


def of_each(after_s: float, connections: int = MANY, size: int = 5) -> list[Event]:
    """A message of each of so many connections."""
    return [message("x" * size, after_s, f"c{number}", type="t") for number in range(connections)]


def counted(run: Recording) -> dict[SqlValue, SqlValue]:
    """Messages in the rollups, by level."""
    return dict(run.rows("SELECT level, sum(messages_in) FROM rollup GROUP BY level"))  # type: ignore[arg-type]  # two columns


def journaled(run: Recording) -> int:
    """Rows of the journal."""
    ((rows,),) = run.rows("SELECT count(*) FROM journal")
    assert isinstance(rows, int)
    return rows


def test_few_connections_are_in_the_rollups_with_each_commit(run: Recording) -> None:
    run.commit(*of_each(0.1, AT_ONCE), now_s=0.2)
    assert (counted(run), journaled(run)) == ({1: AT_ONCE}, 0)


def test_many_connections_are_a_row_of_the_journal_a_commit_until_the_next_second(run: Recording) -> None:
    run.commit(now_s=0)  # the second begins
    for tenth in range(1, 5):
        run.commit(*of_each(tenth / 10), now_s=tenth / 10)
    assert (counted(run), journaled(run)) == ({}, 4)
    run.commit(now_s=1.1)
    assert (counted(run)[1], journaled(run)) == (4 * MANY, 0)


def test_what_comes_beside_the_messages_is_counted_with_its_commit(run: Recording) -> None:
    run.commit(now_s=0)
    run.commit(*of_each(0.1), loss(0.1, "c1"), now_s=0.2)
    assert run.rows("SELECT bucket, losses, messages_in FROM rollup") == [(T0_S, 1, 0)]
    run.commit(now_s=1)
    assert run.rows("SELECT bucket, losses, messages_in FROM rollup WHERE level = 1 AND losses") == [(T0_S, 1, 1)]


def test_a_bucket_from_the_journal_is_the_one_of_the_messages(run: Recording) -> None:
    run.commit(now_s=0)
    events = [
        message("123", 0.1, "c1", type="trade", duration_ns=1_000),
        message("12345", 0.2, "c1", type="trade", duration_ns=3_000),
        message("1", 0.3, "c1", direction="out", type="order", duration_ns=7),
    ]
    run.commit(*of_each(0.1)[2:], *events[:1], *of_each(0.1)[:1], now_s=0.2)
    run.commit(*events[1:], now_s=0.3)
    run.commit(now_s=1)
    of_one = "WHERE level = 1 AND connection = (SELECT id FROM connection WHERE name = 'c1')"
    assert run.rows(f"SELECT events, messages_in, messages_out, bytes_in, bytes_out FROM rollup {of_one}") == [
        (3, 2, 1, 8, 1)
    ]
    assert run.rows(f"SELECT key, n FROM rollup_dim {of_one} ORDER BY key") == [("order", 1), ("trade", 2)]
    metrics = run.rows(f"SELECT metric, count, sum, max, hist FROM rollup_metric {of_one} ORDER BY metric")
    assert [row[:4] for row in metrics] == [
        (METRICS["size"], 3, 9, 5), (METRICS["decode"], 2, 4_000, 3_000), (METRICS["encode"], 1, 7, 7),
    ]  # fmt: skip
    assert [sum(unpack(row[4]).values()) for row in metrics if isinstance(row[4], bytes)] == [3, 2, 1]


def test_a_type_that_no_text_of_the_store_can_have_is_journaled_as_its_row_has_it(run: Recording) -> None:
    run.commit(now_s=0)
    run.commit(*of_each(0.1), message(after_s=0.1, connection="c1", type="\ud800x"), now_s=0.2)
    assert journaled(run) == 1
    run.commit(now_s=1)
    assert run.rows("SELECT DISTINCT key FROM rollup_dim ORDER BY key") == [("\\ud800x",), ("t",)]


def test_the_longer_buckets_of_many_follow_in_ten_seconds(run: Recording) -> None:
    run.commit(now_s=0)
    for second in range(BEHIND_S + 1):
        run.commit(*of_each(second + 0.1), now_s=second + 0.2)
        longer, shorter = (
            sum(n for (n,) in run.rows(sql) if isinstance(n, int))
            for sql in (
                "SELECT coalesce(sum(messages_in), 0) FROM rollup WHERE level = 60",
                f"SELECT coalesce(sum(messages_in), 0) FROM rollup WHERE level = 1 AND bucket >= ({ROLLED_S})",
            )
        )
        # All but the journal
        assert longer + shorter == (second + 1) * MANY if second else not longer + shorter
    run.commit(now_s=BEHIND_S + 1)
    run.commit(*of_each(0.3, 1), now_s=BEHIND_S + 1.2)  # late, and its second is in no memory
    run.commit(now_s=3 * BEHIND_S)
    assert counted(run) == dict.fromkeys(LEVELS, (BEHIND_S + 1) * MANY + 1)


def test_a_crash_neither_loses_nor_doubles_what_is_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = Recording(path)
    first.commit(now_s=0)
    first.commit(*of_each(0.1), now_s=0.2)
    first.commit(*of_each(0.3), now_s=0.4)
    assert journaled(first) == 2
    first.cut_off()
    with recording(path) as second:
        assert (counted(second), journaled(second)) == ({1: 2 * MANY}, 0)
        second.commit(*of_each(0.5), now_s=0.6)
        second.commit(now_s=2)
        assert counted(second) == dict.fromkeys(LEVELS, 3 * MANY)


HEARD = "SELECT DISTINCT last_message_ns - ? FROM connection"


def heard_s(run: Recording) -> list[float]:
    """When the connections were heard last, after the beginning."""
    return [ns / SECOND_NS for (ns,) in run.rows(HEARD, T0_NS) if isinstance(ns, int)]


def test_when_many_were_heard_last_is_written_with_their_rollups_and_known_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = Recording(path)
    first.commit(*of_each(0.1), now_s=1)
    first.commit(*of_each(1.1), now_s=1.2)
    assert heard_s(first) == [0.1]
    first.commit(now_s=2)
    assert heard_s(first) == [1.1]
    first.commit(*of_each(2.1), now_s=2.2)
    first.commit(*of_each(2.3), now_s=2.4)
    assert heard_s(first) == [1.1]
    first.cut_off()
    with recording(path) as second:
        assert heard_s(second) == [2.3]


def test_few_that_are_heard_are_written_with_their_commit(run: Recording) -> None:
    run.commit(*of_each(0.1, AT_ONCE), now_s=0.2)
    run.commit(*of_each(0.3, AT_ONCE), now_s=0.4)
    assert heard_s(run) == [0.3]


def test_a_journal_of_before_it_had_the_time_of_the_newest_message_is_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = Recording(path)
    first.commit(*of_each(0.1), now_s=1)
    earlier = msgspec.msgpack.encode([[T0_S, 1, 1, [5], [], 9, 0, [], [], [], [], []]])
    with transaction(first.database.connection, path) as connection:
        connection.execute("INSERT INTO journal (id, messages) VALUES (1, ?)", (earlier,))
    first.cut_off()
    with recording(path) as second:
        assert (counted(second)[1], heard_s(second)) == (MANY + 1, [0.1])


def test_a_recorder_that_dies_again_while_it_takes_the_journal_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = Recording(path)
    first.commit(now_s=0)
    first.commit(*of_each(0.1), now_s=0.2)
    first.cut_off()
    database = open_for_writing(path)
    with transaction(database.connection, path) as connection:
        connection.execute("SELECT 1")
    database.connection.close()
    database = open_for_writing(path)
    database.begin_run(run_start())
    database.connection.close()
    with recording(path) as third:
        assert counted(third)[1] == MANY


def test_a_transaction_that_is_repeated_counts_once(run: Recording) -> None:
    rollups = Rollups(run.database.connection)
    rollups.roll(T0_S)
    traffic = [MessageTraffic(T0_S, number, 1, (5,), (), 9, 0, (), (), (), (), ()) for number in range(MANY)]
    for now_s in (T0_S, T0_S + 1):
        for each in traffic:
            rollups.collect(each)
        rollups.roll(now_s)
        run.database.connection.execute("BEGIN")
        rollups.write()
        run.database.connection.execute("ROLLBACK")
        # The first of them seems to fail, and is in the store
        for _ in range(2):
            with transaction(run.database.connection, run.path):
                rollups.write()
        rollups.committed()
        assert journaled(run) == (now_s == T0_S)
    assert counted(run) == dict.fromkeys(LEVELS, 2 * MANY)


def test_a_run_ends_with_an_empty_journal(run: Recording) -> None:
    run.commit(now_s=0)
    run.commit(*of_each(0.1), now_s=0.2)
    run.fold.close_seconds(T0_NS, 0, is_end=True)
    run.commit(*of_each(0.3), now_s=0.3)
    assert (counted(run), journaled(run)) == ({1: 2 * MANY}, 0)


def test_a_new_store_begins_with_what_was_not_committed(tmp_path: Path) -> None:
    run = Recording(tmp_path / "old.db")
    run.commit(now_s=0)
    run.commit(*of_each(0.1), now_s=0.2)
    run.fold.fold(of_each(0.3))
    other = open_for_writing(tmp_path / "new.db")
    other.begin_run(run_start())
    run.fold.move_to(other.connection, T0_NS)
    run.cut_off()
    run.database, run.path = other, tmp_path / "new.db"
    run.commit(*of_each(0.5), now_s=0.5)
    run.commit(now_s=20)
    assert (counted(run), journaled(run)) == (dict.fromkeys(LEVELS, 2 * MANY), 0)
    run.cut_off()
    # The old one has what was committed into it
    with recording(tmp_path / "old.db") as old:
        assert counted(old) == {1: MANY}


def test_totals_count_each_message_once(run: Recording) -> None:
    run.fold.configure([], 0)
    run.commit(now_s=0)
    total = run.fold.totals
    run.commit(*of_each(0.1), now_s=0.2)
    run.commit(*of_each(1.1), now_s=1.2)
    run.commit(*of_each(0.9, 3), now_s=1.3)
    run.commit(now_s=2.1)
    run.commit(now_s=3 * BEHIND_S)
    assert sum(each.counters[1] for each in total._totals.values()) == 2 * MANY + 3
