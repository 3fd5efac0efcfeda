"""A comparison of two events as lines of a width, and as plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from itertools import chain

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.diff import ROW_BYTES, Added, DiffRun, Leaf, Removed, Value, ValueChange, canonical_json
from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath, path_text
from wsmon.model.sanitize import sanitize
from wsmon.tui.comparison import MOST_LEAVES, Comparison
from wsmon.tui.event_text import describe
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.palette import Line, Meaning, Span, width_of
from wsmon.tui.panes.log_line import time_of_day
from wsmon.tui.text import clip, left, wrap

VALUE_LIMIT = 400
# characters of one value: the detail shows the whole
PATH_LIMIT = 200
LABEL_WIDTH = 12
LEAST_TITLE = 40
# cells; with less, the heading of the payloads is short
MOST_PIECES = 500
# of one run that are shown
CONTEXT = 2
# pieces of a run that is the same, beside one that is not
NOTHING = ("–", "-")
# in Unicode, in ASCII
MEANINGS: dict[str, Meaning] = {"added": "status-open", "removed": "problem", "same": "dim"}
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
        yield ((clip(head, width, glyphs.cut), MEANINGS["removed" if sign == "-" else "added"]),)
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
    line: list[Span] = [(label, "key-name"), (f" as {found.way}: ".lstrip(" " * (not label)), "text"), (said, "strong")]
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
        yield ((f"{' ' if number else sign} {line}", MEANINGS[kind]),)


def _change(where: str, before: str, after: str, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """On a line where that has room, else one under the other."""
    old, new = (_clean(each, glyphs) or NOTHING[glyphs.is_ascii] for each in (before, after))
    if cell_len(where) + cell_len(old) + cell_len(new) + 6 <= width:
        arrow = " -> " if glyphs.is_ascii else " → "
        yield (("~ ", "caution"), (where, "text"), (old, MEANINGS["removed"]), (arrow, "dim"), (new, MEANINGS["added"]))
        return
    yield ("~ ", "caution"), (clip(where.rstrip(), width - 2, glyphs.cut), "text")
    for sign, kind, value in (("-", "removed", old), ("+", "added", new)):
        for number, line in enumerate(wrap(value, width - 6)):
            yield ((f"    {' ' if number else sign} {line}", MEANINGS[kind]),)


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
            yield (f"{SIGNS[run.kind]} ", MEANINGS[run.kind]), (where, "dim"), (line, MEANINGS[run.kind])
    if left_out and run.kind != "same":
        yield _omitted(left_out, run.kind)


def _omitted(number: int, what: str) -> Line:
    return ((f"    {number:,} more {what}", "dim"),)


def _text(value: Value) -> str:
    return canonical_json(value)[: 4 * VALUE_LIMIT].decode("utf-8", "replace")


def _clean(text: str, glyphs: Glyphs) -> str:
    return sanitize(text, VALUE_LIMIT, ascii_only=glyphs.is_ascii)
