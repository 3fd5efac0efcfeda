from __future__ import annotations

import pytest

from tests.support.builders import SECOND_NS, T0_NS, at_ns, lane
from wsmon.model.statuses import STATUSES, Status
from wsmon.model.timeline import (
    CellKind,
    CellReading,
    Lane,
    Period,
    TimelineProblem,
    first_problem,
    lane_cells,
    merged,
    read_cell,
    read_cells,
    spread,
)

SIGNS: dict[CellKind, str] = {
    "none": " ",
    "open": "=",
    "closed": ".",
    "connecting": "-",
    "stalled": "~",
    "gave_up": "x",
    "opened": "#",
    "loss_opened": "%",
    "loss": "X",
}
TEN_SECONDS = Period(T0_NS, at_ns(10), 10)


def drawn(shown: Lane, period: Period = TEN_SECONDS) -> str:
    return "".join(SIGNS[kind] for kind in lane_cells(shown, period))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param(lane("a", [], 0), "          ", id="no recorder ran"),
        pytest.param(lane("a", [(2, "connecting"), (3, "websocket_connected")], 8), "  -=====  ", id="edges of a run"),
        pytest.param(lane("a", [(-5, "websocket_connected")], 99), "==========", id="clipped at both ends"),
        pytest.param(lane("a", [(0, "websocket_connected"), (4.2, "closed"), (4.3, "websocket_connected")], 10),
                     "====.=====", id="a short close is seen"),
        pytest.param(lane("a", [(0, "websocket_connected"), (4.2, "reconnecting"), (4.201, "websocket_connected")], 10),
                     "====-=====", id="a millisecond of reconnecting is seen"),
        pytest.param(lane("a", [(0, "websocket_connected"), (4.5, "disconnected"), (4.6, "websocket_connected")], 10,
                          losses=[4.5]), "====X=====", id="a loss is worse than what follows it"),
        pytest.param(lane("a", [(0, "websocket_connected")], 10, stalls=[(6.5, 9)], losses=[7]),
                     "======~X~=", id="a loss is worse than a stall"),
        pytest.param(lane("a", [(0, "connecting"), (1, "error")], 10), "-xxxxxxxxx", id="gave up"),
        pytest.param(lane("a", [(0, "websocket_connected"), (3, "closed")], 10), "===.......", id="closed by us"),
        pytest.param(lane("a", [(3, "websocket_connected"), (3, "closed")], 3), "   .      ", id="no time at all"),
        pytest.param(lane("a", [], 0, losses=[-0.001, 0, 9.999999999, 10]), "X        X", id="half open"),
    ],
)  # fmt: skip
def test_the_worst_of_a_cell_is_shown(shown: Lane, expected: str) -> None:
    assert drawn(shown) == expected


def test_every_status_has_a_kind() -> None:
    shown = lane("a", [(number, status) for number, status in enumerate(STATUSES)], len(STATUSES))

    assert drawn(shown, Period(T0_NS, at_ns(len(STATUSES)), len(STATUSES))) == "---=--x."


def test_a_period_that_cells_do_not_divide_is_covered_without_gaps() -> None:
    period = Period(T0_NS, T0_NS + 10, 3)

    assert [period.start_of(cell) - T0_NS for cell in range(4)] == [0, 3, 6, 10]
    assert [period.cell_of(T0_NS + at) for at in range(-1, 11)] == [-1, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3]


def test_a_period_shorter_than_its_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Period(T0_NS, T0_NS + 2, 3)


def test_a_reading_is_the_first_loss_of_the_cell_before_anything_else() -> None:
    shown = lane("a", [(0, "websocket_connected")], 10, losses=[3.1, 3.8], stalls=[(3, 4)])

    assert read_cell(shown, at_ns(3), at_ns(4)) == CellReading("a", "loss", at_ns(3.1), 101, 2, shown.incidents)


def test_a_reading_without_a_loss_is_the_stall_then_the_worst_status() -> None:
    shown = lane(
        "a", [(0, "websocket_connected"), (5, "reconnecting"), (5.5, "websocket_connected")], 10, stalls=[(1, 2)]
    )

    assert read_cell(shown, at_ns(1), at_ns(2)) == CellReading("a", "stalled", at_ns(1), 201, 0, shown.incidents)
    assert read_cell(shown, at_ns(5), at_ns(6)) == CellReading("a", "connecting", at_ns(5), 2)
    assert read_cell(shown, at_ns(8), at_ns(9)) == CellReading("a", "open", at_ns(5.5), 3)
    assert read_cell(shown, at_ns(10), at_ns(11)) is None


def test_an_incident_is_seen_where_the_connection_is_open_and_nothing_is_worse() -> None:
    statuses: list[tuple[float, Status]] = [(0, "websocket_connected"), (6, "reconnecting"), (8, "websocket_connected")]
    shown = lane("a", statuses, 10, losses=[6], stalls=[(3, 4)], incidents=[(2, 9)])

    assert lane_cells(shown, Period(at_ns(0), at_ns(10), 10)) == (
        *("open", "open", "opened", "stalled", "incident"),
        *("incident", "loss", "connecting", "incident", "open"),
    )
    gap, silence = shown.incidents
    assert read_cell(shown, at_ns(2), at_ns(3)) == CellReading("a", "opened", at_ns(2), 301, 0, (gap,))
    assert read_cell(shown, at_ns(3), at_ns(4)) == CellReading("a", "stalled", at_ns(3), 201, 0, (gap, silence))
    assert read_cell(shown, at_ns(4), at_ns(5)) == CellReading("a", "incident", at_ns(2), 301, 0, (gap,))
    assert read_cell(shown, at_ns(6), at_ns(7)) == CellReading("a", "loss", at_ns(6), 101, 1, (gap,))
    assert read_cell(shown, at_ns(7), at_ns(8)) == CellReading("a", "connecting", at_ns(6), 2, 0, (gap,))


def test_the_beginning_of_an_incident_is_seen_whatever_the_status_and_never_hides_a_loss() -> None:
    statuses: list[tuple[float, Status]] = [(0, "reconnecting"), (4, "error"), (8, "closed")]
    shown = lane("a", statuses, 10, losses=[2], incidents=[(1, 3), (2, 3), (5, 9), (8, 9)])
    assert drawn(shown) == "-#%-x#xx#."
    assert read_cell(shown, at_ns(5), at_ns(6)) == CellReading("a", "opened", at_ns(5), 301, 0, shown.incidents[2:3])


def test_a_group_reads_out_its_worst_member_and_how_many_more_are_in_trouble() -> None:
    well = lane("well", [(0, "websocket_connected")], 10)
    lost = lane("lost", [(0, "websocket_connected")], 10, losses=[3])
    silent = lane("silent", [(0, "websocket_connected")], 10, stalls=[(3, 6)])

    assert drawn(merged("feeds", [well, silent, lost])) == "===X~~===="
    assert read_cells([well, silent, lost], at_ns(3), at_ns(4)) == CellReading("lost", "loss", at_ns(3), 101, 1, (), 1)
    assert read_cells([well, lost], at_ns(5), at_ns(6)) == CellReading("well", "open", at_ns(0), 1)
    assert read_cells([], at_ns(5), at_ns(6)) is None


def test_the_first_problem_of_a_cell_is_a_loss_or_the_beginning_of_an_incident() -> None:
    shown = lane("a", [(0, "websocket_connected")], 10, losses=[3.5], stalls=[(3.1, 6)], incidents=[(7, 9)])

    assert [first_problem(shown, at_ns(at), at_ns(at + 1)) for at in (3, 4, 7)] == [
        TimelineProblem("a", at_ns(3.1), 201),
        None,
        TimelineProblem("a", at_ns(7), 301),
    ]


def test_counts_are_shared_out_in_proportion_and_none_is_lost_inside() -> None:
    assert spread([4, 0, 6], T0_NS, 2 * SECOND_NS, Period(T0_NS, at_ns(6), 6)) == (2.0, 2.0, 0.0, 0.0, 3.0, 3.0)
    assert spread([4, 2, 6], T0_NS, 2 * SECOND_NS, Period(T0_NS, at_ns(6), 2)) == (5.0, 7.0)
    assert spread([4, 2], at_ns(-2), 2 * SECOND_NS, Period(T0_NS, at_ns(4), 2)) == (2.0, 0.0)
