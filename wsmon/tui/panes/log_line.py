"""A line of the log: its columns, as one table, and the layout of an event in a given width. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Literal, get_args

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.events import Event, split_connection
from wsmon.model.ranges import Ranking
from wsmon.model.units import HOUR_NS, MINUTE_NS, SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.event_text import EventText, describe
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.text import Role, StyledText, clip, keep_ends, left, right
from wsmon.tui.times import dated_time, time_of_day

# A name in COLUMNS. Not a Literal: the table is the only list of them.
ColumnName = str
# Before the sign of the event; between the sign and the content; at the right end of the line.
Place = Literal["left", "middle", "right"]

# Cells of a time of day with its milliseconds, and without
LONG_TIME, SHORT_TIME = 12, 8
# Lines of fewer cells have the name of the recording before that of the connection, not in a column of its own
RECORDING_FROM = 60
# Cells that a day takes before it
DAY = 7
# Lines of fewer cells have the short time of day
LONG_TIME_FROM = 60
# Cells that the content keeps beside columns that the user chose
LEAST_REST = 12
# A message of more has a sign: it is what payloads are cut to by default
LARGE_BYTES = 64 * 1024
SESSION_DIGITS = 8
# Characters; a connection's name has no more
NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class LineContent:
    """What the text of a column is made of."""

    event: Event
    wording: EventText
    is_ascii: bool
    """Whether the terminal shows ASCII alone."""
    has_recording: bool = False
    """Whether the line has a column of the recording, so that its name need not stand before the connection."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the log. All that there is to know about it is its row in ``COLUMNS``."""

    name: ColumnName
    label: str
    """What the dialog of the columns says about it."""
    place: Place
    width: int
    """In cells."""
    text: Callable[[LineContent], str]
    drop_rank: int
    """Where there is no room for all the columns that the user chose, the lowest rank is left out first."""
    fit: Callable[[str, int, str], str] = right
    """Cuts or fills the text to exactly the width; gets the text, the width and the sign of a cut."""
    role: Callable[[LineContent], Role] = lambda _: "dim"
    wider: tuple[tuple[int, int], ...] = ()
    """Pairs of the cells of a line and the width of the column from there on, ascending."""
    automatic_from: int | None = None
    """Cells of a line that has the column unless the user chose others; None = only where it is chosen."""
    shown_name: str = ""
    """What the dialog calls it; empty = its name in the configuration."""

    def width_in(self, line_width: int) -> int:
        """Return the width of the column in a line of so many cells."""
        return next((cells for least, cells in reversed(self.wider) if line_width >= least), self.width)


def _id(content: LineContent) -> str:
    return f"#{fmt.count(content.event.id)}"


def _recording(content: LineContent) -> str:
    return cell_text(content.event.source.recording, NAME_LIMIT, ascii_only=content.is_ascii)


def _connection(content: LineContent) -> str:
    source = content.event.source
    name = split_connection(source.connection)[1] if content.has_recording else source.connection
    return cell_text(name or "wsmon", NAME_LIMIT, ascii_only=content.is_ascii)


def _connection_role(content: LineContent) -> Role:
    return "text" if content.event.source.connection else "dim"


def _session(content: LineContent) -> str:
    return content.event.source.connection_id[:SESSION_DIGITS]


def _what(content: LineContent) -> str:
    return content.wording.what


def _what_role(content: LineContent) -> Role:
    return content.wording.role


def _ref(content: LineContent) -> str:
    return cell_text(content.event.ref, NAME_LIMIT, ascii_only=content.is_ascii)


def _took(content: LineContent) -> str:
    # The duration of a message is how long reading it took.
    is_message = content.event.opcode in ("text", "binary")
    return "" if is_message or content.event.duration_ns is None else fmt.milliseconds(content.event.duration_ns / 1e6)


def _wire(content: LineContent) -> str:
    return _size_text(content, content.event.wire_size)


def _size(content: LineContent) -> str:
    return _size_text(content, content.event.size)


def _size_text(content: LineContent, size_bytes: int | None) -> str:
    return fmt.size(size_bytes) if content.wording.is_content and size_bytes is not None else ""


# From left to right. The dialog of the columns and the state of a session know columns by this table alone.
COLUMNS = (
    Column("id", "event ID", "left", 11, _id, drop_rank=4, automatic_from=180),
    Column(
        "recording", "recording, where several are open", "left", 8, _recording, drop_rank=0, fit=keep_ends,
        wider=((100, 10), (160, 14)),
    ),
    Column(
        "connection", "connection", "left", 8, _connection, drop_rank=7, fit=keep_ends, role=_connection_role,
        wider=((60, 12), (100, 14), (160, 20)), automatic_from=30,
    ),
    Column(
        "session", "first 8 digits of the session ID", "left", 8, _session, drop_rank=5, fit=left, automatic_from=150
    ),
    Column(
        "what", "message type or event name", "middle", 13, _what, drop_rank=8, fit=left,
        role=_what_role, wider=((100, 14), (160, 18)), automatic_from=60, shown_name="event",
    ),
    Column("ref", "correlation ID", "right", 10, _ref, drop_rank=3),
    Column("took", "response, ping RTT or handshake time", "right", 8, _took, drop_rank=2, shown_name="duration"),
    Column("wire", "size on the wire in bytes", "right", 9, _wire, drop_rank=1),
    Column("size", "message size in bytes", "right", 9, _size, drop_rank=6, automatic_from=60),
)  # fmt: skip


COLUMN_OF: Mapping[Ranking, ColumnName] = {"duration": "took", "size": "size"}


@dataclass(frozen=True, slots=True)
class LineLayout:
    """The columns of a line and their widths in cells."""

    time: int
    left: tuple[tuple[Column, int], ...]
    middle: tuple[tuple[Column, int], ...]
    right: tuple[tuple[Column, int], ...]
    rest: int
    """Width of the content; of word and content together where there is no column for the word."""


def automatic(width: int, *, has_connection: bool = True, has_recordings: bool = False) -> tuple[ColumnName, ...]:
    """Return the columns of a line of ``width`` cells where the user chose none."""
    names = {each.name for each in COLUMNS if each.automatic_from is not None and width >= each.automatic_from}
    if not has_connection:
        names.discard("connection")
    elif has_recordings and width >= RECORDING_FROM:
        names.add("recording")
    return tuple(each.name for each in COLUMNS if each.name in names)


@lru_cache(maxsize=64)
def layout(
    width: int,
    chosen: tuple[ColumnName, ...] | None = None,
    ranking: Ranking | None = None,
    *,
    is_dated: bool = False,
    has_connection: bool = True,
    has_recordings: bool = False,
) -> LineLayout:
    """Return what a line of ``width`` cells has room for; ``chosen`` columns that do not fit are left out.

    The column of what lines are sorted by is always there. ``is_dated``: times have their day. Without
    ``has_connection`` the automatic columns lack the connection, which is the same on all lines; with
    ``has_recordings`` they have the recording beside it.
    """
    names = automatic(width, has_connection=has_connection, has_recordings=has_recordings) if chosen is None else chosen
    names = names if ranking is None else (*names, COLUMN_OF[ranking])
    time = (LONG_TIME if width >= LONG_TIME_FROM else SHORT_TIME) + (DAY if is_dated else 0)
    columns = [(column, column.width_in(width)) for column in COLUMNS if column.name in names]
    while True:
        # 3: the flag, the sign, and the space behind it
        rest = width - time - sum(cells + 1 for _, cells in columns) - 3
        if chosen is None or rest >= LEAST_REST or not columns:
            break
        columns.remove(min(columns, key=lambda each: each[0].drop_rank))
    at: dict[Place, tuple[tuple[Column, int], ...]] = {
        place: tuple(each for each in columns if each[0].place == place) for place in get_args(Place)
    }
    return LineLayout(time, at["left"], at["middle"], at["right"], max(0, rest))


def without_room(width: int, chosen: tuple[ColumnName, ...]) -> tuple[ColumnName, ...]:
    """Return those of the chosen columns that a line of ``width`` cells leaves out."""
    shape = layout(width, chosen)
    shown = {column.name for column, _ in (*shape.left, *shape.middle, *shape.right)}
    return tuple(name for name in chosen if name not in shown)


# In a log that highlights: a match, or one of the other lines.
Emphasis = Literal["", "match", "context"]
# Time of day, time since the session was open, time since the line above, day and time of day.
TimeMode = Literal["absolute", "open", "delta", "dated"]
TIME_MODES: tuple[TimeMode, ...] = ("absolute", "open", "delta", "dated")


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How a line is written, apart from its width."""

    time_mode: TimeMode = "absolute"
    zone: tzinfo | None = None
    """None = local time."""
    glyphs: Glyphs = UNICODE
    emphasis: Emphasis = ""
    has_connection: bool = True
    """Lines of several connections may stand here; otherwise the column of the connection is chosen only by hand."""
    has_recordings: bool = False
    """Whether lines of several recordings may stand here."""
    ranking: Ranking | None = None
    """By what the lines are sorted, instead of by time: then they have the day of their time, and a column for it."""
    is_marked: bool = False
    chosen: tuple[ColumnName, ...] | None = None
    """Columns; None = as many as there is room for."""
    open_mono_ns: int | None = None
    """Monotonic time at which the event's session became usable; None = never, or the event is of no session."""

    @property
    def is_dated(self) -> bool:
        """Whether times have their day."""
        return self.ranking is not None or self.time_mode == "dated"

    @property
    def needs_above(self) -> bool:
        """Whether a line depends on the event of the line above."""
        return self.ranking is None and self.time_mode == "delta"


def line(event: Event, width: int, style: LineStyle, previous: Event | None = None) -> tuple[StyledText, ...]:
    """Return the event in exactly ``width`` cells; ``previous`` is that of the line above, for differences of time."""
    glyphs = style.glyphs
    shape = layout(
        width,
        style.chosen,
        style.ranking,
        is_dated=style.is_dated,
        has_connection=style.has_connection,
        has_recordings=style.has_recordings,
    )
    has_recording = any(column.name == "recording" for column, _ in shape.left)
    content = LineContent(event, describe(event, ascii_only=glyphs.is_ascii), glyphs.is_ascii, has_recording)
    spans: list[StyledText] = [(_time(event, shape.time, style, previous), "dim"), _flag(style)]
    for column, cells in shape.left:
        spans.append((column.fit(column.text(content), cells, glyphs.cut) + " ", column.role(content)))
    spans.append((glyphs.of(content.wording.sign) + " ", content.wording.role))
    spans += _body(content, shape, glyphs)
    if style.emphasis == "context":
        spans = [(text, "dim" if role != "caution" else role) for text, role in spans]
    return _exactly(spans, width)


def _flag(style: LineStyle) -> StyledText:
    """Return one cell: a bookmark, or a match among other lines."""
    if style.is_marked:
        return style.glyphs.mark, "caution"
    return (style.glyphs.match, "key-name") if style.emphasis == "match" else (" ", "text")


def _body(content: LineContent, shape: LineLayout, glyphs: Glyphs) -> list[StyledText]:
    """Return word, content, the signs of what the content lacks, and the columns at the right.

    Where all of the columns at the right are empty, the content has their room too. The name of an event that is no
    message has what the content leaves.
    """
    wording, spans, room = content.wording, list[StyledText](), shape.rest
    ends = _ends(content, shape, glyphs)
    if not ends:
        room += sum(cells + 1 for _, cells in shape.right)
    for column, cells in shape.middle:
        text = column.text(content)
        more = 0 if wording.is_content else max(0, min(cell_len(text) - cells, room - cell_len(wording.text)))
        room -= more
        spans.append((column.fit(text, cells + more, glyphs.cut) + " ", column.role(content)))
    if not spans:
        what = clip(wording.what, room, glyphs.cut)
        spans.append((f"{what} ", wording.role))
        room -= cell_len(what) + 1
    signs = _signs(content.event, glyphs)
    if signs and room > len(signs) + 1:
        room -= len(signs) + 1
    else:
        signs = ""
    text_role: Role = "text" if wording.is_content or wording.role != "dim" else "dim"
    spans.append((left(wording.text, max(0, room), glyphs.cut), text_role))
    if signs:
        spans.append((f" {signs}", "caution"))
    return [*spans, *ends]


def _signs(event: Event, glyphs: Glyphs) -> str:
    """Return the signs of a payload that was cut, masked, or is unusually large."""
    is_large = event.size is not None and event.size > LARGE_BYTES
    return glyphs.truncated * event.truncated + glyphs.redacted * event.redacted + glyphs.large * is_large


def _ends(content: LineContent, shape: LineLayout, glyphs: Glyphs) -> list[StyledText]:
    """Return the columns at the right; none where all of them are empty."""
    texts = [(column, column.text(content), cells) for column, cells in shape.right]
    if not any(text for _, text, _ in texts):
        return []
    return [(" " + column.fit(text, cells, glyphs.cut), column.role(content)) for column, text, cells in texts]


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


def _time(event: Event, width: int, style: LineStyle, previous: Event | None) -> str:
    if style.is_dated:
        return dated_time(event.ts_ns, style.zone)[:width]
    if style.time_mode == "delta":
        # Monotonic clocks of different runs do not compare.
        is_comparable = previous is not None and event.is_on_clock_of(previous)
        return _passed(event, previous.mono_ns if previous and is_comparable else None, width, style)
    if style.time_mode == "open":
        return _passed(event, style.open_mono_ns, width, style)
    return time_of_day(event.ts_ns, style.zone)[:width]


def _passed(event: Event, since_mono_ns: int | None, width: int, style: LineStyle) -> str:
    """Return the time from a moment of the same run to the event."""
    text = fmt.NONE if since_mono_ns is None else _span_of_time(event.mono_ns - since_mono_ns, width)
    return right(text, width, style.glyphs.cut)


def _span_of_time(passed_ns: int, width: int) -> str:
    sign = "-" if passed_ns < 0 else "+"
    passed_ns = abs(passed_ns)
    if passed_ns < MINUTE_NS:
        return f"{sign}{passed_ns / SECOND_NS:.{2 if width < LONG_TIME else 3}f} s"
    if passed_ns < HOUR_NS:
        return f"{sign}{passed_ns // MINUTE_NS}m{passed_ns % MINUTE_NS // SECOND_NS:02}s"
    return f"{sign}{passed_ns // HOUR_NS}h{passed_ns % HOUR_NS // MINUTE_NS:02}m"
