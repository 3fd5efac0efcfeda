"""The timeline as lines, titles and sentences: what is in sight of a state, drawn. No Textual."""

from __future__ import annotations

from datetime import tzinfo

from wsmon.model.events import Event
from wsmon.tui.charts import axis, cell_words, span_words
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.palette import Line
from wsmon.tui.panes.timeline_lanes import UNREAD, density_lines, lane_line, legend, scroll_mark
from wsmon.tui.panes.timeline_readout import Teller
from wsmon.tui.panes.timeline_state import TimelineState

MIN_FOR_LEGEND = 2
# lines that nothing else needs


class TimelineView:
    """Draws in one time zone (``None`` = local time) and with one set of signs."""

    def __init__(self, zone: tzinfo | None, glyphs: Glyphs) -> None:
        self._zone = zone
        self._glyphs = glyphs
        self._teller = Teller(zone, glyphs)

    def with_glyphs(self, glyphs: Glyphs) -> TimelineView:
        """The same with other signs."""
        return TimelineView(self._zone, glyphs)

    def lines(self, state: TimelineState, reading: str, *, has_cursor: bool) -> list[Line]:
        """The axis, the lanes in sight, the density, and the reading, or without a cursor what the signs mean."""
        period, label, grid = state.period, state.label, state.grid
        lines: list[Line] = [((" " * label + axis(period, self._zone), "dim"),)]
        for number, row in enumerate(grid.shown):
            line = lane_line(row, state.known.cells(row, period), label, self._glyphs)
            lines.append((*line, scroll_mark(number, grid.mark, self._glyphs)) if grid.is_scrolled else line)
        if state.density_room and state.known.density is not None:
            lines += list(density_lines(state.known.density, period, label, self._glyphs))[: state.density_room]
        count = state.reading_room
        if not has_cursor:
            below = [legend(state.width, self._glyphs)] if count else []
        else:
            below = [((text, "text"),) for text in self._teller.lines(reading, max(1, state.width), count)]
        free = state.height - len(lines) - count
        lines += [*[()] * min(1, free), *below, *[()] * (count - len(below) + max(0, free - 1))]
        if has_cursor and free > MIN_FOR_LEGEND:
            lines[-1] = legend(state.width, self._glyphs)
        return lines

    def titles(self, state: TimelineState) -> tuple[str, ...]:
        """From when until when, how long a cell is, and what is out of sight; the same shorter where room is scarce."""
        period, grid = state.period, state.grid
        span = span_words(period, self._zone, state.moment.today_ns or state.moment.now_ns)
        parts = [span, f"{cell_words(period.start_of(1) - period.since_ns)} a cell"]
        if state.by_group:
            parts.append("by group")
        if grid.is_scrolled:
            noun = "rows" if state.by_group else "lanes"
            last = min(len(grid.rows), grid.top + grid.room)
            parts.append(f"{noun} {grid.top + 1}–{last} of {len(grid.rows)}")
        if state.is_waiting:
            parts.insert(0, UNREAD)
        if state.window.until_ns is not None:
            parts.append("held (. follows)")
        between = f" {self._glyphs.between} "
        texts = (between.join(parts[:count]) for count in range(len(parts), 0, -1))
        return tuple(text.replace("–", "-") if self._glyphs.is_ascii else text for text in texts)

    def read_out(self, state: TimelineState, event: Event | None) -> str:
        """What is under the cursor, in sentences; ``event`` is that of the state's reading."""
        row, reading = state.grid.current, state.reading
        if row is None:
            return ""
        if state.known.cells(row, state.period)[state.cell] is None:
            return UNREAD
        if reading is None:
            return self._teller.nothing(row, state.period, state.cell, state.moment)
        return self._teller.tell(row, reading, event, state.moment.now_ns)
