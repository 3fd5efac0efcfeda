"""A cursor over rows of ids, however many: it follows the newest row, or keeps its place while rows come and go.

The row under the cursor is remembered by its id and by its place on the screen; both stay when rows are added above or
below, and when old ones are pruned. Nothing here lays out the screen anew: that would cost 29 ms where 3 do.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

from wsmon.tui.actions import bindings
from wsmon.tui.panes.log_rows import AllRows, Rows

NO_ROWS = AllRows(0, 0)


class RowList(ScrollView, can_focus=True):
    """Scrolls over ``rows``; what a row looks like is up to the class that derives."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose")
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._rows: Rows = NO_ROWS
        self._current_id = 0
        self._cursor_y = 0
        # row of the cursor on the screen
        self._left = 0, 0
        # both of these before the last row went: there the cursor is again when rows come
        self._is_following = True
        self._is_placing = False
        # a scroll under way is ours, not the user's
        self._placed_height = 0
        # lines of the pane for which rows were placed last
        self._shown: tuple[int, ...] = ()

    @property
    def rows(self) -> Rows:
        """All rows."""
        return self._rows

    @property
    def is_following(self) -> bool:
        """Whether the newest row stays in sight."""
        return self._is_following

    @property
    def current_id(self) -> int:
        """The id under the cursor; 0 = there are no rows."""
        return self._current_id

    @property
    def cursor_y(self) -> int:
        """Row of the screen that the cursor is on."""
        return self._cursor_y

    def place(self, rows: Rows) -> None:
        """Show these rows from now on; the cursor stays where it is, or follows."""
        self._rows = rows
        self._placed_height = self.page.height
        count = len(rows)
        self.set_reactive(Widget.virtual_size, Size(self.page.width, count))
        self.vertical_scrollbar.window_virtual_size = max(count, 1)
        self.vertical_scrollbar.window_size = self.page.height
        if not count:
            if self._current_id:
                self._left = self._current_id, self._cursor_y
            self._current_id = self._cursor_y = 0
            self._scroll(0)
            return
        if not self._current_id:
            self._current_id, self._cursor_y = self._left
        row = count - 1 if self._is_following else min(rows.row_of(self._current_id), count - 1)
        self._current_id = rows.id_at(row)
        self._scroll(count - self.page.height if self._is_following else row - self._cursor_y)
        self._cursor_y = row - self.scroll_offset.y

    def resume(self, rows: Rows, row_id: int, cursor_y: int) -> None:
        """Show these rows, the cursor on an id or the next one there is, on that row of the screen."""
        self._current_id, self._cursor_y = row_id, cursor_y
        self.place(rows)

    def follow(self) -> None:
        """Go to the newest row and stay with it."""
        if not self._is_following:
            self._is_following = True
            self.place(self._rows)
            self.motion_changed()

    def pause(self) -> None:
        """Stay where the cursor is."""
        if self._is_following:
            self._is_following = False
            self.motion_changed()

    def go_to_row(self, row: int, *, is_centred: bool = False) -> None:
        """Put the cursor on a row (or the nearest one), and scroll as little as that needs."""
        if not len(self._rows):
            return
        row = min(max(0, row), len(self._rows) - 1)
        before, self._current_id = self._current_id, self._rows.id_at(row)
        top = self.scroll_offset.y
        if is_centred and not top <= row < top + self.page.height:
            top = row - self.page.height // 2
        self._scroll(min(max(top, row - self.page.height + 1), row))
        self._cursor_y = row - self.scroll_offset.y
        self.pause()
        if before != self._current_id:
            self.moved()

    def moved(self) -> None:
        """The user put the cursor on another row."""

    def motion_changed(self) -> None:
        """The list began or ceased to follow."""

    def action_move_down(self) -> None:
        self._step(1)

    def action_move_up(self) -> None:
        self._step(-1)

    def action_move_page_down(self) -> None:
        self._step(max(1, self.page.height - 1))

    def action_move_page_up(self) -> None:
        self._step(-max(1, self.page.height - 1))

    def action_move_half_down(self) -> None:
        self._step(max(1, self.page.height // 2))

    def action_move_half_up(self) -> None:
        self._step(-max(1, self.page.height // 2))

    def action_move_top(self) -> None:
        self.go_to_row(0)

    def action_move_bottom(self) -> None:
        self.follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel or the scroll bar takes the cursor along, and ends following."""
        super().watch_scroll_y(old_value, new_value)
        is_clamped = self._placed_height != self.page.height  # by a layout: ``on_resize`` follows, and places anew
        if self._is_placing or is_clamped or round(old_value) == round(new_value) or not len(self._rows):
            return
        top = round(new_value)
        row = min(max(self._rows.row_of(self._current_id), top), top + self.page.height - 1, len(self._rows) - 1)
        self._current_id = self._rows.id_at(row)
        self._cursor_y = row - top
        self.pause()
        self.moved()

    def on_mount(self) -> None:
        """Say what is there, also where that is nothing."""
        self.place(self._rows)
        self.motion_changed()

    def on_resize(self) -> None:
        """Another height: the cursor stays in sight."""
        self._cursor_y = min(self._cursor_y, self.page.height - 1)
        self.place(self._rows)

    @property
    def page(self) -> Size:
        """What is in sight: cells a line, and rows (at least one)."""
        width, height = self.scrollable_content_region.size
        return Size(width, max(1, height))

    def _row_at(self, event: events.MouseEvent) -> int | None:
        """The row that was clicked."""
        offset = event.get_content_offset(self)
        row = None if offset is None else offset.y + self.scroll_offset.y
        return row if row is not None and row < len(self._rows) else None

    def _step(self, rows: int) -> None:
        self.go_to_row(self._rows.row_of(self._current_id) + rows)

    def _scroll(self, top: int) -> None:
        """Scroll so that ``top`` is the first row, and paint if other rows are in sight than before."""
        top = max(0, min(top, len(self._rows) - self.page.height))
        self._is_placing = True
        try:
            self.scroll_to(y=top, animate=False, force=True)
        finally:
            self._is_placing = False
        last = min(top + self.page.height, len(self._rows)) - 1
        ends = (self._rows.id_at(top), self._rows.id_at(last)) if last >= top else (0, 0)
        shown = (*ends, last - top, self._current_id)
        if shown != self._shown:
            self._shown = shown
            self.refresh()
