"""The timeline: one lane a connection, time from left to right, the worst status of a cell wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.model.stats import Density
from wsmon.model.timeline import Lane
from wsmon.model.timeline_cells import Period, Reading, read_cell
from wsmon.tui.actions import bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.lines import time_of_day
from wsmon.tui.panes.spans import SpanPane
from wsmon.tui.panes.timeline_lines import Line, density_lines, label_width, lane_line
from wsmon.tui.panes.timeline_window import Window
from wsmon.tui.time_axis import axis, cell_words, span_words
from wsmon.tui.wording import describe

UNDER_CURSOR = Style(reverse=True)
MIN_FOR_DENSITY = 4
# lines; below, lanes are worth more


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pane was given last."""

    lanes: tuple[Lane, ...] = ()
    density: Density | None = None
    now_ns: int = 0
    oldest_ns: int = 0


class TimelinePane(SpanPane):
    """Draws what ``show`` gives it, for the period that ``period`` names."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose", "timeline")
    ALLOW_SELECT = False

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
        super().__init__(id=id)
        self._event_of = event_of
        self._zone, self._glyphs = zone, glyphs
        self._window = Window()
        self._given = Shown()
        self._lane = 0
        self._top_lane = 0
        self._cursor_ns: int | None = None
        # None = at the right edge
        self._status = ""
        self._drawn_cell = -1
        # of the cursor; -1 = no cursor
        self._said = ""
        # what stands under the lanes

    @property
    def is_live(self) -> bool:
        """Whether the right edge is the present."""
        return self._window.until_ns is None

    @property
    def status(self) -> str:
        """The newest text of ``Status``."""
        return self._status

    @property
    def reading(self) -> Reading | None:
        """What is under the cursor."""
        lane = self._current_lane
        if lane is None:
            return None
        period, cell = self._period, self._cell
        return read_cell(lane, period.start_of(cell), period.start_of(cell + 1))

    def period(self, now_ns: int, oldest_ns: int = 0) -> Period:
        """What to ask the store for, as of now; ``oldest_ns`` is the time of the oldest event kept, 0 = unknown."""
        return self._window.period(self._cells, now_ns, oldest_ns)

    def show(self, lanes: Sequence[Lane], density: Density | None, now_ns: int, oldest_ns: int = 0) -> None:
        """Draw the lanes (in this order) and the density of ``period(now_ns, oldest_ns)``."""
        self._given = Shown(tuple(lanes), density, now_ns, oldest_ns)
        self._lane = min(self._lane, max(0, len(lanes) - 1))
        self._redraw()

    def action_move_down(self) -> None:
        self._to_lane(self._lane + 1)

    def action_move_up(self) -> None:
        self._to_lane(self._lane - 1)

    def action_move_page_down(self) -> None:
        self._to_lane(self._lane + self._lanes_in_sight)

    def action_move_page_up(self) -> None:
        self._to_lane(self._lane - self._lanes_in_sight)

    def action_move_half_down(self) -> None:
        self._to_lane(self._lane + max(1, self._lanes_in_sight // 2))

    def action_move_half_up(self) -> None:
        self._to_lane(self._lane - max(1, self._lanes_in_sight // 2))

    def action_move_top(self) -> None:
        self._to_lane(0)

    def action_move_bottom(self) -> None:
        self._to_lane(len(self._given.lanes) - 1)

    def action_timeline_left(self) -> None:
        self._to_cell(self._cell - 1)

    def action_timeline_right(self) -> None:
        self._to_cell(self._cell + 1)

    def action_timeline_zoom_in(self) -> None:
        self._zoom(closer=True)

    def action_timeline_zoom_out(self) -> None:
        self._zoom(closer=False)

    def action_timeline_pan_left(self) -> None:
        self._pan(-max(1, self._cells // 2))

    def action_timeline_pan_right(self) -> None:
        self._pan(max(1, self._cells // 2))

    def action_timeline_fit(self) -> None:
        """Everything that is kept."""
        self._change(self._window.fitted(self._cells, self._given.now_ns, self._given.oldest_ns))

    def action_choose(self) -> None:
        """Enter: the log shall go there."""
        lane = self._current_lane
        if lane is None:
            return
        reading = self.reading
        at_ns = self._period.start_of(self._cell)
        if reading is None:
            self.post_message(self.Chosen(0, at_ns, lane.connection))
        else:
            self.post_message(self.Chosen(reading.event_id, max(at_ns, reading.at_ns), lane.connection))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        offset = event.get_content_offset(self)
        if offset is None or not 1 <= offset.y <= self._lanes_in_sight:
            return
        self._to_lane(self._top_lane + offset.y - 1)
        self._to_cell(min(max(0, offset.x - self._label), self._cells - 1))
        if event.chain > 1:
            self.action_choose()

    def on_resize(self) -> None:
        """Another width shows another period."""
        self._announce()
        self._redraw()

    def on_focus(self) -> None:
        """The cursor appears."""
        self._redraw()

    def on_blur(self) -> None:
        """The cursor goes."""
        self._redraw()

    def render_line(self, y: int) -> Strip:
        """A line; on the lane of the cursor its cell is reversed."""
        strip = super().render_line(y)
        if not self.has_focus or self._current_lane is None or y != self._lane - self._top_lane + 1:
            return strip
        x = self._label + self._cell
        under = strip.crop(x, x + 1).apply_style(UNDER_CURSOR)
        return Strip.join([strip.crop(0, x), under, strip.crop(x + 1)])

    @property
    def _current_lane(self) -> Lane | None:
        lanes = self._given.lanes
        return lanes[self._lane] if self._lane < len(lanes) else None

    @property
    def _label(self) -> int:
        return label_width(self._given.lanes, self.size.width)

    @property
    def _cells(self) -> int:
        return max(1, self.size.width - self._label)

    @property
    def _period(self) -> Period:
        return self.period(self._given.now_ns, self._given.oldest_ns)

    @property
    def _cell(self) -> int:
        if self._cursor_ns is None:
            return self._cells - 1
        return min(max(0, self._period.cell_of(self._cursor_ns)), self._cells - 1)

    @property
    def _lanes_in_sight(self) -> int:
        return max(1, self.size.height - 1 - len(self._footer))

    @property
    def _footer(self) -> list[Line]:
        density, height = self._given.density, self.size.height
        if density is None or height < MIN_FOR_DENSITY:
            return []
        lines = list(density_lines(density, self._period, self._label, self._glyphs))
        return lines if height - 1 - len(lines) >= min(2, len(self._given.lanes)) else lines[:1]

    def _to_lane(self, lane: int) -> None:
        self._lane = min(max(0, lane), max(0, len(self._given.lanes) - 1))
        self._redraw()

    def _to_cell(self, cell: int) -> None:
        """Move the cursor to a cell; past an edge the period moves along."""
        if not 0 <= cell < self._cells:
            self._cursor_ns = self._period.start_of(min(max(0, cell), self._cells - 1))
            self._pan(-max(1, self._cells // 4) if cell < 0 else max(1, self._cells // 4))
            return
        is_edge = self.is_live and cell == self._cells - 1
        self._cursor_ns = None if is_edge else self._period.start_of(cell)
        self._redraw()

    def _zoom(self, *, closer: bool) -> None:
        given = self._given
        self._change(
            self._window.zoomed(self._cells, given.now_ns, given.oldest_ns, closer=closer, around_ns=self._cursor_ns)
        )

    def _pan(self, cells: int) -> None:
        self._change(self._window.panned(self._cells, self._given.now_ns, self._given.oldest_ns, by=cells))

    def _change(self, window: Window) -> None:
        if window != self._window:
            self._window = window
            self._announce()
            self._redraw()

    def _announce(self) -> None:
        if self._given.now_ns:
            self.post_message(self.RangeChanged(self._period.since_ns, self._period.until_ns))

    def _redraw(self) -> None:
        if not self.is_mounted or not self._given.now_ns or not self.size.width:
            return
        lanes, period, label = self._given.lanes, self._period, self._label
        room = self._lanes_in_sight
        self._top_lane = min(max(self._top_lane, self._lane - room + 1, 0), self._lane, max(0, len(lanes) - room))
        shown = lanes[self._top_lane : self._top_lane + room]
        lines: list[Line] = [((" " * label + axis(period, self._zone), "dim"),)]
        lines += [lane_line(lane, period, label, self._glyphs) for lane in shown]
        lines += self._footer
        self.draw(lines, self._lane - self._top_lane + 1 if self.has_focus and lanes else None)
        self._report(period, room)

    def _report(self, period: Period, room: int) -> None:
        parts = [span_words(period, self._zone), f"{cell_words(period.start_of(1) - period.since_ns)} a cell"]
        count = len(self._given.lanes)
        if count > room:
            parts.append(f"lanes {self._top_lane + 1}–{min(count, self._top_lane + room)} of {count}")
        if not self.is_live:
            parts.append("held (0 fits)")
        text = f" {self._glyphs.between} ".join(parts)
        if text != self._status:
            self._status = text
            self.post_message(self.Status(text))
        cell = self._cell if self.has_focus else -1
        if cell != self._drawn_cell:  # it lies over its lane, whose spans are the same
            self._drawn_cell = cell
            self._refresh_cursor()
        reading = self._read_out() if self.has_focus else ""
        if reading != self._said:  # setting it paints the whole pane
            self._said = reading
            self.border_subtitle = Content(reading)

    def _read_out(self) -> str:
        """The transition under the cursor: which connection, when, what, why."""
        lane, reading, glyphs = self._current_lane, self.reading, self._glyphs
        if lane is None:
            return ""
        name = lane.connection
        if reading is None:
            return f"{name} {glyphs.between} no data: no recorder ran"
        try:
            event = self._event_of(reading.event_id) if reading.event_id else None
        except WsmonError as error:
            return f"{name} {glyphs.between} {error}"
        since = time_of_day(reading.at_ns, self._zone)
        many = f"{reading.losses} losses, the last: " if reading.losses > 1 else ""
        if event is None:
            return f"{name} {glyphs.between} {many}{reading.kind.replace('_', ' ')} since {since} or before"
        wording = describe(event, ascii_only=glyphs.is_ascii)
        return f"{name} {glyphs.between} {since} {glyphs.between} {many}{wording.what} {wording.text}".rstrip()
