"""Two events side by side: which of their fields differ, and what differs between their payloads. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from wsmon.model import units as fmt
from wsmon.model.diff import DiffRun, Leaf, decode_json, diff, diff_runs, hex_rows, leaves, text_pieces
from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath
from wsmon.tui.event_text import error_words

JSON_LIMIT = 4 * 1024 * 1024
# bytes of a payload that is compared as JSON: decoding it holds the interpreter for some 30 ms
TEXT_LIMIT = 1024 * 1024
# bytes of each payload that are compared as text or bytes
MOST_LEAVES = 1_000
# a person reads no more of them

As = Literal["JSON", "text", "bytes"]
WAYS: tuple[As, ...] = ("JSON", "text", "bytes")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that the events have in common by name only."""

    label: str
    before: str
    after: str
    # empty = it has no such thing


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two events."""

    before: Event
    after: Event
    way: As
    # in which the payloads were compared
    ways: tuple[As, ...]
    # in which they can be
    fields: tuple[FieldChange, ...] = ()
    leaves: tuple[tuple[JsonPath, Leaf], ...] = ()
    # of JSON, ``MOST_LEAVES`` at most
    differences: int = 0
    # leaves there are, or runs
    runs: tuple[DiffRun, ...] = ()
    # of text and bytes
    compared_bytes: int | None = None
    # of each payload, where not the whole was compared


def compare(before: Event, after: Event, wanted: As = "JSON") -> Comparison:
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
        way for way in WAYS if (way != "JSON" or found is not None) and (way != "text" or _is_text(first, second))
    )
    way = wanted if wanted in ways else ways[0]
    if way == "JSON" and found is not None:
        return Comparison(before, after, way, ways, fields, tuple(islice(found, MOST_LEAVES)), len(found))
    different = tuple(_runs(first[:TEXT_LIMIT], second[:TEXT_LIMIT], way)) if first and second else ()
    is_cut = max(len(first), len(second)) > TEXT_LIMIT
    number = sum(run.kind != "same" for run in different)
    return Comparison(before, after, way, ways, fields, (), number, different, TEXT_LIMIT if is_cut else None)


def _runs(first: bytes, second: bytes, way: As) -> Iterator[DiffRun]:
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
