"""The timeline: a lane a connection or a group, time from left to right, the worst of a cell is what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.model.timeline import CellReading, TimelineProblem
from wsmon.tui.actions import bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.timeline_readout import TimelineRenderer
from wsmon.tui.panes.timeline_state import TimeBounds, TimelineAnswer, TimelineRequest, TimelineState
from wsmon.tui.widgets.text_view import ActionRefused, StatusChanged, TextPane

# The keys of the timeline: what each of them does to the cursor and to the period in sight.

# Lanes a step
WHEEL = 3


class TimelineCursor(TextPane):
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
            self.post_message(ActionRefused(otherwise))
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


UNDER_CURSOR = Style(reverse=True)
NO_GROUPS = 'no connection is in a group: group = "…" in its [[connection]] makes one'


class TimelinePane(TimelineCursor):
    """Draws what ``show`` gives it: the answer to what ``ask`` wants to know."""

    class PlaceChosen(Message):
        """The user wants the log to go where the cursor is: to a problem, or to the time of the cell."""

        def __init__(self, problem: TimelineProblem | None, at_ns: int, connection: str) -> None:
            """``connection`` is empty on the row of a group."""
            super().__init__()
            self.problem = problem
            self.at_ns = at_ns
            self.connection = connection

    class RequestChanged(Message):
        """Another period, or other rows, are in sight: they need an answer."""

    def __init__(
        self,
        event_of: Callable[[int], Event | None],
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``event_of`` finds the event under the cursor by its id; ``zone`` is the local one by default."""
        super().__init__(TimelineState(), id=id)
        self.has_answer = asyncio.Event()
        """Set once it shows something."""
        self._view = TimelineRenderer(zone, glyphs)
        self._event_of = event_of
        self.status: tuple[str, ...] = ()
        # the newest texts of Status
        self.read_out = ""
        # what is said about the cell under the cursor; empty without a cursor
        self._drawn_cursor: tuple[int, int] | None = None

    @property
    def is_at_present(self) -> bool:
        """Whether the cursor follows the present too."""
        return self._state.is_at_present

    @property
    def is_waiting(self) -> bool:
        """Whether what was asked for takes long."""
        return self._state.is_waiting

    @property
    def reading(self) -> CellReading | None:
        """What is under the cursor."""
        return self._state.reading

    @property
    def problem(self) -> TimelineProblem | None:
        """The first problem in the cell under the cursor."""
        return self._state.problem

    @property
    def event(self) -> Event | None:
        """The event that proves what is under the cursor: an incident's, else that of the reading, if it is kept."""
        reading = self._state.reading
        if reading is None:
            return None
        incident = reading.incident
        return self._event_of(incident.event_id if incident is not None else reading.event_id)

    def ask(self, moment: TimeBounds) -> TimelineRequest:
        """What to ask the store, as of a moment."""
        return self._state.ask(moment)

    def show(self, answer: TimelineAnswer, moment: TimeBounds) -> None:
        """Draw the answer to ``ask(moment)``."""
        asked = self._state.ask(moment)
        self._state.give(answer, moment)
        self.has_answer.set()
        self.redraw()
        if self._state.ask(moment) != asked:
            self.announce()  # only now it is known how much room names and rows take

    def wait(self) -> None:
        """Say that the answer takes long."""
        self._state.is_waiting = True
        self.redraw()

    def set_order(self, order: Sequence[str]) -> None:
        """Put the lanes into the order of these connections from now on; those not named come last."""
        if self._state.set_order(order):
            self.announce()
            self.redraw()

    def places_beyond(self, *, newer: bool) -> tuple[tuple[str, int], ...]:
        """From where on to look for each connection's next problem in another cell, or for the one before."""
        return self._state.places_beyond(newer=newer)

    def land(self, problems: Sequence[TimelineProblem], *, newer: bool) -> TimelineProblem | None:
        """Put the cursor on the nearest of these problems; ``None`` where there is none."""
        found = self._state.nearest(problems, newer=newer)
        if found is not None:
            self.change(lambda: self._state.to_problem(found))
        return found

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._view = self._view.with_glyphs(glyphs)
        self.redraw()

    def action_choose(self) -> None:
        """Enter: the log shall go there."""
        state = self._state
        row, problem = state.grid.current, state.problem
        if row is None:
            return
        at_ns = problem.at_ns if problem is not None else state.period.start_of(state.cell)
        connection = problem.connection if problem is not None else "" if row.is_group else row.name
        self.post_message(self.PlaceChosen(problem, at_ns, connection))

    def action_timeline_groups(self) -> None:
        """A lane a group, or a lane a connection."""
        if self._state.toggle_groups():
            self.announce()
            self.redraw()
        else:
            self.post_message(ActionRefused(NO_GROUPS))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        offset, state = event.get_content_offset(self), self._state
        if offset is None or not 1 <= offset.y <= state.grid.room:
            return

        def move() -> None:
            state.grid.to(state.grid.top + offset.y - 1)
            state.to_cell(min(max(0, offset.x - state.label), state.cells - 1))

        self.change(move)
        if event.chain > 1:
            self.action_choose()

    def on_resize(self) -> None:
        """Another width shows another period."""
        self._state.resize(*self.size)
        self.announce()
        self.redraw()

    def on_focus(self) -> None:
        """The cursor appears."""
        self.redraw()

    def on_blur(self) -> None:
        """The cursor goes."""
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """A line; on the lane of the cursor its cell is reversed."""
        strip, state = super().render_line(y), self._state
        if not self.has_focus or state.grid.current is None or y != state.line:
            return strip
        x = state.label + state.cell
        return Strip.join([strip.crop(0, x), strip.crop(x, x + 1).apply_style(UNDER_CURSOR), strip.crop(x + 1)])

    def announce(self) -> None:
        """Say that something else is in sight."""
        if self._state.moment.now_ns:
            self.post_message(self.RequestChanged())

    def redraw(self) -> None:
        """Draw what changed, and say what the title has to say."""
        state = self._state
        if not state.moment.now_ns or not state.width:
            return
        has_cursor = self.has_focus and state.grid.current is not None
        self.read_out = self._read_out() if has_cursor else ""
        self.draw(self._view.lines(state, self.read_out, has_cursor=has_cursor), state.line if has_cursor else None)
        cursor = (state.line, state.cell) if has_cursor else None
        if cursor is not None and cursor != self._drawn_cursor:
            self.refresh_lines(state.line)
        self._drawn_cursor = cursor
        titles = self._view.titles(state)
        if titles != self.status:
            self.status = titles
            self.post_message(StatusChanged(*titles))

    def _read_out(self) -> str:
        reading = self._state.reading
        try:
            event = self._event_of(reading.event_id) if reading is not None and reading.event_id else None
        except WsmonError as error:
            return str(error)
        return self._view.read_out(self._state, event)
