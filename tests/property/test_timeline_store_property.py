"""What a store thins out of the timeline is never what a cell shows."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import at_ns, dialled, event, loss, refused, retry, usable
from tests.support.recordings import FixedClock, Recording
from wsmon.model.events import Event
from wsmon.model.timeline import Lane, Period, first_problem, lane_cells
from wsmon.store.reader import Reader

NAMES = ("a", "b")
LENGTH_S = 900


def life(chance: random.Random, name: str, from_s: float, until_s: float) -> Iterator[Event]:
    """Sessions that end after moments or minutes, attempts that fail, and incidents all over."""
    at_s = from_s + chance.randrange(1_000) / 1_000  # whole milliseconds, so that edges of cells are met
    while at_s < until_s:
        yield dialled(at_s, name, attempt=chance.randint(1, 3))
        at_s += chance.choice((0.001, 0.2, 3.0))
        if chance.random() < 0.4:
            yield refused(at_s, name)
        else:
            yield usable(at_s, name)
            at_s += chance.choice((0.0, 0.005, 1.0, 40.0))
            if chance.random() < 0.3:
                yield event("incident.opened", at_s, name, type=chance.choice(("gap", "stall")), reason="found")
            yield loss(at_s, name)
        yield retry(at_s, name)
        at_s += chance.choice((0.0, 0.003, 0.5, 20.0))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Two connections in two runs, with a pause between."""
    path = tmp_path_factory.mktemp("timeline") / "store.db"
    chance = random.Random(5)
    for from_s, until_s in ((0, 400), (520, LENGTH_S)):
        with Recording(path, *NAMES, after_s=from_s) as recording:
            events = [each for name in NAMES for each in life(chance, name, from_s, until_s)]
            recording.write(sorted(events, key=lambda each: each.ts_ns))
            recording.end(until_s)
    reader = Reader(path, FixedClock(LENGTH_S))
    yield reader
    reader.close()


@given(
    since_ms=st.integers(-50_000, LENGTH_S * 1_000),
    cell_ms=st.sampled_from((1, 7, 50, 1_000, 5_000, 20_000, 300_000)),
    cells=st.integers(1, 200),
)
def test_thinned_lanes_look_as_whole_ones_do(view: Reader, since_ms: int, cell_ms: int, cells: int) -> None:
    since_ns, cell_ns = at_ns(since_ms / 1_000), cell_ms * 1_000_000
    period = Period(since_ns, since_ns + cells * cell_ns, cells)

    whole = view.lanes(period.since_ns, period.until_ns)
    thinned = view.lanes(period.since_ns, period.until_ns, NAMES, cell_ns)
    for exact, coarse in zip(whole, thinned, strict=True):
        assert lane_cells(coarse, period) == lane_cells(exact, period)
        assert problems(coarse, period) == problems(exact, period)
        assert sum(mark.count for mark in coarse.losses) == sum(mark.count for mark in exact.losses)
        assert sum(each.count for each in coarse.incidents) == sum(each.count for each in exact.incidents)
        assert len(coarse.losses) <= cells


@given(at_ms=st.integers(-50_000, LENGTH_S * 1_000 + 50_000), newer=st.booleans())
def test_the_next_problem_is_the_first_that_the_lane_has(view: Reader, at_ms: int, newer: bool) -> None:
    at = at_ns(at_ms / 1_000)
    found = {
        each.connection: each.at_ns for each in view.problems_near(tuple((name, at) for name in NAMES), newer=newer)
    }

    for lane in view.lanes(at_ns(-100), at_ns(LENGTH_S + 100)):
        times = [each.at_ns for each in lane.losses] + [each.start_ns for each in lane.incidents]
        beyond = [each for each in times if (each >= at) is newer]
        assert found.get(lane.connection) == (min if newer else max)(beyond, default=None)


def problems(lane: Lane, period: Period) -> list[int | None]:
    """The time of the first problem of every cell."""
    found = (first_problem(lane, period.start_of(cell), period.start_of(cell + 1)) for cell in range(period.cells))
    return [None if each is None else each.at_ns for each in found]
