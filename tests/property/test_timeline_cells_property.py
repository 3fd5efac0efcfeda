from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.statuses import STATUSES, Status
from wsmon.model.timeline import (
    KINDS,
    Incident,
    Lane,
    LossMark,
    Period,
    StatusSegment,
    first_problem,
    lane_cells,
    merged,
    read_cell,
    read_cells,
    spread,
)

TIMES = st.integers(min_value=-50_000, max_value=50_000)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    cells = draw(st.integers(1, 200))
    since = draw(TIMES)
    return Period(since, since + draw(st.integers(cells, 40_000)), cells)


@st.composite
def lanes(draw: st.DrawFn) -> Lane:
    """Stretches in order with gaps, losses, stalls and incidents anywhere."""
    cuts = sorted(draw(st.lists(TIMES, max_size=20)))
    statuses: list[Status] = draw(st.lists(st.sampled_from(STATUSES), min_size=len(cuts), max_size=len(cuts)))
    segments = tuple(
        StatusSegment(start, end, status, 1)
        for start, end, status in zip(cuts[::2], cuts[1::2], statuses, strict=False)
    )
    losses = tuple(LossMark(at, 2) for at in sorted(draw(st.lists(TIMES, max_size=8))))
    incidents = tuple(
        Incident(at, at + draw(st.integers(0, 5000)), 3, draw(st.sampled_from(("gap", "stall"))))
        for at in sorted(draw(st.lists(TIMES, max_size=6)))
    )
    return Lane(draw(st.sampled_from(("a", "b"))), "", segments, losses, incidents)


@given(lanes(), periods())
def test_each_loss_in_the_period_is_seen_in_exactly_the_cell_of_its_time(lane: Lane, period: Period) -> None:
    expected = {period.cell_of(loss.at_ns) for loss in lane.losses if period.since_ns <= loss.at_ns < period.until_ns}

    assert {cell for cell, kind in enumerate(lane_cells(lane, period)) if kind.startswith("loss")} == expected


@given(lanes(), periods())
def test_the_beginning_of_each_incident_in_the_period_is_seen_in_exactly_its_cell(lane: Lane, period: Period) -> None:
    begun = [
        each.start_ns
        for each in lane.incidents
        if each.kind != "stall" and period.since_ns <= each.start_ns < period.until_ns
    ]

    assert {cell for cell, kind in enumerate(lane_cells(lane, period)) if kind.endswith("opened")} == {
        period.cell_of(at_ns) for at_ns in begun
    }


@given(lanes(), periods())
def test_no_data_stays_blank_and_all_data_is_seen(lane: Lane, period: Period) -> None:
    kinds = lane_cells(lane, period)

    assert len(kinds) == period.cells
    for cell, kind in enumerate(kinds):
        start, end = period.start_of(cell), period.start_of(cell + 1)
        assert (kind == "none") == (read_cell(lane, start, end) is None)


@given(lanes(), periods())
def test_the_reading_of_a_cell_is_of_the_kind_that_it_shows(lane: Lane, period: Period) -> None:
    for cell, kind in enumerate(lane_cells(lane, period)):
        reading = read_cell(lane, period.start_of(cell), period.start_of(cell + 1))
        assert reading is None or reading.kind == kind


@given(st.lists(lanes(), min_size=1, max_size=4), periods())
def test_a_group_is_blank_where_all_are_and_no_problem_of_any_is_lost(members: list[Lane], period: Period) -> None:
    of_each = [lane_cells(member, period) for member in members]
    of_all = lane_cells(merged("group", members), period)

    for cell, kind in enumerate(of_all):
        own = [kinds[cell] for kinds in of_each]
        assert (kind == "none") == (set(own) == {"none"})
        assert kind.startswith("loss") == any(each.startswith("loss") for each in own)
        assert kind.endswith("opened") == any(each.endswith("opened") for each in own)
        assert kind in own or kind == "loss_opened"
        reading = read_cells(members, period.start_of(cell), period.start_of(cell + 1))
        assert (reading.kind if reading is not None else "none") == max(own, key=KINDS.index)


@given(lanes(), periods())
def test_a_cell_has_a_first_problem_where_one_begins_in_it(lane: Lane, period: Period) -> None:
    begun = {each.at_ns for each in lane.losses} | {each.start_ns for each in lane.incidents}
    for cell in range(period.cells):
        times = (period.start_of(cell), period.start_of(cell + 1))
        found = first_problem(lane, *times)
        assert (found.at_ns if found is not None else None) == min(
            (at for at in begun if times[0] <= at < times[1]), default=None
        )


@given(periods(), TIMES)
def test_every_time_of_the_period_is_in_exactly_one_cell(period: Period, at_ns: int) -> None:
    cell = period.cell_of(at_ns)

    assert (0 <= cell < period.cells) == (period.since_ns <= at_ns < period.until_ns)
    assert period.start_of(cell) <= at_ns < period.start_of(cell + 1)


@given(st.lists(st.integers(0, 1000), max_size=50), st.integers(1, 500), TIMES, st.integers(1, 60))
def test_spreading_counts_keeps_their_sum(counts: list[int], bucket_ns: int, since: int, cells: int) -> None:
    until = since + max(cells, len(counts) * bucket_ns)

    assert round(sum(spread(counts, since, bucket_ns, Period(since, until, cells))), 6) == sum(counts)
