"""The keys of the timeline: what each of them does to the cursor and to the period in sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from wsmon.tui.actions import bindings
from wsmon.tui.panes.messages import Refuses
from wsmon.tui.panes.timeline_state import TimelineState
from wsmon.tui.widgets.text_view import SpanPane

WHEEL = 3
# lanes a step


class TimelineCursor(SpanPane):
    """Changes the state; drawing it is up to the class that derives."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose", "timeline")
    ALLOW_SELECT = False

    def __init__(self, state: TimelineState, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._state = state

    def redraw(self) -> None:
        """The state changed."""
        raise NotImplementedError

    def announce(self) -> None:
        """The period in sight changed."""
        raise NotImplementedError

    def to_row(self, row: int) -> None:
        """Move the cursor to a row; rows that come into sight are asked for."""
        self.change(lambda: self._state.grid.to(row))

    def change(self, change: Callable[[], None], otherwise: str = "") -> None:
        """Do what may move the period or the rows in sight, say so if it did, or else why not, and draw."""
        state = self._state
        before = state.window, state.grid.top, state.by_group
        change()
        if (state.window, state.grid.top, state.by_group) != before:
            self.announce()
        elif otherwise:
            self.post_message(Refuses(otherwise))
        self.redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel scrolls the lanes."""
        event.stop()
        self.change(lambda: self._state.grid.scroll(WHEEL))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel scrolls the lanes."""
        event.stop()
        self.change(lambda: self._state.grid.scroll(-WHEEL))

    def action_move_down(self) -> None:
        self.to_row(self._state.grid.at + 1)

    def action_move_up(self) -> None:
        self.to_row(self._state.grid.at - 1)

    def action_move_page_down(self) -> None:
        self.to_row(self._state.grid.at + self._state.grid.room)

    def action_move_page_up(self) -> None:
        self.to_row(self._state.grid.at - self._state.grid.room)

    def action_move_half_down(self) -> None:
        self.to_row(self._state.grid.at + max(1, self._state.grid.room // 2))

    def action_move_half_up(self) -> None:
        self.to_row(self._state.grid.at - max(1, self._state.grid.room // 2))

    def action_move_top(self) -> None:
        self.to_row(0)

    def action_move_bottom(self) -> None:
        self.to_row(len(self._state.grid.rows) - 1)

    def action_timeline_left(self) -> None:
        self.change(lambda: self._state.to_cell(self._state.cell - 1))

    def action_timeline_right(self) -> None:
        self.change(lambda: self._state.to_cell(self._state.cell + 1))

    def action_timeline_zoom_in(self) -> None:
        self.change(lambda: self._state.zoom(closer=True), "this is the shortest period")

    def action_timeline_zoom_out(self) -> None:
        self.change(lambda: self._state.zoom(closer=False), "this is the longest period")

    def action_timeline_pan_left(self) -> None:
        self.change(lambda: self._state.pan(-max(1, self._state.cells // 2)))

    def action_timeline_pan_right(self) -> None:
        self.change(lambda: self._state.pan(max(1, self._state.cells // 2)), "this is the present")

    def action_timeline_fit(self) -> None:
        self.change(self._state.fit, "all that is kept is in sight")

    def action_timeline_now(self) -> None:
        self.change(self._state.follow)
