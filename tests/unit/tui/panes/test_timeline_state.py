"""State of the timeline: its window, its cursor, and what its actions do."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, T0_NS, at_ns
from wsmon.model.timeline import Period
from wsmon.tui.panes.timeline_state import STEPS_NS, TimeBounds, TimeWindow

CELLS = 100
LONG_AGO = TimeBounds(T0_NS, at_ns(-1_000_000))
WEEK_NS = 7 * 86_400 * SECOND_NS


def test_a_live_window_ends_with_the_cell_of_the_present_and_moves_by_whole_cells() -> None:
    window = TimeWindow(20 * SECOND_NS)
    now = T0_NS // (20 * SECOND_NS) * 20 * SECOND_NS + 1

    first, same, later = (window.period(CELLS, TimeBounds(now + after * SECOND_NS)) for after in (0, 19, 20))
    assert first == same
    assert later.since_ns == first.since_ns + 20 * SECOND_NS
    assert first.until_ns >= now


def test_a_new_store_fills_the_pane_and_an_old_one_shows_half_an_hour() -> None:
    steps = [TimeWindow().step_ns(CELLS, TimeBounds(T0_NS, at_ns(-age))) for age in (3, 150, 400, 1_000_000)]

    assert [step // SECOND_NS for step in steps] == [1, 2, 5, 20]


def test_zoom_goes_from_a_second_a_window_to_years_and_ends_at_both_ends() -> None:
    window = TimeWindow(5 * SECOND_NS)
    closer = window.zoomed(CELLS, LONG_AGO, closer=True, around_ns=None)

    assert closer == TimeWindow(2 * SECOND_NS)
    assert closer.zoomed(CELLS, LONG_AGO, closer=False, around_ns=None) == window
    assert TimeWindow(STEPS_NS[0]).zoomed(CELLS, LONG_AGO, closer=True, around_ns=None) == TimeWindow(STEPS_NS[0])
    assert TimeWindow(STEPS_NS[-1]).zoomed(CELLS, LONG_AGO, closer=False, around_ns=None) == TimeWindow(STEPS_NS[-1])
    assert STEPS_NS[0] * CELLS <= SECOND_NS
    assert STEPS_NS[-1] * CELLS >= 52 * WEEK_NS


def test_zooming_keeps_the_cursor_in_its_cell() -> None:
    held = TimeWindow(10 * SECOND_NS, at_ns(-2000))
    cursor = at_ns(-2500)
    closer = held.zoomed(CELLS, LONG_AGO, closer=True, around_ns=cursor)

    assert closer.cell_ns == 5 * SECOND_NS
    assert closer.period(CELLS, LONG_AGO).cell_of(cursor) == held.period(CELLS, LONG_AGO).cell_of(cursor)


def test_panning_back_holds_and_panning_to_the_present_is_live_again() -> None:
    window = TimeWindow(10 * SECOND_NS)
    held = window.panned(CELLS, LONG_AGO, by=-50)

    assert held.until_ns is not None
    assert held.period(CELLS, LONG_AGO) == held.period(CELLS, TimeBounds(at_ns(3600), LONG_AGO.oldest_ns))
    assert held.panned(CELLS, LONG_AGO, by=50) == window


def test_a_time_out_of_sight_comes_to_the_middle_and_one_in_sight_stays() -> None:
    window = TimeWindow(10 * SECOND_NS)
    moved = window.showing(CELLS, LONG_AGO, at_ns(-5000))

    assert window.showing(CELLS, LONG_AGO, at_ns(-900)) == window
    assert moved.period(CELLS, LONG_AGO).cell_of(at_ns(-5000)) == CELLS // 2
    assert moved.showing(CELLS, LONG_AGO, at_ns(-5000)) == moved
    assert moved.showing(CELLS, LONG_AGO, at_ns(-1)) == window


def test_fit_shows_the_newest_run_and_then_everything_that_is_kept() -> None:
    moment = TimeBounds(T0_NS, at_ns(-90_000), at_ns(-700))
    run = TimeWindow(SECOND_NS, at_ns(-5000)).fitted(CELLS, moment)
    whole = run.fitted(CELLS, moment)
    periods: list[Period] = [each.period(CELLS, moment) for each in (run, whole)]

    assert run.until_ns is whole.until_ns is None
    assert [period.since_ns <= start for period, start in zip(periods, (at_ns(-700), at_ns(-90_000)), strict=True)]
    assert periods[0].since_ns > at_ns(-1100)
    assert whole.fitted(CELLS, moment) == run
    assert TimeWindow().fitted(CELLS, TimeBounds(T0_NS)) == TimeWindow(20 * SECOND_NS)
