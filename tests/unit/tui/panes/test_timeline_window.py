from __future__ import annotations

from tests.builders import SECOND_NS, T0_NS, at_ns
from wsmon.model.timeline_cells import Period
from wsmon.tui.panes.timeline_window import STEPS_NS, Window

CELLS = 100
LONG_AGO_NS = at_ns(-1_000_000)


def test_a_live_window_ends_with_the_cell_of_the_present_and_moves_by_whole_cells() -> None:
    window = Window(20 * SECOND_NS)
    now = T0_NS // (20 * SECOND_NS) * 20 * SECOND_NS + 1

    assert window.period(CELLS, now, 0) == window.period(CELLS, now + 19 * SECOND_NS, 0)
    assert (
        window.period(CELLS, now + 20 * SECOND_NS, 0).since_ns == window.period(CELLS, now, 0).since_ns + 20 * SECOND_NS
    )
    assert window.period(CELLS, now, 0).until_ns >= now


def test_a_new_store_fills_the_pane_and_an_old_one_shows_half_an_hour() -> None:
    cells = [Window().period(CELLS, T0_NS, at_ns(-age)).start_of(1) for age in (3, 150, 400, 1_000_000)]
    starts = [Window().period(CELLS, T0_NS, at_ns(-age)).since_ns for age in (3, 150, 400, 1_000_000)]

    assert [(cell - start) // SECOND_NS for cell, start in zip(cells, starts, strict=True)] == [1, 2, 5, 20]


def test_zoom_takes_round_steps_and_ends_at_both_ends() -> None:
    window = Window(5 * SECOND_NS)
    closer = window.zoomed(CELLS, T0_NS, LONG_AGO_NS, closer=True, around_ns=None)

    assert closer == Window(2 * SECOND_NS)
    assert closer.zoomed(CELLS, T0_NS, LONG_AGO_NS, closer=False, around_ns=None) == window
    assert Window(STEPS_NS[0]).zoomed(CELLS, T0_NS, 0, closer=True, around_ns=None) == Window(STEPS_NS[0])
    assert Window(STEPS_NS[-1]).zoomed(CELLS, T0_NS, 0, closer=False, around_ns=None) == Window(STEPS_NS[-1])


def test_zooming_a_held_window_keeps_the_cursor_where_it_is() -> None:
    held = Window(10 * SECOND_NS, at_ns(-2000))
    cursor = at_ns(-2500)
    closer = held.zoomed(CELLS, T0_NS, LONG_AGO_NS, closer=True, around_ns=cursor)
    before, after = (each.period(CELLS, T0_NS, LONG_AGO_NS).cell_of(cursor) for each in (held, closer))

    assert closer.cell_ns == 5 * SECOND_NS
    assert abs(before - after) <= 1


def test_panning_back_holds_and_panning_to_the_present_is_live_again() -> None:
    window = Window(10 * SECOND_NS)
    held = window.panned(CELLS, T0_NS, LONG_AGO_NS, by=-50)

    assert held.until_ns is not None
    assert held.period(CELLS, T0_NS, LONG_AGO_NS) == held.period(CELLS, at_ns(3600), LONG_AGO_NS)
    assert held.panned(CELLS, T0_NS, LONG_AGO_NS, by=50) == window


def test_fit_shows_everything_that_is_kept() -> None:
    window = Window(SECOND_NS, at_ns(-5000)).fitted(CELLS, T0_NS, at_ns(-90_000))
    period: Period = window.period(CELLS, T0_NS, at_ns(-90_000))

    assert window.until_ns is None
    assert period.since_ns <= at_ns(-90_000)
    assert Window().fitted(CELLS, T0_NS, 0) == Window(20 * SECOND_NS)
