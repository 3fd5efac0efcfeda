"""The timeline: one lane a connection, time from left to right, the worst status of a cell wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo

from rich.style import Style
from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.model.stats import Density
from wsmon.model.timeline import Lane
from wsmon.model.timeline_cells import Period, Reading
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.timeline_cursor import TimelineCursor
from wsmon.tui.panes.timeline_state import TimelineState

UNDER_CURSOR = Style(reverse=True)


class TimelinePane(TimelineCursor):
    """Draws what ``show`` gives it, for the period that ``period`` names."""

    class Chosen(Message):
        """The user wants the log to go where the cursor is; ``event_id`` is 0 where no event is known."""

        def __init__(self, event_id: int, at_ns: int, connection: str) -> None:
            super().__init__()
            self.event_id = event_id
            self.at_ns = at_ns
            self.connection = connection

    class RangeChanged(Message):
        """Another period is in sight: it needs lanes and density."""

        def __init__(self, since_ns: int, until_ns: int) -> None:
            super().__init__()
            self.since_ns = since_ns
            self.until_ns = until_ns

    class Status(Message):
        """What the title of the timeline has to say; plain text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        event_of: Callable[[int], Event | None],
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``event_of`` finds the event under the cursor by its id; ``zone`` is the local one by default."""
        super().__init__(TimelineState(zone, glyphs), id=id)
        self._event_of = event_of
        self.status = ""
        # the newest text of Status
        self.read_out = ""
        # what the lower border says about the cell under the cursor
        self._drawn_cursor: tuple[int, int] | None = None

    @property
    def is_live(self) -> bool:
        """Whether the right edge is the present."""
        return self._state.window.until_ns is None

    @property
    def reading(self) -> Reading | None:
        """What is under the cursor."""
        return self._state.reading

    def period(self, now_ns: int, oldest_ns: int = 0) -> Period:
        """What to ask the store for, as of now; ``oldest_ns`` is the time of the oldest event kept, 0 = unknown."""
        return self._state.window.period(self._state.cells, now_ns, oldest_ns)

    def show(self, lanes: Sequence[Lane], density: Density | None, now_ns: int, oldest_ns: int = 0) -> None:
        """Draw the lanes and the density of ``period(now_ns, oldest_ns)``."""
        self._state.give(lanes, density, now_ns, oldest_ns)
        self.redraw()

    def set_order(self, order: Sequence[str]) -> None:
        """Put the lanes into the order of these connections from now on; those not named come last."""
        if self._state.set_order(order):
            self.redraw()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._state.set_glyphs(glyphs)
        self.redraw()

    def action_choose(self) -> None:
        """Enter: the log shall go there."""
        state = self._state
        if state.current is None:
            return
        reading, at_ns = state.reading, state.period.start_of(state.cell)
        event_id, at_ns = (reading.event_id, max(at_ns, reading.at_ns)) if reading is not None else (0, at_ns)
        self.post_message(self.Chosen(event_id, at_ns, state.current.connection))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        offset, state = event.get_content_offset(self), self._state
        if offset is None or not 1 <= offset.y <= state.room:
            return
        state.to_row(offset.y)
        self.change(lambda: state.to_cell(min(max(0, offset.x - state.label), state.cells - 1)))
        if event.chain > 1:
            self.action_choose()

    def on_resize(self) -> None:
        """Another width shows another period."""
        self._state.width, self._state.height = self.size
        self._state.to_lane(self._state.lane)
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
        if not self.has_focus or state.current is None or y != state.row:
            return strip
        x = state.label + state.cell
        return Strip.join([strip.crop(0, x), strip.crop(x, x + 1).apply_style(UNDER_CURSOR), strip.crop(x + 1)])

    def announce(self) -> None:
        """Say that another period is in sight."""
        if self._state.now_ns:
            period = self._state.period
            self.post_message(self.RangeChanged(period.since_ns, period.until_ns))

    def redraw(self) -> None:
        """Draw what changed, and say what the title has to say."""
        state = self._state
        if not state.now_ns or not state.width:
            return
        has_cursor = self.has_focus and state.current is not None
        self.draw(state.lines(), state.row if has_cursor else None)
        cursor = (state.row, state.cell) if has_cursor else None
        if cursor is not None and cursor != self._drawn_cursor:
            self.refresh_lines(state.row)
        self._drawn_cursor = cursor
        title = state.title()
        if title != self.status:
            self.status = title
            self.post_message(self.Status(title))
        read_out = self._read_out() if has_cursor else ""
        if read_out != self.read_out:  # setting it paints the whole pane
            self.read_out = read_out
            self.border_subtitle = Content(read_out)

    def _read_out(self) -> str:
        reading = self._state.reading
        try:
            event = self._event_of(reading.event_id) if reading is not None and reading.event_id else None
        except WsmonError as error:
            return str(error)
        return self._state.read_out(event)
