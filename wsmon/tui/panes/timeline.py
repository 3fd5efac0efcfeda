"""Timeline pane: a lane for each connection or group, time from left to right, and a cursor with a readout.

The pane draws a ``TimelineState`` and turns keys and clicks into changes of it. ``request`` returns what the state
needs from the store, ``show`` takes the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.model.timeline import TimelineProblem
from wsmon.tui.actions import Move, bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.timeline_readout import TimelineRenderer
from wsmon.tui.panes.timeline_state import TIMELINE_ACTIONS, TimeBounds, TimelineAnswer, TimelineRequest, TimelineState
from wsmon.tui.widgets.text_view import ActionRefused, StatusChanged, TextPane

# Lanes that one step of the mouse wheel scrolls
WHEEL = 3
UNDER_CURSOR = Style(reverse=True)


@dataclass(frozen=True, slots=True)
class TimelinePlace:
    """The lane and the time under the cursor."""

    connection: str
    """Empty on the row of a group where it has no problem."""
    at_ns: int
    """Wall time of the problem, else of the cell's start."""
    problem: TimelineProblem | None = None
    """The first problem in the cell."""


class TimelinePane(TextPane):
    """Lanes of connections over time, with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose", "timeline")
    ALLOW_SELECT = False

    @dataclass
    class PlaceChosen(Message):
        """The user chose the place under the cursor."""

        place: TimelinePlace

    class RequestChanged(Message):
        """Another period, or other rows, came into sight: they need an answer of the store."""

    def __init__(
        self,
        event_of: Callable[[int], Event | None],
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``event_of`` returns an event by its id, for the readout; ``zone`` is the local one by default."""
        super().__init__(id=id)
        self.has_answer = asyncio.Event()
        self.settled = asyncio.Event()
        """Set while no search moves the cursor: keys wait for it."""
        self.settled.set()
        """Set once an answer of the store is shown."""
        self.status: tuple[str, ...] = ()
        """The texts of the newest ``StatusChanged``."""
        self.readout = ""
        """The sentences about the cell under the cursor; empty without a cursor."""
        self._state = TimelineState()
        self._renderer = TimelineRenderer(zone, glyphs)
        self._event_of = event_of
        self._drawn_cursor: tuple[int, int] | None = None
        """Line and cell of the cursor that was drawn last."""

    @property
    def is_at_present(self) -> bool:
        """Whether the cursor is at the present, and moves with it."""
        return self._state.is_at_present

    @property
    def is_waiting(self) -> bool:
        """Whether the answer of the store takes long."""
        return self._state.is_waiting

    @property
    def problem(self) -> TimelineProblem | None:
        """The first problem in the cell under the cursor."""
        return self._state.problem

    @property
    def place(self) -> TimelinePlace | None:
        """The place under the cursor; None while there is no lane."""
        state = self._state
        row, problem = state.viewport.current, state.problem
        if row is None:
            return None
        if problem is not None:
            return TimelinePlace(problem.connection, problem.at_ns, problem)
        return TimelinePlace("" if row.is_group else row.name, state.period.start_of(state.cell))

    @property
    def event(self) -> Event | None:
        """The event that caused what the cell under the cursor shows; None where there is none, or it is pruned.

        An incident's event comes before that of a change of status.
        """
        reading = self._state.reading
        if reading is None:
            return None
        incident = reading.incident
        return self._event_of(incident.event_id if incident is not None else reading.event_id)

    @property
    def shown_period(self) -> tuple[int, int]:
        """Beginning and end of the period in sight, wall times."""
        period = self._state.period
        return period.since_ns, period.until_ns

    def request(self, bounds: TimeBounds) -> TimelineRequest:
        """Return what the pane needs from the store to show the present."""
        return self._state.request(bounds)

    def show(self, answer: TimelineAnswer, bounds: TimeBounds) -> None:
        """Draw the answer to ``request(bounds)``."""
        requested = self._state.request(bounds)
        self._state.take(answer, bounds)
        self.has_answer.set()
        self._redraw()
        # How much room names and rows take is known only now
        if self._state.request(bounds) != requested:
            self._announce()

    def pass_time(self, bounds: TimeBounds) -> None:
        """Take the present time where the store has nothing new: what the readout says of the cursor lasts longer."""
        self._state.bounds = bounds
        if self.has_focus:
            self._redraw()

    def mark_waiting(self) -> None:
        """Show that the answer of the store takes long."""
        self._state.is_waiting = True
        self._redraw()

    def set_order(self, order: Sequence[str]) -> None:
        """Put the lanes into the order of these connections from now on; the others come last."""
        if self._state.set_order(order):
            self._announce()
            self._redraw()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these glyphs from now on."""
        self._renderer = self._renderer.with_glyphs(glyphs)
        self._redraw()

    def search_starts(self, *, newer: bool) -> tuple[tuple[str, int], ...]:
        """Return for each connection the time from which on its next problem is in another cell than the cursor."""
        return self._state.search_starts(newer=newer)

    def move_to_nearest(self, problems: Sequence[TimelineProblem], *, newer: bool) -> TimelineProblem | None:
        """Put the cursor on the nearest of these problems and return it; None where there is none."""
        nearest = self._state.nearest(problems, newer=newer)
        if nearest is not None:
            self._change(lambda state: state.move_to_problem(nearest))
        return nearest

    def action_move(self, move: Move) -> None:
        """Move the cursor to another row."""
        self._change(lambda state: state.move(move))

    def action_timeline(self, name: str) -> None:
        """Run a row of ``TIMELINE_ACTIONS``."""
        action = TIMELINE_ACTIONS[name]
        self._change(action.apply, action.refusal)

    def action_choose(self) -> None:
        """Report the place under the cursor as chosen."""
        if (place := self.place) is not None:
            self.post_message(self.PlaceChosen(place))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the cell that was clicked; a double click chooses it."""
        offset, state = event.get_content_offset(self), self._state
        if offset is None or not 1 <= offset.y <= state.viewport.room * state.lane_height:
            return

        def move(state: TimelineState) -> None:
            state.viewport.move_to(state.viewport.top + (offset.y - 1) // state.lane_height)
            state.move_to_cell(min(max(0, offset.x - state.label), state.cells - 1))

        self._change(move)
        if event.chain > 1:
            self.action_choose()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the lanes down."""
        event.stop()
        self._change(lambda state: state.viewport.scroll(WHEEL))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the lanes up."""
        event.stop()
        self._change(lambda state: state.viewport.scroll(-WHEEL))

    def on_resize(self) -> None:
        """Show the period of the new width."""
        self._state.resize(*self.size)
        self._announce()
        self._redraw()

    def on_focus(self) -> None:
        """Show the cursor."""
        self._redraw()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self._redraw()

    def render_line(self, y: int) -> Strip:
        """Render a line; on the lane of the cursor, its cell is reversed."""
        strip, state = super().render_line(y), self._state
        if not self.has_focus or state.viewport.current is None or y != state.line:
            return strip
        x = state.label + state.cell
        return Strip.join([strip.crop(0, x), strip.crop(x, x + 1).apply_style(UNDER_CURSOR), strip.crop(x + 1)])

    def _change(self, change: Callable[[TimelineState], None], refusal: str = "") -> None:
        """Change the state and draw it; report other rows or another period in sight, or else the refusal."""
        state = self._state
        before = state.window, state.viewport.top, state.by_group
        change(state)
        if (state.window, state.viewport.top, state.by_group) != before:
            self._announce()
        elif refusal:
            self.post_message(ActionRefused(refusal))
        self._redraw()

    def _announce(self) -> None:
        """Ask for an answer; before the first one was shown, the screen asks by itself."""
        if self._state.bounds.now_ns:
            self.post_message(self.RequestChanged())

    def _redraw(self) -> None:
        """Draw what changed, and report the texts for the title."""
        state = self._state
        if not state.bounds.now_ns or not state.width:
            return
        has_cursor = self.has_focus and state.viewport.current is not None
        self.readout = self._readout() if has_cursor else ""
        self.draw(self._renderer.lines(state, self.readout, has_cursor=has_cursor), state.line if has_cursor else None)
        cursor = (state.line, state.cell) if has_cursor else None
        if cursor is not None and cursor != self._drawn_cursor:
            self.refresh_lines(state.line)
        self._drawn_cursor = cursor
        titles = self._renderer.titles(state)
        if titles != self.status:
            self.status = titles
            self.post_message(StatusChanged(*titles))

    def _readout(self) -> str:
        reading = self._state.reading
        try:
            event = self._event_of(reading.event_id) if reading is not None and reading.event_id else None
        except WsmonError as error:
            return str(error)
        return self._renderer.readout(self._state, event)
