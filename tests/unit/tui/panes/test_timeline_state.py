"""State of the timeline: its window, its cursor, and what its actions do."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, T0_NS, at_ns, lane
from wsmon.model.timeline import LaneTitle, Period, TimelineProblem
from wsmon.tui.panes.timeline_state import (
    NO_GROUPS,
    STEPS_NS,
    TIMELINE_ACTIONS,
    TimeBounds,
    TimelineAnswer,
    TimelineState,
    TimeWindow,
)

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


def test_s4_the_first_period_holds_everything_also_where_the_clock_was_set_back() -> None:
    """Ten minutes before the clock was set back by an hour, and ten after: the present is in sight as well."""
    moment = TimeBounds(at_ns(-2_400), at_ns(-3_000), at_ns(-600), newest_ns=T0_NS)
    shown = TimeWindow().period(CELLS, moment)
    fitted = TimeWindow(SECOND_NS).fitted(CELLS, moment).period(CELLS, moment)
    of_days = TimeWindow().period(CELLS, TimeBounds(at_ns(-3_600), at_ns(-1_000_000), newest_ns=T0_NS))

    assert shown.since_ns <= at_ns(-3_000) < T0_NS <= shown.until_ns
    assert fitted.since_ns <= at_ns(-600)
    assert of_days.since_ns <= at_ns(-3_600 - 1_800)
    assert of_days.since_ns > at_ns(-20_000)


NOW = TimeBounds(T0_NS, at_ns(-4_000), at_ns(-700))


def state_of(*groups: str, width: int = 109) -> TimelineState:
    """A state of lanes in these groups, at the present, with 100 cells of 20 s."""
    state = TimelineState()
    state.resize(width, 12)
    lanes = [lane(f"c{number}", [(-3_900, "websocket_connected")], 0, losses=[-50]) for number in range(len(groups))]
    titles = tuple(LaneTitle(each.connection, group) for each, group in zip(lanes, groups, strict=True))
    state.take(TimelineAnswer(state.request(NOW).period, titles, {each.connection: each for each in lanes}, None), NOW)
    return state


def act(state: TimelineState, *names: str) -> TimelineState:
    for name in names:
        TIMELINE_ACTIONS[name].apply(state)
    return state


def test_the_cursor_moves_from_cell_to_cell_and_the_period_along_past_its_edge() -> None:
    state = state_of("", "")
    assert (state.cells, state.cell, state.is_at_present) == (100, 99, True)
    assert (act(state, "left", "left").cell, state.is_at_present) == (97, False)
    assert act(state, "right", "right").is_at_present
    act(state, *["left"] * 100)
    assert state.window == TimeWindow(20 * SECOND_NS, state.window.until_ns)
    assert state.window.until_ns is not None
    assert state.cell == 25


def test_actions_say_why_they_change_nothing() -> None:
    state = state_of("", "")
    unchanged = {}
    for name, action in TIMELINE_ACTIONS.items():
        before = state.window, state.by_group
        action.apply(state)
        if (state.window, state.by_group) == before and action.refusal:
            unchanged[name] = action.refusal
        act(state, "now")
    assert unchanged == {"pan_right": "already at the present", "groups": NO_GROUPS}


def test_lanes_by_group_and_back() -> None:
    state = state_of("books", "", "books")
    assert [row.label for row in act(state, "groups").viewport.rows] == ["books (2)", "c1"]
    assert [row.label for row in act(state, "groups").viewport.rows] == ["c0", "c1", "c2"]


def test_rows_in_sight_are_requested_with_half_a_page_on_both_sides() -> None:
    state = state_of(*[""] * 40)
    room = state.viewport.room
    assert (state.request(NOW).first_row, state.request(NOW).rows) == (0, 2 * room)
    state.move("bottom")
    assert state.request(NOW).first_row == 40 - room - room // 2
    state.set_order(("c39", "c38"))
    assert state.request(NOW).order == ("c39", "c38")


def test_a_problem_is_under_the_cursor_once_it_is_moved_there() -> None:
    state = state_of("", "")
    loss = TimelineProblem("c1", at_ns(-50), state.known.lanes(state.viewport.rows[1])[0].losses[0].event_id)
    under_cursor = [state.problem]
    state.move_to_problem(loss)
    under_cursor.append(state.problem)
    assert under_cursor == [None, loss]
    assert state.viewport.at == 1


def test_the_search_for_problems_begins_in_another_cell_than_the_cursor() -> None:
    state = state_of("", "")
    state.move("down")
    start_ns, end_ns = state.period.start_of(state.cell), state.period.until_ns
    assert dict(state.search_starts(newer=False)) == {"c0": end_ns, "c1": start_ns}
    assert dict(state.search_starts(newer=True)) == {"c0": end_ns, "c1": end_ns}
    assert state.nearest((), newer=True) is None


def test_cells_that_were_not_read_are_not_the_same_as_no_data() -> None:
    state = act(state_of(""), "pan_left")
    cells = state.known.cells(state.viewport.rows[0], state.period)
    assert set(cells[:49]) == {None}
    assert set(cells[-49:]) == {"open"}
