"""What differs between two JSON documents, as a tree of edits; ``apply`` of it to the first one gives the second.

Two values are the same when their JSON is, but for spaces and the order of members: ``1``, ``1.0`` and ``true`` differ.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from wsmon.model.json_path import JsonPath

# Which items of two JSON arrays belong together: the same, those about one thing, those in one place.

# Places in both arrays; None: only the other one has it
Pair: TypeAlias = tuple[int | None, int | None]

# Of items that are compared with each other: some 50 ms; longer arrays are paired by their places
MAX_ITEM_PAIRS = 250_000
# Members that say what an object is about, the first that it has
NAMING = ("id", "key", "name", "symbol", "product_id", "instrument_name", "channel", "topic", "ref", "price")


def align_items(
    olds: Sequence[bytes], news: Sequence[bytes], before: Sequence[object], after: Sequence[object]
) -> Iterator[Pair]:
    """Pairs in the order of both arrays, each place once; ``olds`` and ``news`` are the items as JSON."""
    head = 0
    while head < min(len(olds), len(news)) and olds[head] == news[head]:
        yield head, head
        head += 1
    tail = 0
    while tail < min(len(olds), len(news)) - head and olds[-1 - tail] == news[-1 - tail]:
        tail += 1
    old, new = range(head, len(olds) - tail), range(head, len(news) - tail)
    for is_same, old_run, new_run in _runs([olds[at] for at in old], [news[at] for at in new], old, new):
        yield from zip(old_run, new_run, strict=True) if is_same else _by_name(before, after, old_run, new_run)
    for back in range(tail, 0, -1):
        yield len(olds) - back, len(news) - back


def _runs(
    olds: Sequence[Hashable], news: Sequence[Hashable], old: range, new: range
) -> Iterator[tuple[bool, range, range]]:
    """Runs that are the same in both, and what is between them; ``olds`` and ``news`` stand in these places."""
    if len(olds) * len(news) > MAX_ITEM_PAIRS:
        yield False, old, new
        return
    matcher = SequenceMatcher(None, olds, news, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        yield tag == "equal", old[old_from:old_to], new[new_from:new_to]


def _by_name(before: Sequence[object], after: Sequence[object], old: range, new: range) -> Iterator[Pair]:
    """Items of the same name together; those without one by their places."""
    olds = [_name(before[at]) or f"old {at}" for at in old]
    news = [_name(after[at]) or f"new {at}" for at in new]
    for is_same, old_run, new_run in _runs(olds, news, old, new):
        yield from zip(old_run, new_run, strict=True) if is_same else _by_place(before, after, old_run, new_run)


def _by_place(before: Sequence[object], after: Sequence[object], old: range, new: range) -> Iterator[Pair]:
    for at_old, at_new in zip(old, new, strict=False):
        names = {_name(before[at_old]), _name(after[at_new])}
        if "" in names or len(names) == 1:
            yield at_old, at_new
        else:
            yield at_old, None
            yield None, at_new
    yield from ((at, None) for at in old[len(new) :])
    yield from ((None, at) for at in new[len(old) :])


def _name(item: object) -> str:
    """What an item is about: of an object a member that says so, of an array its first item (a price level's price).

    Empty where nothing says so.
    """
    match item:
        case dict():
            key = next((key for key in NAMING if isinstance(item.get(key), str | int | Decimal)), "")
            return f"{key} {type(item[key]).__name__} {item[key]}" if key else ""
        case [str() | int() | Decimal() as first, *_]:
            return f"0 {type(first).__name__} {first}"
    return ""


Value: TypeAlias = "str | int | Decimal | bool | list[Value] | dict[str, Value] | None"


@dataclass(frozen=True, slots=True)
class UnchangedItems:
    """So many items of an array are the same."""

    count: int


@dataclass(frozen=True, slots=True)
class Added:
    """Only the second one has it."""

    after: Value


@dataclass(frozen=True, slots=True)
class Removed:
    """Only the first one has it."""

    before: Value


@dataclass(frozen=True, slots=True)
class ValueChange:
    """Another value in the same place."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class ObjectEdit:
    """An object of which some members differ."""

    edits: tuple[tuple[str, Edit], ...]


@dataclass(frozen=True, slots=True)
class ArrayEdit:
    """An array of which some items differ: an edit for each item of either array, or for a run that is the same."""

    edits: tuple[Edit | UnchangedItems, ...]


Edit: TypeAlias = "Added | Removed | ValueChange | ObjectEdit | ArrayEdit"
Leaf: TypeAlias = "Added | Removed | ValueChange"

# A price keeps its digits
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def decode_json(document: bytes) -> Value:
    """The document as values that keep the digits of numbers.

    Raises ``ValueError`` where it is no JSON, and ``RecursionError`` where it is nested too deep.
    """
    found: Value = _decoder.decode(document)
    return found


def canonical_json(value: Value) -> bytes:
    """The JSON of a value, which is the same for the same values."""
    return _encoder.encode(value)


def diff(before: Value, after: Value) -> Edit | None:
    """What makes the second value of the first; ``None`` where they are the same.

    Raises ``RecursionError`` where they are nested too deep.
    """
    match before, after:
        case dict(), dict():
            edits = tuple(_members(before, after))
            return ObjectEdit(edits) if edits else None
        case list(), list():
            return _items(before, after)
    return None if canonical_json(before) == canonical_json(after) else ValueChange(before, after)


def apply(edit: Edit | None, before: Value) -> Value:
    """The second document, of the first one and what differs; raises ``ValueError`` where the edit is of another."""
    match edit, before:
        case None, _:
            return before
        case ((ValueChange(_, after) | Added(after)), _):
            return after
        case ObjectEdit(edits), dict():
            changed: dict[str, Value] = dict(before)
            for name, part in edits:
                if isinstance(part, Removed):
                    del changed[name]
                else:
                    changed[name] = apply(part, before.get(name))
            return changed
        case ArrayEdit(edits), list():
            return list(_applied(edits, before))
    raise ValueError("the edit is of another document")


def leaves(edit: Edit | None, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Leaf]]:
    """What was added, removed and changed, and where: in the first document if it was removed, else the second."""
    match edit:
        case Added() | Removed() | ValueChange():
            yield path, edit
        case ObjectEdit(edits):
            for name, part in edits:
                yield from leaves(part, (*path, name))
        case ArrayEdit(parts):
            at_before = at_after = 0
            for each in parts:
                if isinstance(each, UnchangedItems):
                    at_before, at_after = at_before + each.count, at_after + each.count
                    continue
                yield from leaves(each, (*path, at_before if isinstance(each, Removed) else at_after))
                at_before += not isinstance(each, Added)
                at_after += not isinstance(each, Removed)


def _members(before: dict[str, Value], after: dict[str, Value]) -> Iterator[tuple[str, Edit]]:
    for name, value in before.items():
        if name not in after:
            yield name, Removed(value)
        elif (edit := diff(value, after[name])) is not None:
            yield name, edit
    for name, value in after.items():
        if name not in before:
            yield name, Added(value)


def _items(before: list[Value], after: list[Value]) -> ArrayEdit | None:
    """Items that are the same stay together; of the others, those are compared that are about the same thing."""
    olds, news = [canonical_json(each) for each in before], [canonical_json(each) for each in after]
    if olds == news:
        return None
    edits: list[Edit | UnchangedItems] = []
    kept = 0
    for old, new in align_items(olds, news, before, after):
        if old is not None and new is not None and olds[old] == news[new]:
            kept += 1
            continue
        if kept:
            edits.append(UnchangedItems(kept))
            kept = 0
        edits.append(_item(before, after, old, new))
    if kept:
        edits.append(UnchangedItems(kept))
    return ArrayEdit(tuple(edits))


def _item(before: Sequence[Value], after: Sequence[Value], old: int | None, new: int | None) -> Edit:
    if old is None:
        assert new is not None
        return Added(after[new])
    if new is None:
        return Removed(before[old])
    return diff(before[old], after[new]) or ValueChange(before[old], after[new])


def _applied(edits: tuple[Edit | UnchangedItems, ...], before: list[Value]) -> Iterator[Value]:
    at = 0
    for edit in edits:
        match edit:
            case UnchangedItems(count):
                yield from before[at : at + count]
                at += count
            case Added(after):
                yield after
            case Removed():
                at += 1
            case _:
                yield apply(edit, before[at])
                at += 1
    if at != len(before):
        raise ValueError("the edit is of another document")


# What differs between two texts, or two runs of bytes, piece by piece: runs that are the same, removed or added.

# Of pieces that are compared with each other: some 0.2 s; what is longer is all removed and all added
MAX_TEXT_PAIRS = 1_000_000
# Characters of a line that is compared word by word
LONG = 160
ROW_BYTES = 16

_WORD = re.compile(rf"[^\s,;&|]{{1,{LONG}}}[\s,;&|]{{0,{LONG}}}|[\s,;&|]{{1,{LONG}}}")

Kind = Literal["same", "removed", "added"]


class DiffRun(NamedTuple):
    """Pieces that follow each other and have the same fate."""

    kind: Kind
    pieces: tuple[str, ...]
    at: int
    """Of the first one: in the second text, of what was removed in the first."""


def text_pieces(text: str) -> tuple[str, ...]:
    """The lines of a text; the words of lines that are long. Joined with nothing they are the text."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        found += [line] if len(line) <= LONG else _WORD.findall(line)
    return tuple(found)


def hex_rows(payload: bytes) -> tuple[str, ...]:
    """Bytes as hexadecimal digits, ``ROW_BYTES`` in a piece."""
    return tuple(payload[at : at + ROW_BYTES].hex(" ") for at in range(0, len(payload), ROW_BYTES))


def diff_runs(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffRun]:
    """What becomes of the pieces; without those that were added it is ``before``, without those removed ``after``."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = tuple(before[head : len(before) - tail]), tuple(after[head : len(after) - tail])
    codes = [("replace", 0, len(old), 0, len(new))]
    if len(old) * len(new) <= MAX_TEXT_PAIRS:
        codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()  # type: ignore[assignment]  # its Literal
    found = [DiffRun("same", tuple(before[:head]), 0)]
    for tag, old_from, old_to, new_from, new_to in codes:
        if tag == "equal":
            found.append(DiffRun("same", new[new_from:new_to], head + new_from))
        else:
            found.append(DiffRun("removed", old[old_from:old_to], head + old_from))
            found.append(DiffRun("added", new[new_from:new_to], head + new_from))
    found.append(DiffRun("same", tuple(after[len(after) - tail :]), len(after) - tail))
    return (run for run in found if run.pieces)
