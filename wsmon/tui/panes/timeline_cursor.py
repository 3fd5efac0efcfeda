"""The keys of the timeline: what each of them does to the cursor and to the period in sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from wsmon.tui.actions import bindings
from wsmon.tui.panes.spans import SpanPane
from wsmon.tui.panes.timeline_state import TimelineState


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

    def to_lane(self, lane: int) -> None:
        """Move the cursor to a lane."""
        self._state.to_lane(lane)
        self.redraw()

    def change(self, change: Callable[[], None]) -> None:
        """Do what may move the period, say so if it did, and draw."""
        before = self._state.window
        change()
        if self._state.window != before:
            self.announce()
        self.redraw()

    def action_move_down(self) -> None:
        self.to_lane(self._state.lane + 1)

    def action_move_up(self) -> None:
        self.to_lane(self._state.lane - 1)

    def action_move_page_down(self) -> None:
        self.to_lane(self._state.lane + self._state.room)

    def action_move_page_up(self) -> None:
        self.to_lane(self._state.lane - self._state.room)

    def action_move_half_down(self) -> None:
        self.to_lane(self._state.lane + max(1, self._state.room // 2))

    def action_move_half_up(self) -> None:
        self.to_lane(self._state.lane - max(1, self._state.room // 2))

    def action_move_top(self) -> None:
        self.to_lane(0)

    def action_move_bottom(self) -> None:
        self.to_lane(len(self._state.lanes) - 1)

    def action_timeline_left(self) -> None:
        self.change(lambda: self._state.to_cell(self._state.cell - 1))

    def action_timeline_right(self) -> None:
        self.change(lambda: self._state.to_cell(self._state.cell + 1))

    def action_timeline_zoom_in(self) -> None:
        self.change(lambda: self._state.zoom(closer=True))

    def action_timeline_zoom_out(self) -> None:
        self.change(lambda: self._state.zoom(closer=False))

    def action_timeline_pan_left(self) -> None:
        self.change(lambda: self._state.pan(-max(1, self._state.cells // 2)))

    def action_timeline_pan_right(self) -> None:
        self.change(lambda: self._state.pan(max(1, self._state.cells // 2)))

    def action_timeline_fit(self) -> None:
        self.change(self._state.fit)
