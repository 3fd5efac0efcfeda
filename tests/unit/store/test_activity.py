"""Activity by steps of time and connection: exact, aligned, and never finer than what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import T0_NS, dialled, event, loss, message, usable
from tests.support.recordings import FixedClock, recorded
from wsmon.model.statistics import Activity, ActivityCell, Flow
from wsmon.model.units import SECOND_NS
from wsmon.store.activity import _steps
from wsmon.store.reader import Reader
from wsmon.store.statistics import Coverage

# 2026-01-10 14:02:24 UTC
T0_S = T0_NS // SECOND_NS


def activity(path: Path, step_s: int, *, offset_s: int = 0) -> Activity:
    reader = Reader(path, FixedClock())
    try:
        return reader.activity(None, None, step_s, offset_s)
    finally:
        reader.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    events = [
        dialled(0, "a"),
        usable(0.2, "a"),
        *(message("12345", second, "a") for second in (1, 2, 59, 61)),
        message("sub", 61, "a", direction="out"),
        loss(70, "a"),
        message("x", 3, "b"),
        event("self.shed", 62, "b", meta={"name": "message.received", "events": 7, "size_bytes": 70}),
    ]
    return recorded(tmp_path / "store.db", events, "a", "b", end_s=90)


def test_a_step_has_what_happened_in_it_by_connection(store: Path) -> None:
    found = activity(store, 60)
    # Steps begin at whole minutes: 14:02:00, 14:03:00; the first one with the recording
    assert [((first - T0_NS) // SECOND_NS, (last - T0_NS) // SECOND_NS) for first, last in found.steps] == [
        (0, 36),
        (36, 90),
    ]
    assert found.observed_s == (36.0, 54.0)
    assert found.cells == (
        ActivityCell(0, "a", Flow(2, 0), Flow(10, 0), 0, 0, 1, 1),
        ActivityCell(0, "b", Flow(1, 0), Flow(1, 0), 0, 0, 0, 0),
        ActivityCell(1, "a", Flow(2, 1), Flow(10, 3), 0, 1, 0, 0),
        ActivityCell(1, "b", Flow(7, 0), Flow(70, 0), 0, 0, 0, 0),
    )


def test_one_step_is_the_whole_period(store: Path) -> None:
    found = activity(store, 0)
    assert [(cell.connection, cell.messages) for cell in found.cells] == [("a", Flow(4, 1)), ("b", Flow(8, 0))]
    assert (len(found.steps), sum(found.observed_s)) == (1, 90.0)


@pytest.mark.parametrize("step_s", [1, 7, 60, 600, 3_600, 86_400])
def test_whatever_the_step_nothing_is_lost_or_counted_twice(store: Path, step_s: int) -> None:
    found = activity(store, step_s, offset_s=19_800)
    assert sum(cell.messages.received for cell in found.cells) == 12
    assert sum(found.observed_s) == pytest.approx(90)


def test_steps_begin_at_multiples_of_their_length_in_local_time() -> None:
    everything = Coverage(10**10, {1: 0, 60: 0, 600: 0, 3_600: 0})
    # 14:02 in UTC is 19:32 in India: its day began at 18:30 UTC
    start_s, step_s, _ = _steps(T0_S, T0_S + 10, 86_400, 19_800, everything)
    assert ((T0_S - start_s) // 60, step_s) == (19 * 60 + 32, 86_400)


def test_where_only_longer_buckets_are_kept_the_steps_are_as_long() -> None:
    hours = Coverage(10**10, {1: 10**10, 60: 10**10, 600: 10**10, 3_600: 0})
    start_s, step_s, cover = _steps(T0_S, T0_S + 7_200, 5_400, 0, hours)
    assert (step_s, start_s % 7_200, {part.level for part in cover.parts}) == (7_200, 0, {3_600})
