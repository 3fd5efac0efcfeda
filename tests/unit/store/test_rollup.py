"""Statistics by second, minute and hour: absolute, complete, and the same after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import T0_NS, event, loss, message, ping, pong, usable
from tests.support.stores import Recording, recording
from wsmon.model.histogram import bucket_index
from wsmon.store.bucket import Bucket
from wsmon.store.codec import SqlValue, unpack
from wsmon.store.rollup import Rollups
from wsmon.store.schema import COUNTERS, DIMENSIONS, LEVELS, METRICS, MOST_KEYS, OTHER

T0_S = T0_NS // 1_000_000_000
# The buckets around the first second
LONGER = [(level, T0_S - T0_S % level) for level in LEVELS[1:]]
VALUES = ", ".join(map(str, LONGER))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as one:
        yield one


def counters(run: Recording, level: int, bucket: int) -> dict[str, object]:
    """The counters of a bucket that are not zero."""
    (row,) = run.rows(
        f"SELECT {', '.join(COUNTERS)} FROM rollup WHERE level = ? AND bucket = ? AND connection = 1", level, bucket
    )
    return {name: n for name, n in zip(COUNTERS, row, strict=True) if n}


def messages_in(run: Recording) -> list[tuple[SqlValue, ...]]:
    return run.rows("SELECT level, bucket, messages_in FROM rollup ORDER BY level, bucket")


def longer(messages: int) -> list[tuple[int, ...]]:
    """What ``messages_in`` says of the longer buckets around the first second."""
    return [(*bucket, messages) for bucket in LONGER]


def test_a_second_counts_what_happened_in_it(run: Recording) -> None:
    run.commit(
        event("connection.started", to_status="connecting", meta={"attempt": 1}),
        usable(),
        message("12345"),
        message("123", direction="out"),
        ping(wire_size=10),
        pong(wire_size=6),
        event("heartbeat.timeout", direction="out", opcode="ping", size=0, error_type="heartbeat_timeout"),
        loss(connection="binance-spot"),
        event("connection.disconnected", from_status="connecting", to_status="disconnected", error_type="dns"),
    )
    assert counters(run, 1, T0_S) == {
        "events": 9,
        "messages_in": 1,
        "messages_out": 1,
        "bytes_in": 5,
        "bytes_out": 3,
        "wire_in": 9 + 6,
        "wire_out": 7 + 10,
        "attempts": 1,
        "opens": 1,
        "losses": 1,
        "failures": 1,
        "errors": 2,
        "pings": 1,
        "pongs": 1,
        "missed": 1,
    }


def test_distributions_keep_count_sum_and_greatest_exactly(run: Recording) -> None:
    run.commit(usable(took_ms=212), pong(rtt_ms=18), pong(rtt_ms=20), message("12345"), message("123", direction="out"))
    assert run.rows("SELECT metric, count, sum, max FROM rollup_metric WHERE level = 1 ORDER BY metric") == [
        (METRICS["connect"], 1, 212_000_000, 212_000_000),
        (METRICS["rtt"], 2, 38_000_000, 20_000_000),
        (METRICS["size"], 2, 8, 5),
    ]
    ((packed,),) = run.rows("SELECT hist FROM rollup_metric WHERE level = 1 AND metric = ?", METRICS["size"])
    assert isinstance(packed, bytes)
    assert unpack(packed) == {bucket_index(3): 1, bucket_index(5): 1}


def test_dimensions_count_by_key(run: Recording) -> None:
    run.commit(
        loss(connection="binance-spot", code=1006, error_type="eof"),
        loss(connection="binance-spot", code=1006, error_type="reset"),
        event("incident.opened", type="stall", reason="no data"),
        message(type="trade"),
        message(type="trade"),
    )
    assert run.rows("SELECT dimension, key, n FROM rollup_dim WHERE level = 1 ORDER BY 1, 2") == [
        (DIMENSIONS["error_type"], "eof", 1),
        (DIMENSIONS["error_type"], "reset", 1),
        (DIMENSIONS["close_code"], "1006", 2),
        (DIMENSIONS["incident"], "stall", 1),
        (DIMENSIONS["type"], "trade", 2),
    ]


def test_the_recorders_own_events_belong_to_no_connection(run: Recording) -> None:
    run.commit(event("self.run.started", connection=""))
    assert run.rows("SELECT * FROM rollup") == []


def test_a_batch_across_seconds_is_counted_in_each(run: Recording) -> None:
    run.commit(message(after_s=0.9), message(after_s=1.1), message(after_s=1.2), now_s=1.3)
    assert [row[1:] for row in messages_in(run) if row[0] == 1] == [(T0_S, 1), (T0_S + 1, 2)]


def test_a_second_goes_into_its_minute_and_hour_when_it_is_over(run: Recording) -> None:
    run.commit(message(), now_s=0.5)
    before = messages_in(run)
    run.commit(message(after_s=1.1), now_s=1.2)
    assert before == [(1, T0_S, 1)]
    assert messages_in(run) == [(1, T0_S, 1), (1, T0_S + 1, 1), *longer(1)]
    assert run.rows("SELECT value FROM meta WHERE key = 'rolled_s'") == [(T0_S + 1,)]


def test_seconds_that_end_in_silence_roll_too(run: Recording) -> None:
    run.commit(message(), now_s=0.5)
    run.commit(now_s=3)
    assert messages_in(run)[1:] == longer(1)


def test_what_comes_late_goes_into_all_levels_at_once(run: Recording) -> None:
    run.commit(message(), now_s=5)
    run.commit(message(after_s=0.5), now_s=5.1)
    assert messages_in(run) == [(1, T0_S, 2), *longer(2)]


def test_what_comes_very_late_is_added_to_what_the_store_holds(run: Recording) -> None:
    run.commit(message("12345"), now_s=1)
    run.commit(message(after_s=4_000), now_s=4_001)
    run.commit(message("123", after_s=0.5), now_s=4_002)
    assert [row for row in messages_in(run) if row[:2] in [(1, T0_S), *LONGER]] == [(1, T0_S, 2), *longer(2)]
    sums = run.rows(
        f"SELECT count, sum, max FROM rollup_metric WHERE (level, bucket) IN (VALUES (1, {T0_S}), {VALUES})"
    )
    assert sums == [(2, 8, 5)] * 4


def test_a_clock_that_stepped_back_counts_on_in_the_buckets_that_are_there(run: Recording) -> None:
    run.commit(message(after_s=100), now_s=101)
    run.commit(message(after_s=50), message(after_s=50), now_s=50)
    run.commit(message(after_s=100), now_s=100)
    assert [row[1:] for row in messages_in(run) if row[0] == 1] == [(T0_S + 50, 2), (T0_S + 100, 2)]
    assert [row[2] for row in messages_in(run) if row[0] == 3600] == [4]


def test_a_clock_that_stepped_back_for_a_day_does_not_keep_the_day_in_memory(run: Recording) -> None:
    rollups = Rollups(run.database.connection)
    second = Bucket()
    rollups.fold(T0_S + 86_400, 1, second)
    rollups.roll(T0_S + 86_401)
    rollups.committed()
    for late_s in range(300):
        rollups.fold(T0_S + late_s, 1, second)
        rollups.write()
        rollups.committed()
    assert len(rollups._held) <= 4 * len(LEVELS)


def test_a_crash_neither_loses_nor_doubles_the_second_it_happened_in(tmp_path: Path) -> None:
    first = Recording(tmp_path / "store.db")
    first.commit(message(), message(type="trade"), now_s=0.5)
    first.cut_off()
    with recording(tmp_path / "store.db") as second:
        second.commit(message(after_s=0.7), message(type="trade"), now_s=0.8)
        second.commit(now_s=2)
        assert messages_in(second) == [(1, T0_S, 4), *longer(4)]
        assert second.rows("SELECT level, n FROM rollup_dim ORDER BY level") == [(level, 2) for level in LEVELS]


def test_a_transaction_that_is_repeated_counts_once(run: Recording) -> None:
    run.fold.fold([message(), message()])
    run.database.connection.execute("BEGIN")
    run.fold.write()
    run.database.connection.execute("ROLLBACK")
    run.write()
    assert messages_in(run) == [(1, T0_S, 2)]


def test_d16_a_key_that_made_room_has_no_row_any_more_also_after_a_restart(tmp_path: Path) -> None:
    with recording(tmp_path / "store.db") as run:
        rollups = Rollups(run.database.connection)
        full, late = Bucket(), Bucket()
        for each in range(MOST_KEYS):
            full.count(DIMENSIONS["type"], f"junk-{each:03}")
        rollups.fold(T0_S, 1, full)
        _commit(run, rollups)
        late.count(DIMENSIONS["type"], "trade", 7)
        rollups.fold(T0_S, 1, late)
        _commit(run, rollups)
        kept = _types(run)
        assert kept == sorted([*((f"junk-{each:03}", 1) for each in range(1, MOST_KEYS)), ("trade", 7), (OTHER, 1)])
        again = Rollups(run.database.connection)
        one_more = Bucket()
        one_more.count(DIMENSIONS["type"], "one more")
        again.fold(T0_S, 1, one_more)
        _commit(run, again)
        assert [row for row in _types(run) if row not in kept] == [(OTHER, 2)]


def _types(run: Recording) -> list[tuple[SqlValue, ...]]:
    """Types and counts of the buckets of a second."""
    return sorted(run.rows("SELECT key, n FROM rollup_dim WHERE level = 1"))


def _commit(run: Recording, rollups: Rollups) -> None:
    run.database.connection.execute("BEGIN")
    rollups.write()
    run.database.connection.execute("COMMIT")
    rollups.committed()
