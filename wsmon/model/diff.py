"""What differs between two JSON documents, as a tree of edits; ``apply`` of it to the first one gives the second.

Two values are the same when their JSON is, but for spaces and the order of members: ``1``, ``1.0`` and ``true`` differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import msgspec

from wsmon.model.json_align import aligned
from wsmon.model.json_path import JsonPath

Value: TypeAlias = "str | int | Decimal | bool | list[Value] | dict[str, Value] | None"


@dataclass(frozen=True, slots=True)
class Kept:
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
class Changed:
    """Another value in the same place."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Members:
    """An object of which some members differ."""

    edits: tuple[tuple[str, Edit], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """An array of which some items differ: an edit for each item of either array, or for a run that is the same."""

    edits: tuple[Edit | Kept, ...]


Edit: TypeAlias = "Added | Removed | Changed | Members | Items"
Leaf: TypeAlias = "Added | Removed | Changed"

_decoder = msgspec.json.Decoder(float_hook=Decimal)
# a price keeps its digits
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def read(document: bytes) -> Value:
    """The document as values that keep the digits of numbers.

    Raises ``ValueError`` where it is no JSON, and ``RecursionError`` where it is nested too deep.
    """
    found: Value = _decoder.decode(document)
    return found


def written(value: Value) -> bytes:
    """The JSON of a value, which is the same for the same values."""
    return _encoder.encode(value)


def diff(before: Value, after: Value) -> Edit | None:
    """What makes the second value of the first; ``None`` where they are the same.

    Raises ``RecursionError`` where they are nested too deep.
    """
    match before, after:
        case dict(), dict():
            edits = tuple(_members(before, after))
            return Members(edits) if edits else None
        case list(), list():
            return _items(before, after)
    return None if written(before) == written(after) else Changed(before, after)


def apply(edit: Edit | None, before: Value) -> Value:
    """The second document, of the first one and what differs; raises ``ValueError`` where the edit is of another."""
    match edit, before:
        case None, _:
            return before
        case ((Changed(_, after) | Added(after)), _):
            return after
        case Members(edits), dict():
            changed: dict[str, Value] = dict(before)
            for name, part in edits:
                if isinstance(part, Removed):
                    del changed[name]
                else:
                    changed[name] = apply(part, before.get(name))
            return changed
        case Items(edits), list():
            return list(_applied(edits, before))
    raise ValueError("the edit is of another document")


def leaves(edit: Edit | None, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Leaf]]:
    """What was added, removed and changed, and where: in the first document if it was removed, else the second."""
    match edit:
        case Added() | Removed() | Changed():
            yield path, edit
        case Members(edits):
            for name, part in edits:
                yield from leaves(part, (*path, name))
        case Items(parts):
            at_before = at_after = 0
            for each in parts:
                if isinstance(each, Kept):
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


def _items(before: list[Value], after: list[Value]) -> Items | None:
    """Items that are the same stay together; of the others, those are compared that are about the same thing."""
    olds, news = [written(each) for each in before], [written(each) for each in after]
    if olds == news:
        return None
    edits: list[Edit | Kept] = []
    kept = 0
    for old, new in aligned(olds, news, before, after):
        if old is not None and new is not None and olds[old] == news[new]:
            kept += 1
            continue
        if kept:
            edits.append(Kept(kept))
            kept = 0
        edits.append(_item(before, after, old, new))
    if kept:
        edits.append(Kept(kept))
    return Items(tuple(edits))


def _item(before: Sequence[Value], after: Sequence[Value], old: int | None, new: int | None) -> Edit:
    if old is None:
        assert new is not None
        return Added(after[new])
    if new is None:
        return Removed(before[old])
    return diff(before[old], after[new]) or Changed(before[old], after[new])


def _applied(edits: tuple[Edit | Kept, ...], before: list[Value]) -> Iterator[Value]:
    at = 0
    for edit in edits:
        match edit:
            case Kept(count):
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
