"""Readout of the timeline: what is under its cursor, in sentences, and everything that the pane draws. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice

from wsmon.model import units as fmt
from wsmon.model.ends import why
from wsmon.model.events import Event
from wsmon.model.timeline import CellKind, CellReading, Incident, Period
from wsmon.model.units import SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.charts import axis_line, cell_duration, period_range
from wsmon.tui.event_text import CLOSED_BY, KIND_WORDS, describe, number
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.panes.timeline_lanes import (
    UNREAD,
    LaneRow,
    density_lines,
    lane_line,
    legend_line,
    scroll_bar_cell,
    traffic_lines,
)
from wsmon.tui.panes.timeline_state import TimeBounds, TimelineState
from wsmon.tui.text import Line, clip, wrap
from wsmon.tui.times import time_of_day

NAME_LIMIT = 64
# Characters of foreign text; no terminal shows more
SENTENCE_LIMIT = 1_000
# For ASCII terminals, the signs of wsmon's own sentences; foreign characters beside them are escaped
OWN_SIGNS = str.maketrans("“”‘’…–±", "\"\"''~-~")
STATUS_WORDS: dict[CellKind, str] = {
    "open": "open",
    "connecting": "connecting",
    "closed": "closed",
    "gave_up": "gave up",
}
# Free lines from which on the legend is shown below the readout too
MIN_FOR_LEGEND = 2


class TimelineRenderer:
    """Draws a timeline state in one time zone (None = local time) and with one set of glyphs."""

    def __init__(self, zone: tzinfo | None, glyphs: Glyphs) -> None:
        self._zone = zone
        self._glyphs = glyphs
        self._writer = ReadoutWriter(zone, glyphs)

    def with_glyphs(self, glyphs: Glyphs) -> TimelineRenderer:
        """Return a renderer with other glyphs."""
        return TimelineRenderer(self._zone, glyphs)

    def lines(self, state: TimelineState, readout: str, *, has_cursor: bool) -> list[Line]:
        """Return the lines of the pane: axis, lanes in sight, density, and readout, or legend without a cursor."""
        period, label, viewport = state.period, state.label, state.viewport
        lines: list[Line] = [((" " * label + axis_line(period, self._zone), "dim"),)]
        for position, row in enumerate(viewport.shown):
            line = lane_line(row, state.known.cells(row, period), label, self._glyphs)
            bar = (scroll_bar_cell(position, viewport.scroll_thumb, self._glyphs),) if viewport.is_scrolled else ()
            lines.append((*line, *bar))
            height = state.lane_height
            if height > 1:
                traffic = state.known.traffic.get(row)
                lines += traffic_lines(traffic, period, label, max(1, height - 2), self._glyphs)
                lines += [()] * (height - 1 - max(1, height - 2))
        if state.density_room and state.known.density is not None:
            lines += list(density_lines(state.known.density, period, label, self._glyphs))[: state.density_room]
        count = state.readout_room
        kinds = {kind for row in viewport.shown for kind in state.known.cells(row, period) if kind is not None}
        legend = legend_line(state.width, self._glyphs, kinds)
        if not has_cursor:
            below = [legend] if count else []
        else:
            below = [((text, "text"),) for text in self._writer.lines(readout, max(1, state.width), count)]
        free = state.height - len(lines) - count
        lines += [*[()] * min(1, free), *below, *[()] * (count - len(below) + max(0, free - 1))]
        if has_cursor and free > MIN_FOR_LEGEND:
            lines[-1] = legend
        return lines

    def titles(self, state: TimelineState) -> tuple[str, ...]:
        """Return the texts for the title, the longest first: the period, the duration of a cell, the rows in sight."""
        period, viewport = state.period, state.viewport
        shown = period_range(period, self._zone, state.bounds.today_ns or state.bounds.now_ns)
        parts = [shown, f"{cell_duration(period.start_of(1) - period.since_ns)} per cell"]
        if state.by_group:
            parts.append("by group")
        if viewport.is_scrolled:
            noun = "rows" if state.by_group else "lanes"
            last = min(len(viewport.rows), viewport.top + viewport.room)
            parts.append(f"{noun} {viewport.top + 1}–{last} of {len(viewport.rows)}")
        if state.is_waiting:
            parts.insert(0, UNREAD)
        if state.window.until_ns is not None:
            parts.append("paused (. to follow)")
        between = f" {self._glyphs.between} "
        texts = (between.join(parts[:count]) for count in range(len(parts), 0, -1))
        return tuple(text.replace("–", "-") if self._glyphs.is_ascii else text for text in texts)

    def readout(self, state: TimelineState, event: Event | None) -> str:
        """Return what is under the cursor, in sentences; ``event`` is that of the state's reading, if it is kept."""
        row, reading = state.viewport.current, state.reading
        if row is None:
            return ""
        if state.known.cells(row, state.period)[state.cell] is None:
            return UNREAD
        if reading is None:
            return self._writer.no_data(row, state.period, state.cell, state.bounds)
        return self._writer.sentences(row, reading, event, state.bounds.now_ns)


@dataclass(frozen=True, slots=True)
class ReadoutWriter:
    """Writes the sentences of the readout, in one time zone and with one set of glyphs."""

    zone: tzinfo | None
    """None = local time."""
    glyphs: Glyphs

    def sentences(self, row: LaneRow, reading: CellReading, event: Event | None, now_ns: int) -> str:
        """Return what a cell shows; ``event`` is the one that the reading names, None where it is pruned."""
        name = row.name if not row.is_group else f"{row.name}: {reading.connection}"
        parts = [cell_text(name, NAME_LIMIT, ascii_only=self.glyphs.is_ascii)]
        if reading.losses:
            parts += self._loss(reading, event, now_ns)
        elif reading.is_incident and reading.incident is not None:
            parts += self._incident(reading.incident, now_ns)
        else:
            parts += self._status(reading, event, now_ns)
        if reading.elsewhere:
            parts.append(f"{_many(reading.elsewhere, 'more connection')} of the group had problems")
        return self._joined(parts)

    def no_data(self, row: LaneRow, period: Period, cell: int, bounds: TimeBounds) -> str:
        """Return why a cell is blank."""
        end_ns = period.start_of(cell + 1)
        reason = "no data recorded at this time"
        if period.start_of(cell) > bounds.end_ns:
            reason = "in the future"
        elif bounds.oldest_ns and end_ns <= bounds.oldest_ns:
            reason = "no data: before the start of the recording"
        return self._joined([cell_text(row.name, NAME_LIMIT, ascii_only=self.glyphs.is_ascii), reason])

    def lines(self, text: str, width: int, count: int) -> list[str]:
        """Return a text in at most ``count`` lines; the last one is clipped where the text is longer."""
        lines = list(islice(wrap(text, width), count + 1))
        if len(lines) > count:
            lines[-2:] = [clip(" ".join(lines[-2:]), width, self.glyphs.cut)]
        return lines[:count]

    def _loss(self, reading: CellReading, event: Event | None, now_ns: int) -> list[str]:
        at = self._when(reading.at_ns, now_ns)
        first = f"first of {reading.losses:,} disconnects or failed attempts in this cell"
        many = first if reading.losses > 1 else ""
        if event is None:
            parts = [f"{at} disconnect or failed attempt; its event was pruned", many]
        else:
            what = describe(event, ascii_only=self.glyphs.is_ascii).what
            by, cause = CLOSED_BY.get(event.close_by or "", ""), why(event)
            # Most causes name who closed
            who = f" {by}" if by and by not in cause else ""
            parts = [f"{at} {what}{who}" + (f": {self._foreign(cause)}" if cause else ""), many]
            parts.append(f"Suggested action: {self._foreign(event.verdict.next)}" if event.verdict is not None else "")
        incident = reading.incident
        if incident is not None:
            parts.append(f"also {self._kind(incident)}: {self._foreign(incident.sentence)}")
        return parts

    def _incident(self, incident: Incident, now_ns: int) -> list[str]:
        lasted = max(0, min(incident.end_ns, now_ns) - incident.start_ns)
        kind, at, length = self._kind(incident), self._when(incident.start_ns, now_ns), fmt.duration(lasted)
        state = f"{kind} for {length} (since {at})" if incident.is_open else f"{kind} for {length} from {at} (ended)"
        many = f"{incident.count} such incidents start in this cell" if incident.count > 1 else ""
        return [
            state,
            self._foreign(incident.sentence),
            many,
            "press w for evidence",
        ]

    def _status(self, reading: CellReading, event: Event | None, now_ns: int) -> list[str]:
        event_text = describe(event, ascii_only=self.glyphs.is_ascii) if event is not None else None
        since = f"since {self._when(reading.at_ns, now_ns)}"
        before = " or before" if not reading.event_id else ""
        parts = [f"{STATUS_WORDS.get(reading.kind, reading.kind)} {since}{before}"]
        if event is not None and event.name == "connection.reconnect.attempt":
            parts = [f"reconnecting {since}{before}", _next_attempt(event), self._foreign(event.reason)]
        elif event_text is not None and reading.kind != "open":
            parts.append(f"{event_text.what} {event_text.text}".rstrip())
        incident = reading.incident
        return parts if incident is None else [*parts, *self._incident(incident, now_ns)]

    def _when(self, at_ns: int, now_ns: int) -> str:
        """Return the time of day to the millisecond, with its date where that is not today's."""
        at, now = (datetime.fromtimestamp(each // SECOND_NS, self.zone) for each in (at_ns, now_ns))
        day = "" if at.date() == now.date() else at.strftime("%Y-%m-%d ")
        return day + time_of_day(at_ns, self.zone)

    def _kind(self, incident: Incident) -> str:
        return self._foreign(KIND_WORDS.get(incident.kind) or incident.kind.replace("_", " "))

    def _foreign(self, text: str) -> str:
        plain = text.translate(OWN_SIGNS) if self.glyphs.is_ascii else text
        return cell_text(plain, SENTENCE_LIMIT, ascii_only=self.glyphs.is_ascii)

    def _joined(self, parts: list[str]) -> str:
        return f" {self.glyphs.between} ".join(part for part in parts if part)


def _next_attempt(event: Event) -> str:
    """Return which attempt follows the wait that an event began, and how long it waits."""
    attempt, delay_ms = number(event, "attempt"), number(event, "delay_ms")
    which = f"next attempt ({attempt:.0f})" if attempt is not None else "next attempt"
    when = f" in {fmt.duration(round(delay_ms * 1e6))}" if delay_ms is not None else ""
    return f"{which}{when}" if attempt is not None or when else ""


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else f'{noun}s'}"
