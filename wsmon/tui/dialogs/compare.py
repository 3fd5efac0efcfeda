"""Two events compared: what differs between their fields and payloads, one under the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import chain, islice
from typing import Literal

from rich.cells import cell_len
from textual.binding import Binding
from textual.widget import Widget

from wsmon.model import units as fmt
from wsmon.model.diff import (
    ROW_BYTES,
    Added,
    DiffRun,
    Leaf,
    Removed,
    Value,
    ValueChange,
    canonical_json,
    decode_json,
    diff,
    diff_runs,
    hex_rows,
    leaves,
    text_pieces,
)
from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath, path_text
from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.event_text import describe, error_words
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.log_line import time_of_day
from wsmon.tui.text import Line, Role, StyledText, clip, left, width_of, wrap
from wsmon.tui.widgets.text_view import ScrollPane

# Two events side by side: which of their fields differ, and what differs between their payloads. Pure.

# Bytes of a payload that is compared as JSON: decoding it holds the interpreter for some 30 ms
JSON_LIMIT = 4 * 1024 * 1024
# Bytes of each payload that are compared as text or bytes
TEXT_LIMIT = 1024 * 1024
# A person reads no more of them
MOST_LEAVES = 1_000

ComparisonForm = Literal["JSON", "text", "bytes"]
FORMS: tuple[ComparisonForm, ...] = ("JSON", "text", "bytes")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that the events have in common by name only."""

    label: str
    before: str
    after: str
    """Empty = it has no such thing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two events."""

    before: Event
    after: Event
    way: ComparisonForm
    """In which the payloads were compared."""
    ways: tuple[ComparisonForm, ...]
    """In which they can be."""
    fields: tuple[FieldChange, ...] = ()
    leaves: tuple[tuple[JsonPath, Leaf], ...] = ()
    """Of JSON, ``MOST_LEAVES`` at most."""
    differences: int = 0
    """Leaves there are, or runs."""
    runs: tuple[DiffRun, ...] = ()
    """Of text and bytes."""
    compared_bytes: int | None = None
    """Of each payload, where not the whole was compared."""


def compare(before: Event, after: Event, wanted: ComparisonForm = "JSON") -> Comparison:
    """The comparison, in the way that is wanted or the next one that both payloads allow."""
    fields = tuple(_field_changes(before, after))
    found = None
    first, second = before.payload or b"", after.payload or b""
    is_small = max(len(first), len(second)) <= JSON_LIMIT
    if is_small and first and second:
        try:
            found = list(leaves(diff(decode_json(first), decode_json(second))))
        except (ValueError, RecursionError):  # no JSON, or nested too deep: then it is text
            found = None
    ways = tuple(
        way for way in FORMS if (way != "JSON" or found is not None) and (way != "text" or _is_text(first, second))
    )
    way = wanted if wanted in ways else ways[0]
    if way == "JSON" and found is not None:
        return Comparison(before, after, way, ways, fields, tuple(islice(found, MOST_LEAVES)), len(found))
    different = tuple(_runs(first[:TEXT_LIMIT], second[:TEXT_LIMIT], way)) if first and second else ()
    is_cut = max(len(first), len(second)) > TEXT_LIMIT
    number = sum(run.kind != "same" for run in different)
    return Comparison(before, after, way, ways, fields, (), number, different, TEXT_LIMIT if is_cut else None)


def _runs(first: bytes, second: bytes, way: ComparisonForm) -> Iterator[DiffRun]:
    if way == "bytes":
        return diff_runs(hex_rows(first), hex_rows(second))
    return diff_runs(text_pieces(first.decode("utf-8", "replace")), text_pieces(second.decode("utf-8", "replace")))


def _is_text(*payloads: bytes) -> bool:
    try:
        for payload in payloads:
            payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _field_changes(before: Event, after: Event) -> Iterator[FieldChange]:
    for (label, old), (_, new) in zip(_fields(before), _fields(after), strict=True):
        if old != new:
            yield FieldChange(label, old, new)


def _fields(event: Event) -> Iterator[tuple[str, str]]:
    """What two events may differ in, but for their times and payloads."""
    source = event.source
    yield "Event", event.name
    yield "Connection", source.connection
    yield "Session", source.connection_id
    yield "Direction", event.direction
    yield "Frame", event.opcode
    yield "Type", event.type
    yield "Topic", event.topic
    yield "Ref", event.ref
    yield "Size", "" if event.size is None else f"{event.size:,} B"
    yield "Took", "" if event.duration_ns is None else fmt.milliseconds(event.duration_ns / 1e6)
    yield "Status", "" if event.status is None else str(event.status)
    yield "From, to", " to ".join(filter(None, (event.from_status, event.to_status)))
    yield "Code", "" if event.close_code is None else str(event.close_code)
    yield "Closed by", event.close_by
    yield "Reason", event.reason
    yield "Error", error_words(event.error_type)
    yield "Message", event.error
    yield "Payload", " and ".join(filter(None, ("cut" * event.truncated, "redacted" * event.redacted)))


# A comparison of two events as lines of a width, and as plain text. Pure.

# Characters of one value: the detail shows the whole
VALUE_LIMIT = 400
PATH_LIMIT = 200
LABEL_WIDTH = 12
# Cells; with less, the heading of the payloads is short
LEAST_TITLE = 40
# Of one run that are shown
MOST_PIECES = 500
# Pieces of a run that is the same, beside one that is not
CONTEXT = 2
# In Unicode, in ASCII
NOTHING = ("–", "-")
ROLE_OF_CHANGE: dict[str, Role] = {"added": "status-open", "removed": "problem", "same": "dim"}
SIGNS = {"added": "+", "removed": "-", "same": " "}


def comparison_lines(found: Comparison, width: int, zone: tzinfo | None, glyphs: Glyphs) -> Iterator[Line]:
    """Which two, what differs in their fields, what in their payloads."""
    yield from _heads(found, width, zone, glyphs)
    yield ()
    for change in found.fields:
        yield from _change(left(change.label, LABEL_WIDTH), change.before, change.after, width, glyphs)
    if not found.fields:
        yield (("their fields are the same", "dim"),)
    yield ()
    yield _title(found, width, glyphs)
    yield from chain.from_iterable(_leaf(path, leaf, width, glyphs) for path, leaf in found.leaves)
    for run in found.runs:
        yield from _run(run, found, width, glyphs)
    for note in _notes(found):
        yield from (((line, "caution"),) for line in wrap(note, width))


def _notes(found: Comparison) -> Iterator[str]:
    """What was not compared, or is not shown."""
    if len(found.leaves) < found.differences and not found.runs:
        yield f"{MOST_LEAVES:,} of {found.differences:,} differences are shown"
    for event in (found.before, found.after):
        if event.truncated:
            yield f"#{fmt.count(event.id)} was cut before it was stored: the rest is not compared"
    if found.compared_bytes is not None:
        yield f"the first {fmt.size(found.compared_bytes)} of each were compared"


def _heads(found: Comparison, width: int, zone: tzinfo | None, glyphs: Glyphs) -> Iterator[Line]:
    for sign, event in (("-", found.before), ("+", found.after)):
        said = describe(event, ascii_only=glyphs.is_ascii)
        name = sanitize(event.source.connection or "wsmon", PATH_LIMIT, ascii_only=glyphs.is_ascii)
        head = f"{sign} #{fmt.count(event.id)}  {time_of_day(event.ts_ns, zone)}  {name}  {said.what}"
        yield ((clip(head, width, glyphs.cut), ROLE_OF_CHANGE["removed" if sign == "-" else "added"]),)
    yield ((clip(_apart(found.before, found.after), width, glyphs.cut), "dim"),)


def _apart(before: Event, after: Event) -> str:
    """How much later; monotonic where the clocks compare."""
    is_one_run = before.source.run == after.source.run
    apart_ns = after.mono_ns - before.mono_ns if is_one_run else after.ts_ns - before.ts_ns
    apart = fmt.milliseconds(apart_ns / 1e6) if apart_ns < 1e9 else fmt.duration(apart_ns)
    return f"{apart} apart{'' if is_one_run else ', in another run'}"


def _title(found: Comparison, width: int, glyphs: Glyphs) -> Line:
    number = found.differences
    have = [event.payload is not None for event in (found.before, found.after)]
    if not any(have):
        return (("neither has a payload", "dim"),)
    if not all(have):
        return ((f"only #{fmt.count((found.before if have[0] else found.after).id)} has a payload", "caution"),)
    others = ", ".join(way for way in found.ways if way != found.way)
    said = f"{fmt.count(number)} {'difference' if number == 1 else 'differences'}" if number else "no difference"
    label = "Payloads" if width >= LEAST_TITLE else ""
    line: list[StyledText] = [
        (label, "key-name"),
        (f" as {found.way}: ".lstrip(" " * (not label)), "text"),
        (said, "strong"),
    ]
    hint = f"  {glyphs.between} f: as {others}"
    if others and width_of(line) + cell_len(hint) <= width:
        line.append((hint, "dim"))
    return tuple(line)


def _leaf(path: JsonPath, leaf: Leaf, width: int, glyphs: Glyphs) -> Iterator[Line]:
    where = sanitize(path_text(path), PATH_LIMIT, ascii_only=glyphs.is_ascii)
    match leaf:
        case Added(after):
            yield from _one("+", "added", where, after, width, glyphs)
        case Removed(before):
            yield from _one("-", "removed", where, before, width, glyphs)
        case ValueChange(before, after):
            yield from _change(f"{where}  ", _text(before), _text(after), width, glyphs)


def _one(sign: str, kind: str, where: str, value: Value, width: int, glyphs: Glyphs) -> Iterator[Line]:
    text = f"{where}  {_clean(_text(value), glyphs)}"
    for number, line in enumerate(wrap(text, width - 2)):
        yield ((f"{' ' if number else sign} {line}", ROLE_OF_CHANGE[kind]),)


def _change(where: str, before: str, after: str, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """On a line where that has room, else one under the other."""
    old, new = (_clean(each, glyphs) or NOTHING[glyphs.is_ascii] for each in (before, after))
    if cell_len(where) + cell_len(old) + cell_len(new) + 6 <= width:
        arrow = " -> " if glyphs.is_ascii else " → "
        yield (
            ("~ ", "caution"),
            (where, "text"),
            (old, ROLE_OF_CHANGE["removed"]),
            (arrow, "dim"),
            (new, ROLE_OF_CHANGE["added"]),
        )
        return
    yield ("~ ", "caution"), (clip(where.rstrip(), width - 2, glyphs.cut), "text")
    for sign, kind, value in (("-", "removed", old), ("+", "added", new)):
        for number, line in enumerate(wrap(value, width - 6)):
            yield ((f"    {' ' if number else sign} {line}", ROLE_OF_CHANGE[kind]),)


def _run(run: DiffRun, found: Comparison, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """The pieces of a run; of one that is the same, those beside a difference."""
    shown = list(enumerate(run.pieces))
    left_out = 0
    if run.kind == "same" and len(shown) > 2 * CONTEXT + 1:
        left_out = len(shown) - 2 * CONTEXT
        shown = [*shown[:CONTEXT], *shown[-CONTEXT:]]
    elif len(shown) > MOST_PIECES:
        left_out = len(shown) - MOST_PIECES
        shown = shown[:MOST_PIECES]
    for place, (number, piece) in enumerate(shown):
        if left_out and run.kind == "same" and place == CONTEXT:
            yield _omitted(left_out, "the same")
        where = f"{(run.at + number) * ROW_BYTES:06x}  " if found.way == "bytes" else ""
        for line in wrap(_clean(piece.rstrip("\r\n"), glyphs), width - 2 - len(where)):
            yield (f"{SIGNS[run.kind]} ", ROLE_OF_CHANGE[run.kind]), (where, "dim"), (line, ROLE_OF_CHANGE[run.kind])
    if left_out and run.kind != "same":
        yield _omitted(left_out, run.kind)


def _omitted(number: int, what: str) -> Line:
    return ((f"    {number:,} more {what}", "dim"),)


def _text(value: Value) -> str:
    return canonical_json(value)[: 4 * VALUE_LIMIT].decode("utf-8", "replace")


def _clean(text: str, glyphs: Glyphs) -> str:
    return sanitize(text, VALUE_LIMIT, ascii_only=glyphs.is_ascii)


# A person reads no more
MOST_LINES = 5_000
# Cells of a line that is copied: values stay on their lines
COPY_WIDTH = 1_000


class CompareDialog(Dialog[None]):
    """Scrolls; goes from difference to difference; hands the whole over as text."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("escape,q,enter", "cancel", "close"),
        Binding("f", "way", "form"),
        Binding("y,Y", "copy", "copy"),
        Binding("n", "go(1)", "next difference"),
        Binding("N", "go(-1)", "difference before"),
    ]
    HINT = (("n N", "key-name"), (" next  ", "dim"),
            ("f", "key-name"), (" form  ", "dim"), ("y", "key-name"), (" copy  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(
        self,
        found: Comparison,
        again: Callable[[ComparisonForm, Callable[[Comparison], None]], None],
        copy: Callable[[str], StyledText],
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
    ) -> None:
        """``again`` compares in another way and gives back the answer; ``copy`` says what became of a text."""
        super().__init__()
        self.title = f"Compare #{found.before.id:,} with #{found.after.id:,}"
        self._found = found
        self._again = again
        self._copy = copy
        self._zone, self._glyphs = zone, glyphs
        self._lines: tuple[Line, ...] = ()
        self._list = ScrollPane(id="comparison")

    def content(self) -> tuple[Widget, ...]:
        """The list."""
        return (self._list,)

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self.call_after_refresh(self._draw)

    def action_way(self) -> None:
        """Compare the payloads as JSON, text or bytes."""
        ways = self._found.ways
        self._again(ways[(ways.index(self._found.way) + 1) % len(ways)], self._take)

    def action_copy(self) -> None:
        """Hand everything over, unbroken."""
        lines = islice(comparison_lines(self._found, COPY_WIDTH, self._zone, self._glyphs), MOST_LINES)
        text = "\n".join("".join(part for part, _ in line).rstrip() for line in lines)
        self.hint(self._copy(text))

    def action_go(self, by: int) -> None:
        """To the next line that begins a difference, or the one before."""
        self.hint(*self.HINT)
        top = self._list.scroll_offset.y
        found = [number for number, line in enumerate(self._lines) if line and line[0][0][:2] in ("~ ", "+ ", "- ")]
        ahead = [number for number in found if (number > top if by > 0 else number < top)]
        if ahead:
            self._list.scroll_to(y=ahead[0] if by > 0 else ahead[-1], animate=False, force=True)

    def _take(self, found: Comparison) -> None:
        self._found = found
        self._draw()
        self._list.scroll_to(y=0, animate=False, force=True)

    def _draw(self) -> None:
        lines = comparison_lines(self._found, self._list.width, self._zone, self._glyphs)
        self._lines = tuple(islice(lines, MOST_LINES))
        if next(lines, None) is not None:
            self._lines = (*self._lines, ((f"{MOST_LINES:,} lines are shown", "caution"),))
        self._list.draw(self._lines)
