"""What goes when a store is too old or too large, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, T0_NS, dialled, event, message
from tests.support.fake_ports import FakeClock
from tests.support.stores import Recording, recording
from wsmon.config.specs import RetentionSpec
from wsmon.store import retention as pruning
from wsmon.store.retention import NOTHING, Pruned, Retention

DAY_S = 86_400.0


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    monkeypatch.setattr(pruning, "NEWEST_EVENTS", 2)
    with recording(tmp_path / "store.db") as one:
        yield one


def retention(run: Recording, clock: FakeClock, age_s: float = 0.0, size_bytes: int = 0) -> Retention:
    return Retention(run.database.connection, run.path, clock, RetentionSpec(age_s, size_bytes))


def kept(run: Recording) -> list[object]:
    return [event_id for (event_id,) in run.rows("SELECT id FROM event ORDER BY id")]


def oldest_id(run: Recording) -> object:
    return run.rows("SELECT value FROM meta WHERE key = 'oldest_id'")[0][0]


def prune_all(one: Retention) -> int:
    removed = 0
    while (pruned := one.prune_events()) != NOTHING:
        removed += pruned.events
    return removed


def test_events_past_the_age_go_and_the_first_young_one_stays(run: Recording) -> None:
    run.commit(*(message(after_s=n) for n in range(10)), now_s=10)
    one = retention(run, FakeClock(T0_NS + round((DAY_S + 4) * SECOND_NS)), age_s=DAY_S)
    assert [one.prune_events(), one.prune_events()] == [Pruned(4, 4), NOTHING]
    assert (kept(run), oldest_id(run)) == ([5, 6, 7, 8, 9, 10], 5)


def test_the_newest_events_stay_whatever_their_age(run: Recording) -> None:
    run.commit(*(message(after_s=n) for n in range(5)), now_s=10)
    prune_all(retention(run, FakeClock(T0_NS + round(100 * DAY_S * SECOND_NS)), age_s=DAY_S))
    assert kept(run) == [4, 5]


def test_only_a_prefix_of_the_ids_goes_where_the_clock_stepped_back(run: Recording) -> None:
    run.commit(message(after_s=0), message(after_s=2 * DAY_S), message(after_s=1), message(), message(), now_s=1)
    prune_all(retention(run, FakeClock(T0_NS + round((DAY_S + 5) * SECOND_NS)), age_s=DAY_S))
    assert kept(run) == [2, 3, 4, 5]


def test_a_store_that_is_too_large_is_pruned_until_it_fits(run: Recording) -> None:
    for _ in range(10):
        run.commit(*[message("x" * 4_000)] * 50)
    one = retention(run, FakeClock(), size_bytes=1_000_000)
    before = one.used_bytes
    removed = prune_all(one)
    assert before > 2_000_000
    assert 0.9 * pruning.SIZE_SLACK * 1_000_000 < one.used_bytes <= pruning.SIZE_SLACK * 1_000_000
    assert kept(run) == list(range(removed + 1, 501))


def test_a_store_within_its_limits_keeps_everything(run: Recording) -> None:
    run.commit(*[message()] * 10)
    assert retention(run, FakeClock(), age_s=DAY_S, size_bytes=1 << 30).prune_events() == NOTHING


def test_without_limits_everything_stays(run: Recording) -> None:
    run.commit(*[message()] * 10)
    assert retention(run, FakeClock(T0_NS * 2)).prune_events() == NOTHING


def test_an_empty_store_has_nothing_to_prune(run: Recording) -> None:
    assert retention(run, FakeClock(), age_s=DAY_S, size_bytes=1).prune_events() == NOTHING


def test_slices_shrink_when_they_are_slow_and_grow_when_they_are_quick(run: Recording) -> None:
    class SlowClock(FakeClock):
        step_s = 0.0

        def mono_ns(self) -> int:
            self.advance(self.step_s)
            return super().mono_ns()

    run.commit(*(message() for _ in range(4_000)))
    clock = SlowClock(T0_NS + round(2 * DAY_S * SECOND_NS))
    one = retention(run, clock, age_s=DAY_S)
    removed = []
    for step_s in (0.0, 0.03, 0.015, 0.0):
        clock.step_s = step_s
        removed.append(one.prune_events().events)
    assert removed == [500, 1_000, 500, 500]


def test_what_uptime_is_computed_from_stays(run: Recording) -> None:
    run.commit(dialled(), event("incident.opened", type="stall", reason="no data"), *[message()] * 5)
    prune_all(retention(run, FakeClock(T0_NS * 2), age_s=DAY_S))
    counts = [run.rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("transition", "session", "incident")]
    assert (counts, kept(run)) == ([1, 1, 1], [6, 7])


def test_buckets_go_by_the_age_of_their_level(run: Recording) -> None:
    run.commit(message(), now_s=1)
    run.commit(message(after_s=DAY_S), now_s=DAY_S + 1)
    clock = FakeClock(T0_NS + round((DAY_S + 60) * SECOND_NS))
    one = retention(run, clock)
    assert [one.prune_rollups(), one.prune_rollups()] == [True, False]
    left = [run.rows(f"SELECT level, count(*) FROM {table} GROUP BY 1") for table in pruning._ROLLUP_TABLES]
    of_messages = [(1, 1), (60, 2), (600, 2), (3600, 2)]
    assert left == [of_messages, [], of_messages]


def test_a_second_that_is_in_no_minute_yet_stays(run: Recording) -> None:
    run.commit(message(), now_s=0.5)
    assert not retention(run, FakeClock(T0_NS + round(DAY_S * SECOND_NS))).prune_rollups()


@pytest.mark.parametrize("length", [40, 30_000])
def test_d16_with_secure_delete_nothing_of_what_was_removed_is_left_in_the_file(run: Recording, length: int) -> None:
    word = "unrecognised-secret"
    run.commit(*(message(f"{word} {n} ".ljust(length, "x")) for n in range(200)), message(), message(), now_s=10)
    one = retention(run, FakeClock(T0_NS + round(2 * DAY_S * SECOND_NS)), age_s=DAY_S)
    one.spec = RetentionSpec(DAY_S, 0, secure_delete=True)
    assert prune_all(one) == 200
    run.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert word.encode() not in run.path.read_bytes()


def test_a_reload_turns_secure_delete_on_and_off(run: Recording) -> None:
    def mode() -> object:
        return run.rows("PRAGMA secure_delete")[0][0]

    one = retention(run, FakeClock())
    modes = []
    for is_secure in (False, True, False):
        one.spec = RetentionSpec(secure_delete=is_secure)
        one.prune_events()
        modes.append(mode())
    # 2: overwritten where that costs no page
    assert modes == [2, 1, 2]


def test_secure_delete_goes_over_to_a_new_store(run: Recording, tmp_path: Path) -> None:
    one = retention(run, FakeClock())
    one.spec = RetentionSpec(secure_delete=True)
    one.prune_events()
    with recording(tmp_path / "new.db") as new:
        one.move_to(new.database.connection)
        one.prune_events()
        assert new.rows("PRAGMA secure_delete") == [(1,)]
