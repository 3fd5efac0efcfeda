"""Compare dialog: the differences between the fields and payloads of two events, one under the other."""

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
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.event_text import describe, error_words
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.text import Line, Role, StyledText, clip, left, width_of, wrap
from wsmon.tui.times import time_of_day
from wsmon.tui.widgets.text_view import ScrollPane

# Bytes of a payload that is compared as JSON: to decode it holds the interpreter for some 30 ms
JSON_LIMIT = 4 * 1024 * 1024
# Bytes of each payload that are compared as text or bytes
TEXT_LIMIT = 1024 * 1024
# Differences of JSON that are shown
MOST_LEAVES = 1_000

ComparisonForm = Literal["JSON", "text", "bytes"]
FORMS: tuple[ComparisonForm, ...] = ("JSON", "text", "bytes")
# Characters of one value; the detail shows all of it
VALUE_LIMIT = 400
PATH_LIMIT = 200
LABEL_WIDTH = 12
# Cells of a line; with fewer, the heading of the payloads is short
LEAST_TITLE = 40
# Pieces of a run that are shown
MOST_PIECES = 500
# Pieces of a run without differences that are shown beside a difference
CONTEXT = 2
# Sign of a value that is missing, in Unicode and in ASCII
NOTHING = ("–", "-")
ROLE_OF_CHANGE: dict[str, Role] = {"added": "status-open", "removed": "problem", "same": "dim"}
SIGNS = {"added": "+", "removed": "-", "same": " "}
# Lines that are shown and copied
MOST_LINES = 5_000
# Cells of a line that is copied: most values stay on one line
COPY_WIDTH = 1_000


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with another value in each event."""

    label: str
    before: str
    after: str
    """Empty = the event has no such field."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between two events."""

    before: Event
    after: Event
    form: ComparisonForm
    """Form in which the payloads were compared."""
    forms: tuple[ComparisonForm, ...]
    """Forms in which both payloads can be compared."""
    fields: tuple[FieldChange, ...] = ()
    leaves: tuple[tuple[JsonPath, Leaf], ...] = ()
    """Differences of JSON, at most ``MOST_LEAVES``."""
    differences: int = 0
    """Number of all leaves, or of all runs that differ."""
    runs: tuple[DiffRun, ...] = ()
    """Runs of text or bytes."""
    compared_bytes: int | None = None
    """Bytes of each payload that were compared; None = all."""


class CompareDialog(Dialog[None]):
    """The comparison in a list that scrolls; keys go from difference to difference, and copy it as text."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("escape,q,enter", "cancel", "close"),
        Binding("f", "form", "form"),
        Binding("y,Y", "copy", "copy"),
        Binding("n", "go(1)", "next difference"),
        Binding("N", "go(-1)", "previous difference"),
    ]
    HINT = (("n N", "key-name"), (" next  ", "dim"),
            ("f", "key-name"), (" view  ", "dim"), ("y", "key-name"), (" copy  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(
        self,
        found: Comparison,
        compare_again: Callable[[ComparisonForm, Callable[[Comparison], None]], None],
        copy: Callable[[str], StyledText],
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
    ) -> None:
        """``compare_again`` compares in another form and passes the comparison to a function.

        ``copy`` copies a text and returns whether that succeeded, as a hint.
        """
        super().__init__()
        names = dict.fromkeys(cell_text(each.source.connection or "wsmon") for each in (found.before, found.after))
        self.title = f"Compare #{found.before.id:,} with #{found.after.id:,} of {' and '.join(names)}"
        self._found = found
        self._wanted = found.form
        """The form wanted last; its comparison may still be to come."""
        self._compare_again = compare_again
        self._copy = copy
        self._zone, self._glyphs = zone, glyphs
        self._lines: tuple[Line, ...] = ()
        self._list = ScrollPane(id="comparison")

    def content(self) -> tuple[Widget, ...]:
        """Return the list."""
        return (self._list,)

    def on_resize(self) -> None:
        """Break lines at the new width."""
        self.call_after_refresh(self._draw)

    def action_form(self) -> None:
        """Compare the payloads in the next form: JSON, text, bytes."""
        forms = self._found.forms
        self._wanted = forms[(forms.index(self._wanted) + 1) % len(forms)]
        self._compare_again(self._wanted, self._take)

    def action_copy(self) -> None:
        """Copy all lines, unbroken."""
        lines = islice(comparison_lines(self._found, COPY_WIDTH, self._zone, self._glyphs), MOST_LINES)
        text = "\n".join("".join(part for part, _ in line).rstrip() for line in lines)
        self.hint(self._copy(text))

    def action_go(self, by: int) -> None:
        """Go to the next line that begins a difference, or the one before."""
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
            self._lines = (*self._lines, ((f"{MOST_LINES:,} lines shown", "caution"),))
        self._list.draw(self._lines)


def compare(before: Event, after: Event, wanted: ComparisonForm = "JSON") -> Comparison:
    """Compare two events, their payloads in the form that is wanted, or the next one that both payloads allow."""
    fields = tuple(_field_changes(before, after))
    found = None
    first, second = before.payload or b"", after.payload or b""
    is_small = max(len(first), len(second)) <= JSON_LIMIT
    if is_small and first and second:
        try:
            found = list(leaves(diff(decode_json(first), decode_json(second))))
        # Not JSON, or nested too deep
        except (ValueError, RecursionError):
            found = None
    forms = tuple(
        form for form in FORMS if (form != "JSON" or found is not None) and (form != "text" or _is_text(first, second))
    )
    form = wanted if wanted in forms else forms[0]
    if form == "JSON" and found is not None:
        return Comparison(before, after, form, forms, fields, tuple(islice(found, MOST_LEAVES)), len(found))
    different = tuple(_runs(first[:TEXT_LIMIT], second[:TEXT_LIMIT], form)) if first and second else ()
    is_cut = max(len(first), len(second)) > TEXT_LIMIT
    number = sum(run.kind != "same" for run in different)
    return Comparison(before, after, form, forms, fields, (), number, different, TEXT_LIMIT if is_cut else None)


def _runs(first: bytes, second: bytes, form: ComparisonForm) -> Iterator[DiffRun]:
    if form == "bytes":
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
    """Yield label and value of all fields but times and payload; the labels are those of every event."""
    source = event.source
    yield "Event", event.name
    yield "Connection", source.connection
    yield "Session", source.connection_id
    yield "Direction", event.direction
    yield "Frame", event.opcode
    yield "Decoded", event.encoding
    yield "Type", event.type
    yield "Topic", event.topic
    yield "Ref", event.ref
    yield "Size", "" if event.size is None else f"{event.size:,} B"
    took = "" if event.duration_ns is None else fmt.milliseconds(event.duration_ns / 1e6)
    is_message = event.opcode in ("text", "binary")
    yield "Decode time", took if is_message else ""
    yield "Duration", "" if is_message else took
    yield "Status", "" if event.status is None else str(event.status)
    yield "From, to", " to ".join(filter(None, (event.from_status, event.to_status)))
    yield "Code", "" if event.close_code is None else str(event.close_code)
    yield "Closed by", event.close_by
    yield "Reason", event.reason
    yield "Error", error_words(event.error_type)
    yield "Message", event.error
    yield "Payload", " and ".join(filter(None, ("cut" * event.truncated, "redacted" * event.redacted)))


def comparison_lines(found: Comparison, width: int, zone: tzinfo | None, glyphs: Glyphs) -> Iterator[Line]:
    """Yield the lines of a comparison: both events, the fields that differ, the differences of the payloads."""
    yield from _heads(found, width, zone, glyphs)
    yield ()
    for change in found.fields:
        yield from _change(left(change.label, LABEL_WIDTH), change.before, change.after, width, glyphs)
    if not found.fields:
        yield (("fields are identical", "dim"),)
    yield ()
    yield _title(found, width, glyphs)
    yield from chain.from_iterable(_leaf(path, leaf, width, glyphs) for path, leaf in found.leaves)
    for run in found.runs:
        yield from _run(run, found, width, glyphs)
    for note in _notes(found):
        yield from (((line, "caution"),) for line in wrap(note, width))


def _notes(found: Comparison) -> Iterator[str]:
    """Yield what was not compared, or is not shown."""
    if len(found.leaves) < found.differences and not found.runs:
        yield f"{MOST_LEAVES:,} of {found.differences:,} differences shown"
    for event in (found.before, found.after):
        if event.truncated:
            yield f"#{fmt.count(event.id)} was truncated before storing: the rest is not compared"
    if found.compared_bytes is not None:
        yield f"the first {fmt.size(found.compared_bytes)} of each compared"


def _heads(found: Comparison, width: int, zone: tzinfo | None, glyphs: Glyphs) -> Iterator[Line]:
    for sign, event in (("-", found.before), ("+", found.after)):
        described = describe(event, ascii_only=glyphs.is_ascii)
        name = cell_text(event.source.connection or "wsmon", PATH_LIMIT, ascii_only=glyphs.is_ascii)
        head = f"{sign} #{fmt.count(event.id)}  {time_of_day(event.ts_ns, zone)}  {name}  {described.what}"
        yield ((clip(head, width, glyphs.cut), ROLE_OF_CHANGE["removed" if sign == "-" else "added"]),)
    yield ((clip(_apart(found.before, found.after), width, glyphs.cut), "dim"),)


def _apart(before: Event, after: Event) -> str:
    """Return how much later the second event is; by the monotonic clock where both are of one run."""
    is_one_run = after.is_on_clock_of(before)
    apart_ns = after.mono_ns - before.mono_ns if is_one_run else after.ts_ns - before.ts_ns
    apart = fmt.milliseconds(apart_ns / 1e6) if apart_ns < 1e9 else fmt.duration(apart_ns)
    return f"{apart} apart{'' if is_one_run else ', in another run'}"


def _title(found: Comparison, width: int, glyphs: Glyphs) -> Line:
    number = found.differences
    have = [event.payload is not None for event in (found.before, found.after)]
    if not any(have):
        return (("neither event has a payload", "dim"),)
    if not all(have):
        return ((f"only #{fmt.count((found.before if have[0] else found.after).id)} has a payload", "caution"),)
    others = ", ".join(form for form in found.forms if form != found.form)
    differences = f"{fmt.count(number)} {'difference' if number == 1 else 'differences'}" if number else "no difference"
    label = "Payloads" if width >= LEAST_TITLE else ""
    line: list[StyledText] = [
        (label, "key-name"),
        (f" as {found.form}: ".lstrip(" " * (not label)), "text"),
        (differences, "strong"),
    ]
    hint = f"  {glyphs.between} f: as {others}"
    if others and width_of(line) + cell_len(hint) <= width:
        line.append((hint, "dim"))
    return tuple(line)


def _leaf(path: JsonPath, leaf: Leaf, width: int, glyphs: Glyphs) -> Iterator[Line]:
    where = cell_text(path_text(path), PATH_LIMIT, ascii_only=glyphs.is_ascii)
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
    """Yield both values on one line where there is room, else one under the other."""
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
    """Yield the pieces of a run; of a run without differences, those beside a difference."""
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
        where = f"{(run.at + number) * ROW_BYTES:06x}  " if found.form == "bytes" else ""
        for line in wrap(_clean(piece.rstrip("\r\n"), glyphs), width - 2 - len(where)):
            yield (f"{SIGNS[run.kind]} ", ROLE_OF_CHANGE[run.kind]), (where, "dim"), (line, ROLE_OF_CHANGE[run.kind])
    if left_out and run.kind != "same":
        yield _omitted(left_out, run.kind)


def _omitted(number: int, what: str) -> Line:
    return ((f"    {number:,} more {what}", "dim"),)


def _text(value: Value) -> str:
    return canonical_json(value)[: 4 * VALUE_LIMIT].decode("utf-8", "replace")


def _clean(text: str, glyphs: Glyphs) -> str:
    return cell_text(text, VALUE_LIMIT, ascii_only=glyphs.is_ascii)
