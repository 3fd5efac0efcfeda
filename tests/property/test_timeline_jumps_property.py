"""Going from problem to problem over all lanes visits every cell with a problem, each once, in order; and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import SECOND_NS, at_ns, lane
from tests.support.fake_ports import FakeView
from wsmon.model.timeline import Lane, LaneTitle
from wsmon.tui.panes.timeline_state import STEPS_NS, TimeBounds, TimelineAnswer, TimelineState, TimeWindow

# Of all time, and the row
Cell = tuple[int, int]
MOMENT = TimeBounds(at_ns(0), at_ns(-4_000), at_ns(-4_000))
SECONDS = st.integers(-4_000, -1)


@st.composite
def lanes(draw: st.DrawFn) -> tuple[Lane, ...]:
    count = draw(st.integers(1, 6))
    return tuple(
        lane(
            f"c{number}",
            [(-4_000, "websocket_connected")],
            0,
            losses=sorted(draw(st.lists(SECONDS, max_size=6))),
            incidents=[(at, at + 3) for at in sorted(draw(st.lists(SECONDS, max_size=2)))],
            group=draw(st.sampled_from(("", "books"))),
        )
        for number in range(count)
    )


def state_of(found: tuple[Lane, ...], cell_ns: int, *, by_group: bool) -> TimelineState:
    """A state that shows these lanes, its cursor at the present."""
    state = TimelineState()
    state.by_group = by_group
    state.window = TimeWindow(cell_ns)
    state.resize(80, 12)
    titles = tuple(LaneTitle(each.connection, each.group) for each in found)
    state.take(
        TimelineAnswer(state.request(MOMENT).period, titles, {each.connection: each for each in found}, None), MOMENT
    )
    return state


def visited(state: TimelineState, view: FakeView, *, newer: bool) -> list[Cell]:
    """The cells in which the cursor stops, to the last one."""
    cells: list[Cell] = []
    while True:
        problems = view.problems_near(state.search_starts(newer=newer), newer=newer)
        nearest = state.nearest(problems, newer=newer)
        if nearest is None:
            return cells
        state.move_to_problem(nearest)
        cells.append(cell_of(state))
        assert len(cells) <= 60


def cell_of(state: TimelineState) -> Cell:
    period = state.period
    return period.start_of(state.cell) // (period.start_of(1) - period.since_ns), state.viewport.at


@given(lanes(), st.sampled_from([step for step in STEPS_NS if step >= SECOND_NS]), st.booleans())
def test_every_cell_with_a_problem_is_visited_once_in_order(
    found: tuple[Lane, ...], cell_ns: int, by_group: bool
) -> None:
    view = FakeView(lanes=found)
    state = state_of(found, cell_ns, by_group=by_group)
    rows = {name: number for number, row in enumerate(state.viewport.rows) for name in row.connections}
    expected = sorted(
        {
            (at // cell_ns, rows[each.connection])
            for each in found
            for at in (*(mark.at_ns for mark in each.losses), *(one.start_ns for one in each.incidents))
        }
    )

    here = cell_of(state)
    back = visited(state, view, newer=False)
    assert back == [cell for cell in reversed(expected) if cell < here]
    if back:
        assert visited(state, view, newer=True) == [cell for cell in expected if cell > back[-1]]
