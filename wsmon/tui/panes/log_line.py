"""One event on one line: pure layout from an event, a width and a time mode to spans that fill the width exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Literal, get_args

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.units import HOUR_NS, MINUTE_NS, MS_NS, SECOND_NS
from wsmon.tui.event_text import EventText, describe
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.text import Role, StyledText, clip, keep_ends, left, right

# Which columns a line of the log has: as many as its width has room for, or those that somebody chose.

ColumnName = Literal["id", "connection", "session", "what", "ref", "took", "wire", "size"]
# From left to right; the content is between what and ref
COLUMN_NAMES: tuple[ColumnName, ...] = get_args(ColumnName)

LABELS: dict[ColumnName, str] = {
    "id": "number of the event",
    "connection": "connection",
    "session": "session, its first 8 digits",
    "what": "type of the message, or what happened",
    "ref": "id that pairs request and reply",
    "took": "how long it took",
    "wire": "bytes on the wire",
    "size": "bytes of the message",
}
WIDTHS: dict[ColumnName, int] = {
    "id": 11, "connection": 14, "session": 8, "what": 14, "ref": 10, "took": 8, "wire": 9, "size": 9,
}  # fmt: skip
# Cells of a time of day with its milliseconds, and without
LONG_TIME, SHORT_TIME = 12, 8
# Cells that the content keeps beside columns that somebody chose
LEAST_REST = 12
# What gives way first where there is no room
DROPPED: tuple[ColumnName, ...] = ("wire", "took", "ref", "id", "session", "size", "connection", "what")


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths in cells; 0 = the column is left out."""

    time: int
    id: int
    connection: int
    session: int
    what: int
    rest: int
    """Content; without a column for the word, word and content together."""
    ref: int
    took: int
    wire: int
    size: int


def automatic(width: int) -> tuple[ColumnName, ...]:
    """What a line of ``width`` cells has when nobody chooses."""
    if width < 30:
        return ()
    if width < 60:
        return ("connection",)
    if width < 150:
        return ("connection", "what", "size")
    return ("connection", "session", "what", "size") if width < 180 else ("id", "connection", "session", "what", "size")


@lru_cache(maxsize=64)
def columns(width: int, chosen: tuple[ColumnName, ...] | None = None) -> Columns:
    """What a line of ``width`` cells has room for; ``chosen`` columns that do not fit are left out."""
    names = list(automatic(width) if chosen is None else chosen)
    time = LONG_TIME if width >= 60 else SHORT_TIME
    for dropped in (None, *DROPPED):
        if dropped in names:
            names.remove(dropped)
        widths = {name: _width(name, width) if name in names else 0 for name in COLUMN_NAMES}
        rest = width - time - sum(widths.values()) - sum(1 for each in widths.values() if each) - 3
        if chosen is None or rest >= LEAST_REST:
            break
    return Columns(time=time, rest=max(0, rest), **widths)


def without_room(width: int, chosen: tuple[ColumnName, ...]) -> tuple[ColumnName, ...]:
    """Which of these columns a line of ``width`` cells leaves out."""
    shown = columns(width, chosen)
    return tuple(name for name in chosen if not getattr(shown, name))


def _width(name: ColumnName, width: int) -> int:
    if name == "connection":
        return 20 if width >= 160 else 8 if width < 60 else 12 if width < 100 else 14
    if name == "what":
        return 18 if width >= 160 else 13 if width < 100 else 14
    return WIDTHS[name]


# In a log that highlights: a match, or one of the other lines
Emphasis = Literal["", "match", "context"]
TimeMode = Literal["absolute", "open", "delta"]
# Times of day, since the session was usable, since the line above
TIME_MODES: tuple[TimeMode, ...] = ("absolute", "open", "delta")

# A message of more has a sign: it is what payloads are cut to by default
LARGE_BYTES = 64 * 1024
SESSION_DIGITS = 8
# Characters; a connection's name has no more
NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How lines are written, apart from their width."""

    time_mode: TimeMode = "absolute"
    zone: tzinfo | None = None
    """None = local time."""
    glyphs: Glyphs = UNICODE
    emphasis: Emphasis = ""
    is_marked: bool = False
    chosen: tuple[ColumnName, ...] | None = None
    """Columns; None = as many as there is room for."""
    open_mono_ns: int | None = None
    """When the event's session became usable; None = never, or the event is of no session."""


def line(event: Event, width: int, style: LineStyle, previous: Event | None = None) -> tuple[StyledText, ...]:
    """The event in exactly ``width`` cells; ``previous`` is the one on the line above, for differences of time."""
    layout, glyphs = columns(width, style.chosen), style.glyphs
    wording = describe(event, ascii_only=glyphs.is_ascii)
    spans: list[StyledText] = [(_time(event, layout, style, previous), "dim")]
    spans.append(_flag(style))
    if layout.id:
        spans.append((right(f"#{fmt.count(event.id)}", layout.id, glyphs.cut) + " ", "dim"))
    if layout.connection:
        source = sanitize(event.source.connection or "wsmon", NAME_LIMIT, ascii_only=glyphs.is_ascii)
        spans.append(
            (keep_ends(source, layout.connection, glyphs.cut) + " ", "text" if event.source.connection else "dim")
        )
    if layout.session:
        spans.append((left(event.source.connection_id[:SESSION_DIGITS], layout.session) + " ", "dim"))
    spans.append((glyphs.of(wording.sign) + " ", wording.role))
    spans += _body(event, wording, layout, glyphs)
    if style.emphasis == "context":
        spans = [(text, "dim" if role != "caution" else role) for text, role in spans]
    return _exactly(spans, width)


def _flag(style: LineStyle) -> StyledText:
    """One cell: a bookmark, or a match among other lines."""
    if style.is_marked:
        return style.glyphs.mark, "caution"
    return (style.glyphs.match, "key-name") if style.emphasis == "match" else (" ", "text")


def _body(event: Event, wording: EventText, layout: Columns, glyphs: Glyphs) -> list[StyledText]:
    """What it is, what it says, which of that is missing, and the columns at the right; without any, their room too."""
    spans: list[StyledText] = []
    ends = _ends(event, wording, layout, glyphs)
    room = layout.rest + (0 if ends else sum(width + 1 for width in _end_widths(layout) if width))
    if layout.what:
        spans.append((left(wording.what, layout.what, glyphs.cut) + " ", wording.role))
    else:
        what = clip(wording.what, room, glyphs.cut)
        spans.append((f"{what} ", wording.role))
        room -= cell_len(what) + 1
    signs = _signs(event, glyphs)
    if signs and room > len(signs) + 1:
        room -= len(signs) + 1
    else:
        signs = ""
    text_meaning: Role = "text" if wording.is_content or wording.role != "dim" else "dim"
    spans.append((left(wording.text, max(0, room), glyphs.cut), text_meaning))
    if signs:
        spans.append((f" {signs}", "caution"))
    return [*spans, *ends]


def _signs(event: Event, glyphs: Glyphs) -> str:
    """That a payload was cut, masked, or is unusually large."""
    is_large = event.size is not None and event.size > LARGE_BYTES
    return glyphs.truncated * event.truncated + glyphs.redacted * event.redacted + glyphs.large * is_large


def _ends(event: Event, wording: EventText, layout: Columns, glyphs: Glyphs) -> list[StyledText]:
    """The columns at the right; none where all of them are empty."""
    is_message = event.opcode in ("text", "binary")
    took = event.duration_ns if not is_message else None  # of a message it is how long reading it took
    texts = (
        sanitize(event.ref, NAME_LIMIT, ascii_only=glyphs.is_ascii),
        fmt.milliseconds(took / 1e6) if took is not None else "",
        fmt.size(event.wire_size) if wording.is_content and event.wire_size is not None else "",
        fmt.size(event.size) if wording.is_content and event.size is not None else "",
    )
    shown = [(text, width) for text, width in zip(texts, _end_widths(layout), strict=True) if width]
    if not any(text for text, _ in shown):
        return []
    return [(" " + right(text, width, glyphs.cut), "dim") for text, width in shown]


def _end_widths(layout: Columns) -> tuple[int, ...]:
    return layout.ref, layout.took, layout.wire, layout.size


def _exactly(spans: list[StyledText], width: int) -> tuple[StyledText, ...]:
    """Cut what a very narrow pane leaves no room for, fill what is missing."""
    used = 0
    kept: list[StyledText] = []
    for text, role in spans:
        if used >= width:
            break
        text = clip(text, width - used)
        used += cell_len(text)
        kept.append((text, role))
    if used < width:
        kept.append((" " * (width - used), "text"))
    return tuple(kept)


def _time(event: Event, layout: Columns, style: LineStyle, previous: Event | None) -> str:
    if style.time_mode == "delta":
        is_comparable = previous is not None and previous.source.run == event.source.run
        # monotonic clocks of different runs do not compare
        return _passed(event, previous.mono_ns if previous and is_comparable else None, layout, style)
    if style.time_mode == "open":
        return _passed(event, style.open_mono_ns, layout, style)
    return time_of_day(event.ts_ns, style.zone)[: layout.time]


def time_of_day(ts_ns: int, zone: tzinfo | None) -> str:
    """``14:02:24.118``."""
    return f"{_whole_second(ts_ns // SECOND_NS, zone)}.{ts_ns % SECOND_NS // MS_NS:03d}"


@lru_cache(maxsize=1024)
def _whole_second(second: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(second, zone).strftime("%H:%M:%S")


def _passed(event: Event, since_mono_ns: int | None, layout: Columns, style: LineStyle) -> str:
    """How long after a moment of the same run it was."""
    text = fmt.NONE if since_mono_ns is None else _span_of_time(event.mono_ns - since_mono_ns, layout.time)
    return right(text, layout.time, style.glyphs.cut)


def _span_of_time(passed_ns: int, width: int) -> str:
    sign = "-" if passed_ns < 0 else "+"
    passed_ns = abs(passed_ns)
    if passed_ns < MINUTE_NS:
        return f"{sign}{passed_ns / SECOND_NS:.{2 if width < LONG_TIME else 3}f} s"
    if passed_ns < HOUR_NS:
        return f"{sign}{passed_ns // MINUTE_NS}m{passed_ns % MINUTE_NS // SECOND_NS:02}s"
    return f"{sign}{passed_ns // HOUR_NS}h{passed_ns % HOUR_NS // MINUTE_NS:02}m"
