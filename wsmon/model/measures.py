"""Values read out of every message as configured: sequence numbers, their key, time of sending; and feed latency."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from wsmon.model.events import Json, Meta
from wsmon.model.json_path import (
    MISSING,
    JsonPath,
    compile_path,
    members_reader,
    path_reader,
    raw_items,
    text_path_reader,
)
from wsmon.model.json_texts import is_sound, json_texts
from wsmon.model.units import MS_NS, SECOND_NS, UNIT_NS

MAX_KEY_CHARS: Final = 128
# Digits of a sequence number: enough for 128 bits
MAX_DIGITS: Final = 40

# "restart": the count starts anew with the number after it. "heartbeat": may repeat the newest number.
# "unread": texts that could not be read, as many as ``last``
NumberMark: TypeAlias = Literal["", "heartbeat", "restart", "unread"]


class MeasuredText(NamedTuple):
    """One JSON text of a frame that is not one sound text, and what the protocol reads in it."""

    text: bytes
    type: str = ""
    topic: str = ""
    is_heartbeat: bool = False


class SequenceNumber(NamedTuple):
    """A sequence number, or the range of numbers that one message covers."""

    key: str
    last: int | None
    """None for the start of a new count without a number of its own."""
    first: int | None = None
    """First number of the range; None where the message has one number of its own."""
    mark: NumberMark = ""


class MessageMeasures:
    """Reads ``seq``, ``key`` and ``latency_ms`` for the ``meta`` of a message; no message makes it raise."""

    def __init__(
        self,
        sequence: str = "",
        key: str = "",
        latency: str = "",
        unit: str = "auto",
        *,
        types: Iterable[str] = (),
        restart: Iterable[str] = (),
    ) -> None:
        """Compile the JSON paths; an empty one is not read. ``unit`` is that of the time of sending.

        ``types`` are the only message types (or topics) whose numbers count, empty for all; after one of ``restart``
        the count starts anew. Raises ``ValueError`` with a sentence where a text is no path.
        """
        self.problem = ""
        """A time of sending that could not be read, as a sentence; the caller empties it once it is reported."""
        self._sequence = _SequenceReader(sequence, key, frozenset(types), frozenset(restart)) if sequence else None
        self._latency = _reader(latency)
        self._latency_text = latency
        self._takes_items = not latency.startswith("$[")
        self._unit = unit
        self._has_problem = False
        # All values at once; None where a path has other than one step, or a message may cover several numbers
        self._decode: Callable[[bytes], Any] | None = None
        names = [_member_name(path, f"\u2060{at}") for at, path in enumerate((sequence, key, latency))]
        if self and None not in names and not (self._sequence is not None and self._sequence.has_ranges):
            self._decode = members_reader([str(name) for name in names])

    def __bool__(self) -> bool:
        """Whether any value is to be read."""
        return self._sequence is not None or self._latency is not None

    def read(
        self,
        document: bytes,
        at_ns: int,
        type_: str = "",
        topic: str = "",
        *,
        is_heartbeat: bool = False,
        texts: Sequence[MeasuredText] = (),
    ) -> dict[str, Json]:
        """Return the values of a message that arrived at the wall time ``at_ns``; those that it lacks are absent.

        ``texts`` are those of a frame that is not one sound JSON text, where the protocol has read them already.
        """
        if self._decode is not None and not texts:
            read = self._read_members(document, at_ns, type_, topic, is_heartbeat=is_heartbeat)
            if read is not None:
                return read
        found: dict[str, Json] = {}
        if self._sequence is not None:
            parts = _fitting(texts, document, takes_items=self._sequence.takes_items)
            if parts:
                numbers = self._sequence.of_texts(parts)
            else:
                numbers = self._sequence.of_document(MeasuredText(document, type_, topic, is_heartbeat))
            if numbers:
                _add_numbers(found, numbers, has_key=self._sequence.has_key)
        if self._latency is not None:
            parts = _fitting(texts, document, takes_items=self._takes_items)
            value = _first_value(self._latency, parts) if parts else self._latency(document)
            if value is not None and value is not MISSING:
                self._add_latency(found, value, at_ns)
        return found

    def _read_members(
        self, document: bytes, at_ns: int, type_: str, topic: str, *, is_heartbeat: bool
    ) -> dict[str, Json] | None:
        """Return the values of an ordinary message, decoded once; None where ``read`` has to look closer.

        It takes half as long as a decode for each value.
        """
        assert self._decode is not None
        try:
            values = self._decode(document)
        except (ValueError, RecursionError):
            return None
        found: dict[str, Json] = {}
        sequence = self._sequence
        if sequence is not None and (counts := sequence.counts(type_, topic)) is not False:
            number = values.v0
            is_whole = number.__class__ is int and abs(number) < _LARGEST
            if counts is None or not (is_whole or number is MISSING):
                return None
            if is_whole:
                found["seq"] = number
                if sequence.has_key:
                    found["key"] = _key(values.v1)
                if is_heartbeat:
                    found["seq_is"] = "heartbeat"
        if self._latency is not None and values.v2 is not MISSING and values.v2 is not None:
            self._add_latency(found, values.v2, at_ns)
        return found

    def _add_latency(self, found: dict[str, Json], value: object, at_ns: int) -> None:
        sent_ms = _sent_ms(value, self._unit)
        if sent_ms is None:
            self._report(value)
        else:
            found["latency_ms"] = round(at_ns / MS_NS - sent_ms, 3)

    def _report(self, value: object) -> None:
        """Keep the first time of the session that could not be read, for the caller to report."""
        if not self._has_problem:
            self._has_problem = True
            shown = repr(value)
            shown = shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "…"
            self.problem = (
                f"{shown} at {self._latency_text} is not a send time (latency.unit = {self._unit}); "
                "latency is not measured for such messages, and this is reported once per session"
            )


def _fitting(texts: Sequence[MeasuredText], document: bytes, *, takes_items: bool) -> Sequence[MeasuredText]:
    """Return the texts where a path leads into each of them, and not into the array whose items they are."""
    return texts if not texts or takes_items or not is_sound(document) else ()


def _member_name(path: str, unused: str) -> str | None:
    """Return the member that a path of one step leads to; ``unused`` for no path, None for a longer one."""
    steps = compile_path(path) if path and RANGE not in path else ()
    if not path:
        return unused
    return steps[0] if len(steps) == 1 and isinstance(steps[0], str) else None


# Of a time of sending that cannot be read, in its report
_SHOWN_CHARS = 60


class _SequenceReader:
    """Reads the sequence numbers of messages, with the names that some exchanges give to ranges and predecessors."""

    def __init__(self, path: str, key: str, types: frozenset[str], restart: frozenset[str]) -> None:
        start, _, end = path.partition(RANGE)
        if end:
            last: JsonPath = compile_path(f"${end}")
            first: JsonPath | None = compile_path(start)
            previous: JsonPath | None = None
        else:
            last, first, previous = _with_siblings(compile_path(path))
        self._read_last = text_path_reader(last)
        self._read_first = None if first is None else text_path_reader(first)
        self._read_previous = None if previous is None else text_path_reader(previous)
        self._is_chained = previous is not None and first is None
        self.takes_items = bool(last) and isinstance(last[0], str)
        """Whether an array of messages is read item by item: the path does not say itself which item."""
        self._read_key = _reader(key)
        self._types = types
        self._restart = restart

    @property
    def has_key(self) -> bool:
        """Whether numbers are counted by key."""
        return self._read_key is not None

    @property
    def has_ranges(self) -> bool:
        """Whether a message may cover several numbers, or name the number before it."""
        return self._read_first is not None or self._read_previous is not None

    def counts(self, type_: str, topic: str) -> bool | None:
        """Return whether the number of a message counts; None where it starts the count anew."""
        if not (self._types or self._restart):
            return True
        names = (type_, topic)
        if not self._restart.isdisjoint(names):
            return None
        return not self._types or not self._types.isdisjoint(names)

    def of_document(self, message: MeasuredText) -> list[SequenceNumber]:
        """Return the numbers of a message that is one JSON text as a rule; a text that cannot be read is marked."""
        document = message.text
        if document[:1] == b"[" and self.takes_items:
            return self.of_texts([message._replace(text=text) for text in _items(document)])
        try:
            number = self._of_text(message)
        except ValueError:
            texts = json_texts(document)
        else:
            return [] if number is None else [number]
        if not (texts or _looks_like_json(document)):
            return []
        return self.of_texts([message._replace(text=text) for text in texts] or [message])

    def of_texts(self, texts: Sequence[MeasuredText]) -> list[SequenceNumber]:
        """Return the numbers of several texts, and how many of them could not be read."""
        found: list[SequenceNumber] = []
        unread = 0
        for each in texts:
            try:
                number = self._of_text(each)
            except ValueError:
                unread += 1
                continue
            if number is not None:
                found.append(number)
        return [*found, SequenceNumber("", unread, mark="unread")] if unread else found

    def _of_text(self, message: MeasuredText) -> SequenceNumber | None:
        """Return the number of one text; None where it has none that counts. Raises ``ValueError`` of no JSON text."""
        counts = self.counts(message.type, message.topic)
        if counts is False:
            # Of a message that could not be read, the type is not known
            if not (message.type or is_sound(message.text)):
                raise ValueError(message.text)
            return None
        is_restart = counts is None
        document = message.text
        value = self._read_last(document)
        number = _whole(value)
        if number is None and not (is_restart or isinstance(value, list)):
            return None
        key = "" if self._read_key is None else _key(self._read_key(document))
        mark: NumberMark = "heartbeat" if message.is_heartbeat else ""
        if is_restart or number is None:
            return SequenceNumber(key, number, mark="restart") if is_restart else _listed(key, value, mark)
        if self._read_previous is not None:
            previous = _whole(self._read_previous(document))
            if previous is not None and previous >= 0:
                # As many numbers as before: the peer repeats where it stands
                return SequenceNumber(key, number, previous + 1, "heartbeat" if previous == number else mark)
            if self._is_chained:
                # The first of a chain names no predecessor
                return SequenceNumber(key, number, mark="restart")
        first = None if self._read_first is None else _whole(self._read_first(document))
        return SequenceNumber(key, number, first if first is not None and first <= number else None, mark)


# Between the paths of the first and the last number of a message: "$.from..$.to"
RANGE: Final = "..$"

# Names of the last number of a message; and of the first one, or of the last number of the message before it, which
# stand beside it. Binance, KuCoin, OKX, Deribit
_RANGES: Final = (
    ("u", "U", "pu"),
    ("sequenceEnd", "sequenceStart", ""),
    ("seqId", "", "prevSeqId"),
    ("change_id", "", "prev_change_id"),
)


def _with_siblings(path: JsonPath) -> tuple[JsonPath, JsonPath | None, JsonPath | None]:
    """Return the paths of the last number, the first one and the one before; None where the feed has no such names."""
    *above, name = path or ("",)
    for last, first, previous in _RANGES:
        if name in (last, first):
            return (
                (*above, last),
                (*above, first) if first else None,
                (*above, previous) if previous else None,
            )
    return path, None, None


def _listed(key: str, value: object, mark: NumberMark) -> SequenceNumber | None:
    """Return the range that a list of its first and last number is."""
    match value:
        case [first, last] if (start := _whole(first)) is not None and (end := _whole(last)) is not None:
            return SequenceNumber(key, end, start, mark) if start <= end else None
    return None


def _items(document: bytes) -> tuple[bytes, ...]:
    """Return the items of a message that is an array of messages; the message itself where it is none."""
    items = raw_items(document)
    return items if items and all(item[:1] == b"{" for item in items) else (document,)


def _looks_like_json(document: bytes) -> bool:
    return document[:64].lstrip(b"\xef\xbb\xbf \t\r\n\0")[:1] in (b"{", b"[")


def _add_numbers(found: dict[str, Json], numbers: Sequence[SequenceNumber], *, has_key: bool) -> None:
    """Add numbers to the ``meta`` of their message: of several, the newest as ``seq``, and all in ``seqs``."""
    newest = next((each for each in reversed(numbers) if each.mark != "unread"), None)
    if newest is not None and newest.last is not None:
        found["seq"] = newest.last
    if newest is not None and has_key:
        found["key"] = newest.key
    if len(numbers) > 1 or newest is None:
        found["seqs"] = [[each.key, each.last, each.first, each.mark] for each in numbers]
        return
    if newest.first is not None:
        found["seq_first"] = newest.first
    if newest.mark:
        found["seq_is"] = newest.mark


def sequence_numbers(meta: Meta) -> tuple[SequenceNumber, ...]:
    """Return the sequence numbers that ``MessageMeasures`` put into the ``meta`` of a message."""
    several = meta.get("seqs")
    if isinstance(several, list | tuple):
        return tuple(number for each in several if (number := _number_in_meta(each)) is not None)
    number = _number_in_meta((meta.get("key", ""), meta.get("seq"), meta.get("seq_first"), meta.get("seq_is", "")))
    return () if number is None else (number,)


def _number_in_meta(values: Json) -> SequenceNumber | None:
    match values:
        case [_, None, _, "" | "heartbeat" | "unread"]:
            return None
        case [key, (int() | None) as last, (int() | None) as first, ("" | "heartbeat" | "restart" | "unread") as mark]:
            return SequenceNumber(key if isinstance(key, str) else "", last, first, mark)
    return None


def _reader(path: str) -> Callable[[bytes | str], object] | None:
    return path_reader(compile_path(path)) if path else None


def _first_value(read: Callable[[bytes | str], object], texts: Iterable[MeasuredText]) -> object:
    return next((value for each in texts if (value := read(each.text)) is not MISSING), MISSING)


def _whole(value: object) -> int | None:
    """Return a whole number, also one that is written as text; ``None`` for anything else."""
    match value:
        case bool():
            return None
        case int():
            return value if abs(value) < _LARGEST else None
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
        case str() if len(value) <= MAX_DIGITS and value.isascii() and value.removeprefix("-").isdigit():
            return int(value)
    return None


_LARGEST = 10**MAX_DIGITS
# Above, a floating-point number stands for several whole ones
_EXACT = 2**53


# Times of sending that are believed where the unit is guessed: 2000 to 2100. The ranges of the units do not overlap
_EARLIEST_S, _LATEST_S = 946_684_800, 4_102_444_800
_GUESSED_UNITS: Final = ("s", "ms", "us", "ns")
# Length of "2026-01-10T": behind the date there has to be a time of day
_DATE_CHARS = 11


def _sent_ms(value: object, unit: str) -> float | None:
    """Return a time of sending as milliseconds since 1970; None where the value is none in this unit."""
    if isinstance(value, str) and unit in ("auto", "iso") and (moment := _iso_ms(value)) is not None:
        return moment
    number = None if unit == "iso" else _number(value)
    if number is None:
        return None
    if unit != "auto":
        return number * (UNIT_NS[unit] / MS_NS)
    for guessed in _GUESSED_UNITS:
        per_unit_ns = UNIT_NS[guessed]
        if _EARLIEST_S <= number * per_unit_ns / SECOND_NS < _LATEST_S:
            return number * per_unit_ns / MS_NS
    return None


def _iso_ms(text: str) -> float | None:
    """Return an ISO 8601 date with a time of day; without an offset it counts as UTC."""
    if len(text) <= _DATE_CHARS or not text[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1_000


def _number(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int() | float():
            number = float(value) if abs(value) < _LARGEST else math.inf
        case str() if len(value) < 40:
            try:
                number = float(value)
            except ValueError:
                return None
        case _:
            return None
    return number if math.isfinite(number) else None


def _key(value: object) -> str:
    """Return the key of a sequence as text; empty where the message has none."""
    match value:
        case str():
            return value[:MAX_KEY_CHARS]
        case bool() | int() | float():
            return str(value)[:MAX_KEY_CHARS]
    return ""


# Clocks drift apart by some 20 ms in this time; a delay that lasts longer becomes the baseline
WINDOW_S = 300
STEP_S = 10


class LatencyBaseline:
    """The least latency of the last minutes on one session, from which the delay of other messages is counted.

    The clocks of sender and recorder differ by an unknown offset, but the difference between two messages does not
    depend on it. The delay of the fastest message itself is unknown, and at most one round trip.
    """

    __slots__ = ("_least",)

    def __init__(self) -> None:
        # Step of time and least latency in it; both ascending
        self._least: deque[tuple[int, int]] = deque()

    def excess_ns(self, latency_ns: int, at_s: int) -> int:
        """Return how much longer than the fastest message this one took, 0 or more."""
        step = at_s // STEP_S
        least = self._least
        while least and least[-1][1] >= latency_ns:
            least.pop()
        if not least or least[-1][0] != step:
            least.append((step, latency_ns))
        while least[0][0] <= step - WINDOW_S // STEP_S:
            least.popleft()
        return latency_ns - least[0][1]
