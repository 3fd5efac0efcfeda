"""Differences between two messages: JSON documents as a tree of edits, texts and bytes as runs of pieces.

JSON is compared as a tree, with the items of arrays paired by an identifying member (id, symbol, price …), because a
diff of the printed lines shows a shifted order book as lines removed and added instead of the one level that changed.
Two values are equal when their JSON is, apart from white space and the order of members: ``1``, ``1.0`` and ``true``
differ.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from wsmon.model.json_path import JsonPath

Value: TypeAlias = "str | int | Decimal | bool | list[Value] | dict[str, Value] | None"


@dataclass(frozen=True, slots=True)
class Added:
    """A value that only the second document has."""

    after: Value


@dataclass(frozen=True, slots=True)
class Removed:
    """A value that only the first document has."""

    before: Value


@dataclass(frozen=True, slots=True)
class ValueChange:
    """Different values in the same place."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class ObjectEdit:
    """An object of which some members differ: name and edit of each of them."""

    edits: tuple[tuple[str, Edit], ...]


@dataclass(frozen=True, slots=True)
class ArrayEdit:
    """An array of which some items differ: an edit for each item of either array, or for a run of equal items."""

    edits: tuple[Edit | UnchangedItems, ...]


@dataclass(frozen=True, slots=True)
class UnchangedItems:
    """A run of equal items of an array."""

    count: int


Edit: TypeAlias = "Added | Removed | ValueChange | ObjectEdit | ArrayEdit"
Leaf: TypeAlias = "Added | Removed | ValueChange"

# Decimal keeps the digits of prices
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def decode_json(document: bytes) -> Value:
    """Return the document as values that keep the digits of numbers.

    Raises ``ValueError`` where it is no JSON, and ``RecursionError`` where it is nested too deep.
    """
    found: Value = _decoder.decode(document)
    return found


def canonical_json(value: Value) -> bytes:
    """Return the JSON of a value with sorted members: equal values have equal JSON."""
    return _encoder.encode(value)


def diff(before: Value, after: Value) -> Edit | None:
    """Return the edit that turns the first value into the second; ``None`` where they are equal.

    Raises ``RecursionError`` where they are nested too deep.
    """
    match before, after:
        case dict(), dict():
            edits = tuple(_member_edits(before, after))
            return ObjectEdit(edits) if edits else None
        case list(), list():
            return _array_edit(before, after)
    return None if canonical_json(before) == canonical_json(after) else ValueChange(before, after)


def leaves(edit: Edit | None, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Leaf]]:
    """Yield what was added, removed and changed with its path: in the first document if removed, else the second."""
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


def _member_edits(before: dict[str, Value], after: dict[str, Value]) -> Iterator[tuple[str, Edit]]:
    for name, value in before.items():
        if name not in after:
            yield name, Removed(value)
        elif (edit := diff(value, after[name])) is not None:
            yield name, edit
    for name, value in after.items():
        if name not in before:
            yield name, Added(value)


def _array_edit(before: list[Value], after: list[Value]) -> ArrayEdit | None:
    """Pair equal items first, then those that are about the same thing; only these are compared."""
    olds, news = [canonical_json(each) for each in before], [canonical_json(each) for each in after]
    if olds == news:
        return None
    edits: list[Edit | UnchangedItems] = []
    unchanged = 0
    for old, new in _pair_items(olds, news, before, after):
        if old is not None and new is not None and olds[old] == news[new]:
            unchanged += 1
            continue
        if unchanged:
            edits.append(UnchangedItems(unchanged))
            unchanged = 0
        edits.append(_item_edit(before, after, old, new))
    if unchanged:
        edits.append(UnchangedItems(unchanged))
    return ArrayEdit(tuple(edits))


def _item_edit(before: Sequence[Value], after: Sequence[Value], old: int | None, new: int | None) -> Edit:
    if old is None:
        assert new is not None
        return Added(after[new])
    if new is None:
        return Removed(before[old])
    return diff(before[old], after[new]) or ValueChange(before[old], after[new])


# Indexes of an item in both arrays; None where only the other array has it
_Pair: TypeAlias = tuple[int | None, int | None]

# Pairs of items compared by SequenceMatcher, some 50 ms; longer arrays are paired by index
MAX_ITEM_PAIRS: Final = 250_000
# Members that identify an object, the first one that it has
_IDENTIFIERS: Final = (
    "id",
    "key",
    "name",
    "symbol",
    "product_id",
    "instrument_name",
    "channel",
    "topic",
    "ref",
    "price",
)


def _pair_items(
    olds: Sequence[bytes], news: Sequence[bytes], before: Sequence[object], after: Sequence[object]
) -> Iterator[_Pair]:
    """Yield pairs in the order of both arrays, each index once; ``olds`` and ``news`` are the items as JSON."""
    head = 0
    while head < min(len(olds), len(news)) and olds[head] == news[head]:
        yield head, head
        head += 1
    tail = 0
    while tail < min(len(olds), len(news)) - head and olds[-1 - tail] == news[-1 - tail]:
        tail += 1
    old, new = range(head, len(olds) - tail), range(head, len(news) - tail)
    for is_equal, old_run, new_run in _item_runs([olds[at] for at in old], [news[at] for at in new], old, new):
        yield from (
            zip(old_run, new_run, strict=True) if is_equal else _pair_by_identity(before, after, old_run, new_run)
        )
    for back in range(tail, 0, -1):
        yield len(olds) - back, len(news) - back


def _item_runs(
    olds: Sequence[Hashable], news: Sequence[Hashable], old: range, new: range
) -> Iterator[tuple[bool, range, range]]:
    """Yield runs of equal items and the runs between them; ``old`` and ``new`` are the indexes of the items."""
    if len(olds) * len(news) > MAX_ITEM_PAIRS:
        yield False, old, new
        return
    matcher = SequenceMatcher(None, olds, news, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        yield tag == "equal", old[old_from:old_to], new[new_from:new_to]


def _pair_by_identity(before: Sequence[object], after: Sequence[object], old: range, new: range) -> Iterator[_Pair]:
    """Pair items of the same identity; those without one by index."""
    olds = [_identity(before[at]) or f"old {at}" for at in old]
    news = [_identity(after[at]) or f"new {at}" for at in new]
    for is_equal, old_run, new_run in _item_runs(olds, news, old, new):
        yield from zip(old_run, new_run, strict=True) if is_equal else _pair_by_index(before, after, old_run, new_run)


def _pair_by_index(before: Sequence[object], after: Sequence[object], old: range, new: range) -> Iterator[_Pair]:
    for at_old, at_new in zip(old, new, strict=False):
        identities = {_identity(before[at_old]), _identity(after[at_new])}
        if "" in identities or len(identities) == 1:
            yield at_old, at_new
        else:
            yield at_old, None
            yield None, at_new
    yield from ((at, None) for at in old[len(new) :])
    yield from ((None, at) for at in new[len(old) :])


def _identity(item: object) -> str:
    """Return what an item is about: an identifying member of an object, the first item (price) of an array, or ""."""
    match item:
        case dict():
            key = next((key for key in _IDENTIFIERS if isinstance(item.get(key), str | int | Decimal)), "")
            return f"{key} {type(item[key]).__name__} {item[key]}" if key else ""
        case [str() | int() | Decimal() as first, *_]:
            return f"0 {type(first).__name__} {first}"
    return ""


# Pairs of pieces compared by SequenceMatcher, some 0.2 s; longer texts are all removed and all added
MAX_TEXT_PAIRS: Final = 1_000_000
# Characters from which on a line is compared word by word
LONG_LINE: Final = 160
ROW_BYTES: Final = 16

_WORD = re.compile(rf"[^\s,;&|]{{1,{LONG_LINE}}}[\s,;&|]{{0,{LONG_LINE}}}|[\s,;&|]{{1,{LONG_LINE}}}")


class DiffRun(NamedTuple):
    """Consecutive pieces that are all the same, all removed or all added."""

    kind: Literal["same", "removed", "added"]
    pieces: tuple[str, ...]
    at: int
    """Index of the first piece: in the first text if removed, else in the second."""


def text_pieces(text: str) -> tuple[str, ...]:
    """Split a text into lines, and long lines into words; joined without separator they are the text."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        found += [line] if len(line) <= LONG_LINE else _WORD.findall(line)
    return tuple(found)


def hex_rows(payload: bytes) -> tuple[str, ...]:
    """Split bytes into rows of ``ROW_BYTES``, as hexadecimal digits."""
    return tuple(payload[at : at + ROW_BYTES].hex(" ") for at in range(0, len(payload), ROW_BYTES))


def diff_runs(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffRun]:
    """Compare pieces: the runs without the added ones are ``before``, those without the removed ones ``after``."""
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
