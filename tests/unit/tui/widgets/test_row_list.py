from __future__ import annotations

from array import array

import pytest
from rich.segment import Segment
from textual.strip import Strip

from tests.support.pane_app import PaneApp
from wsmon.tui.widgets.row_list import AllRows, MatchRows, RowIds, RowList

# Ten rows of the list, and its border
SIZE = (30, 12)


def ids(rows: RowIds) -> list[int]:
    return [rows.id_at(row) for row in range(len(rows))]


def found(*numbers: int) -> array[int]:
    return array("q", numbers)


def test_all_rows_are_the_ids_without_holes() -> None:
    rows = AllRows(5, 8)

    assert ids(rows) == [5, 6, 7, 8]
    assert [rows.row_of(event_id) for event_id in (1, 5, 8, 9)] == [0, 0, 3, 4]
    assert ids(AllRows(0, 0)) == []


@pytest.mark.parametrize("rows", [AllRows(5, 8), MatchRows(9)])
def test_there_is_nothing_outside(rows: RowIds) -> None:
    for row in (-1, len(rows)):
        with pytest.raises(IndexError):
            rows.id_at(row)


def test_matches_grow_at_both_ends() -> None:
    rows = MatchRows(20)
    rows.prepend(found(16, 18), 15, 20)
    rows.append(found(21, 25), 21, 30)
    rows.prepend(found(3, 9), 1, 14)

    assert ids(rows) == [3, 9, 16, 18, 21, 25]
    assert (rows.searched_from, rows.searched_to, rows.searched) == (1, 30, 30)
    assert [rows.row_of(event_id) for event_id in (1, 3, 4, 9, 10, 18, 19, 25, 26)] == [0, 0, 1, 1, 2, 3, 4, 5, 6]


def test_a_range_that_does_not_join_is_refused() -> None:
    rows = MatchRows(20)

    with pytest.raises(ValueError, match="do not join"):
        rows.prepend(found(), 1, 10)
    with pytest.raises(ValueError, match="do not join"):
        rows.append(found(), 22, 30)


@pytest.mark.parametrize(
    ("oldest_id", "kept"),
    [(1, [3, 9, 16, 18, 21]), (4, [9, 16, 18, 21]), (17, [18, 21]), (21, [21]), (22, []), (99, [])],
)
def test_pruned_ids_are_forgotten(oldest_id: int, kept: list[int]) -> None:
    rows = MatchRows(20)
    rows.prepend(found(16, 18), 15, 20)
    rows.append(found(21), 21, 21)
    rows.prepend(found(3, 9), 1, 14)
    rows.prune(oldest_id)

    assert ids(rows) == kept
    assert [rows.row_of(event_id) for event_id in kept] == list(range(len(kept)))


class Numbers(RowList):
    """Rows that show their ids; keeps which hooks were called."""

    DEFAULT_CSS = "Numbers { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def cursor_changed(self) -> None:
        self.heard.append("cursor")

    def sight_changed(self) -> None:
        super().sight_changed()
        self.heard.append("sight")

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        return Strip([Segment(f"{self.rows.id_at(row) if row < len(self.rows) else '':<6}")])


def lines(app: PaneApp) -> list[str]:
    return [line.strip() for line in app.lines()]


async def test_it_follows_the_newest_row() -> None:
    pane = Numbers()
    app = PaneApp(pane, "log.tcss")
    async with app.run_test(size=SIZE) as pilot:
        pane.place(AllRows(1, 100))
        await pilot.pause()
        assert (pane.current_id, pane.cursor_y, lines(app)[0], lines(app)[-1]) == (100, 9, "91", "100")
        pane.place(AllRows(1, 103))

        assert (pane.current_id, pane.cursor_y, pane.is_following) == (103, 9, True)


async def test_a_paused_cursor_keeps_its_row_of_the_screen_while_rows_come_and_go() -> None:
    pane = Numbers()
    app = PaneApp(pane, "log.tcss")
    async with app.run_test(size=SIZE) as pilot:
        pane.place(AllRows(1, 100))
        await pilot.press("k", "k")
        pane.heard.clear()
        pane.place(AllRows(20, 500))
        await pilot.pause()

        assert (pane.current_id, pane.cursor_y, lines(app)[0], pane.heard) == (98, 7, "91", [])


async def test_rows_may_be_placed_with_the_cursor_elsewhere() -> None:
    pane = Numbers()
    app = PaneApp(pane, "log.tcss")
    async with app.run_test(size=SIZE) as pilot:
        pane.place(AllRows(1, 100))
        pane.pause()
        pane.place(MatchRows(100), (50, 3))
        assert pane.current_id == 0
        pane.place(AllRows(1, 100))
        await pilot.pause()

        assert (pane.current_id, pane.cursor_y, lines(app)[3]) == (50, 3, "50")


async def test_it_says_once_that_the_cursor_or_the_rows_in_sight_changed() -> None:
    pane = Numbers()
    app = PaneApp(pane, "log.tcss")
    async with app.run_test(size=SIZE):
        pane.place(AllRows(1, 100))
        pane.heard.clear()
        pane.go_to_row(0)
        first = pane.heard.copy()
        pane.go_to_row(0)

        assert (first, pane.heard, pane.is_following) == (["sight", "cursor"], first, False)


async def test_the_wheel_takes_the_cursor_along() -> None:
    pane = Numbers()
    app = PaneApp(pane, "log.tcss")
    async with app.run_test(size=SIZE) as pilot:
        pane.place(AllRows(1, 100))
        pane.scroll_relative(y=-30, animate=False, force=True)
        await pilot.pause()

        assert (pane.current_id, pane.cursor_y, lines(app)[-1], pane.is_following) == (70, 9, "70", False)


async def test_another_height_keeps_the_cursor_in_sight() -> None:
    pane = Numbers()
    app = PaneApp(pane, "log.tcss")
    async with app.run_test(size=SIZE) as pilot:
        pane.place(AllRows(1, 100))
        await pilot.press("k")
        await pilot.resize_terminal(SIZE[0], 7)
        await pilot.pause()

        assert (pane.current_id, lines(app)) == (99, ["95", "96", "97", "98", "99"])
