"""A widget with a cursor over rows of ids, however many: it follows the newest row, or keeps its place.

The row under the cursor is remembered by its id and by its place on the screen; both stay when rows are added above or
below, and when old ones are pruned. Nothing here lays out the screen anew: that would cost 29 ms where 3 do.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import ClassVar, Protocol

from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

from wsmon.tui.actions import Move, bindings, moved


class RowList(ScrollView, can_focus=True):
    """Scrolls over ``rows``; what a row looks like is up to the subclass.

    A row whose id is first found on another row is a heading of the row below it: the cursor passes over it.

    The attributes without an underscore are for reading alone; ``place``, ``go_to_row``, ``follow`` and ``pause``
    change them.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose")
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.rows: RowIds = NO_ROWS
        self.is_following = True
        """Whether the newest row stays in sight."""
        self.current_id = 0
        """The id under the cursor; 0 = there are no rows."""
        self.cursor_y = 0
        """Row of the screen that the cursor is on."""
        self._left = 0, 0
        """Id and row of the screen before the last row went: there the cursor is again when rows come."""
        self._is_placing = False
        """Whether a scroll under way is the widget's own, and not the user's."""
        self._placed_height = 0
        """Lines of the pane for which rows were placed last."""
        self._in_sight: tuple[int, ...] = ()

    def cursor_changed(self) -> None:
        """React when the user put the cursor on another row, or when the list began or ceased to follow."""

    def sight_changed(self) -> None:
        """React when other rows are in sight than before, or when the cursor is on another one: paint."""
        self.refresh()

    def place(self, rows: RowIds, at: tuple[int, int] | None = None) -> None:
        """Show these rows from now on; the cursor stays where it is, or follows.

        ``at`` is an id, and the row of the screen, on which the cursor is to be instead; it takes the next row where
        the id is not among them.
        """
        if at is not None:
            self.current_id, self.cursor_y = at
        self.rows = rows
        self._placed_height = self.page.height
        count = len(rows)
        self.set_reactive(Widget.virtual_size, Size(self.page.width, count))
        self.vertical_scrollbar.window_virtual_size = max(count, 1)
        self.vertical_scrollbar.window_size = self.page.height
        if not count:
            if self.current_id:
                self._left = self.current_id, self.cursor_y
            self.current_id = self.cursor_y = 0
            self._scroll(0)
            return
        if not self.current_id:
            self.current_id, self.cursor_y = self._left
        row = count - 1 if self.is_following else min(rows.row_of(self.current_id), count - 1)
        self.current_id = rows.id_at(row)
        self._scroll(count - self.page.height if self.is_following else row - self.cursor_y)
        self.cursor_y = row - self.scroll_offset.y

    def follow(self) -> None:
        """Go to the newest row and stay with it."""
        if not self.is_following:
            self.is_following = True
            self.place(self.rows)
            self.cursor_changed()

    def pause(self) -> None:
        """Stay where the cursor is."""
        if self.is_following:
            self.is_following = False
            self.cursor_changed()

    def go_to_row(self, row: int, *, is_centred: bool = False) -> None:
        """Put the cursor on a row (or the nearest one), scroll as little as that needs, and pause."""
        if not len(self.rows):
            return
        row = self.rows.row_of(self.rows.id_at(min(max(0, row), len(self.rows) - 1)))
        before = self.current_id, False
        now = self.rows.id_at(row), self.is_following
        self.current_id, self.is_following = now[0], False
        top = self.scroll_offset.y
        if is_centred and not top <= row < top + self.page.height:
            top = row - self.page.height // 2
        # With its heading, where it has one
        first = row - 1 if self.page.height > 1 and self.is_heading(row - 1) else row
        self._scroll(min(max(top, row - self.page.height + 1), first))
        self.cursor_y = row - self.scroll_offset.y
        if now != before:
            self.cursor_changed()

    def action_move(self, move: Move) -> None:
        """Move the cursor; at the bottom it follows the newest row."""
        if move == "bottom":
            self.follow()
            return
        page = max(1, self.page.height - 1) if move in ("page_down", "page_up") else self.page.height
        at = self.rows.row_of(self.current_id)
        row = moved(move, at, page, len(self.rows) - 1)
        self.go_to_row(row - 1 if row < at and self.is_heading(row) else row)

    def is_heading(self, row: int) -> bool:
        """Return whether a row is no place for the cursor."""
        return 0 <= row < len(self.rows) and self.rows.row_of(self.rows.id_at(row)) != row

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Let the wheel or the scroll bar take the cursor along, and end following."""
        # ScrollView's watcher paints at once; here ``sight_changed`` says when.
        self.vertical_scrollbar.position = new_value
        # A scroll by a layout is followed by ``on_resize``, which places the rows anew.
        is_clamped = self._placed_height != self.page.height
        if self._is_placing or is_clamped or round(old_value) == round(new_value) or not len(self.rows):
            return
        top = round(new_value)
        row = min(max(self.rows.row_of(self.current_id), top), top + self.page.height - 1, len(self.rows) - 1)
        if self.is_heading(row):
            row += 1 if row < top + self.page.height - 1 else -1
        self.current_id = self.rows.id_at(row)
        self.cursor_y = row - top
        self.is_following = False
        self._scroll(top)
        self.cursor_changed()

    def on_mount(self) -> None:
        """Begin with the rows that there are, also where there are none."""
        self.place(self.rows)
        self.cursor_changed()

    def on_resize(self) -> None:
        """Keep the cursor in sight at another height."""
        self.cursor_y = min(self.cursor_y, self.page.height - 1)
        self.place(self.rows)

    @property
    def page(self) -> Size:
        """What is in sight: cells a line, and rows (at least one)."""
        width, height = self.scrollable_content_region.size
        return Size(width, max(1, height))

    def _scroll(self, top: int) -> None:
        """Scroll so that ``top`` is the first row, and say so if other rows are in sight than before."""
        top = max(0, min(top, len(self.rows) - self.page.height))
        self._is_placing = True
        try:
            self.scroll_to(y=top, animate=False, force=True)
        finally:
            self._is_placing = False
        last = min(top + self.page.height, len(self.rows)) - 1
        ends = (self.rows.id_at(top), self.rows.id_at(last)) if last >= top else (0, 0)
        headings = self.is_heading(top), self.is_heading(last)
        in_sight = (*ends, *headings, last - top, self.current_id)
        if in_sight != self._in_sight:
            self._in_sight = in_sight
            self.sight_changed()


class RowIds(Protocol):
    """Ids, one a row, and a second row for a heading above it; in ascending order but for ``RankedRows``."""

    def __len__(self) -> int: ...

    def id_at(self, row: int) -> int:
        """Return the id on a row; raises ``IndexError`` outside."""
        ...

    def row_of(self, event_id: int) -> int:
        """Return the row of the first id that is not smaller; ``len`` where there is none."""
        ...


class AllRows:
    """Every event kept: ids have no holes, so a row is a subtraction."""

    __slots__ = ("_count", "_oldest_id")

    def __init__(self, oldest_id: int, last_id: int) -> None:
        self._oldest_id = oldest_id
        self._count = last_id - oldest_id + 1 if oldest_id else 0

    def __len__(self) -> int:
        return self._count

    def id_at(self, row: int) -> int:
        if not 0 <= row < self._count:
            raise IndexError(row)
        return self._oldest_id + row

    def row_of(self, event_id: int) -> int:
        return min(max(0, event_id - self._oldest_id), self._count)


class MatchRows:
    """The matches of a query, 8 bytes each, in the range of ids that was searched so far.

    The range grows at both ends: new events are searched as they come, old ones newest first. ``_older`` is kept in
    descending order, so that both ends grow by appending.
    """

    __slots__ = ("_dropped", "_newer", "_older", "searched_from", "searched_to")

    def __init__(self, newest_id: int) -> None:
        """Nothing is searched yet; the first range given must end at ``newest_id`` or begin after it."""
        self.searched_from = newest_id + 1
        self.searched_to = newest_id
        self._older = array("q")
        self._newer = array("q")
        # Ids at the front of _newer that are no longer kept
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._older) + len(self._newer) - self._dropped

    @property
    def searched(self) -> int:
        """How many events were looked at."""
        return self.searched_to - self.searched_from + 1

    def id_at(self, row: int) -> int:
        if not 0 <= row < len(self):
            raise IndexError(row)
        older = len(self._older)
        return self._older[older - 1 - row] if row < older else self._newer[row - older + self._dropped]

    def row_of(self, event_id: int) -> int:
        if self._older and event_id <= self._older[0]:
            last = len(self._older) - 1
            return bisect_left(range(last + 1), event_id, key=lambda row: self._older[last - row])
        newer = bisect_left(self._newer, event_id, self._dropped) - self._dropped
        return len(self._older) + newer

    def prepend(self, ids: array[int], searched_from: int, searched_to: int) -> None:
        """Add the matches of a range that ends where the searched one begins."""
        if searched_to != self.searched_from - 1:
            raise ValueError(f"ids up to {searched_to} do not join {self.searched_from}")
        self._older.extend(reversed(ids))
        self.searched_from = searched_from

    def append(self, ids: array[int], searched_from: int, searched_to: int) -> None:
        """Add the matches of a range that begins where the searched one ends."""
        if searched_from != self.searched_to + 1:
            raise ValueError(f"ids from {searched_from} do not join {self.searched_to}")
        self._newer.extend(ids)
        self.searched_to = searched_to

    def prune(self, oldest_id: int) -> None:
        """Forget the ids that are no longer kept."""
        gone = self.row_of(oldest_id)
        from_older = min(gone, len(self._older))
        if from_older:
            del self._older[-from_older:]
        self._dropped += gone - from_older
        self.searched_from = max(self.searched_from, oldest_id)
        self.searched_to = max(self.searched_to, oldest_id - 1)
        if self._dropped > len(self._newer) // 2:
            del self._newer[: self._dropped]
            self._dropped = 0


class RankedRows:
    """Ids in an order of their own."""

    __slots__ = ("_ids", "_rows")

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = ids
        self._rows = {event_id: row for row, event_id in enumerate(ids)}

    def __len__(self) -> int:
        return len(self._ids)

    def id_at(self, row: int) -> int:
        if not 0 <= row < len(self._ids):
            raise IndexError(row)
        return self._ids[row]

    def row_of(self, event_id: int) -> int:
        """Return the row of an id; ``len`` where it is not among them."""
        return self._rows.get(event_id, len(self._ids))


NO_ROWS = AllRows(0, 0)
