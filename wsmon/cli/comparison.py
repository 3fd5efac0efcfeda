"""Comparison of two sides: their messages matched by a key, and the statistics, gaps and verdicts of each.

Messages are read in windows and matched as they come, so that memory does not depend on how many there are.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import msgspec

from wsmon.cli.compare_sides import Side
from wsmon.cli.stats_output import statistics_of
from wsmon.cli.stores import ids_of_period, noted
from wsmon.errors import StoreError
from wsmon.export.run import ExportReport
from wsmon.export.sessions import LIFECYCLE
from wsmon.model.events import Certainty, CloseBy, Event
from wsmon.model.json_path import MISSING, JsonPath, path_reader
from wsmon.model.message_matching import (
    Arrival,
    Matching,
    MessageMatcher,
    Ranges,
    RecordedTimes,
    clipped,
    in_order,
    joined,
)
from wsmon.model.redact.masking import MASK
from wsmon.model.statistics import ConnectionStatistics, Statistics
from wsmon.model.units import SECOND_NS
from wsmon.model.uptime import RunPeriod
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Glob, Query
from wsmon.store.received import CUT, MASKED, PIECE

# Texts of keys as long as a digest are kept as they are
_DIGEST_BYTES = 16
# Kinds of verdicts that are listed, for memory: causes may name durations and ids, so each end may have its own
MOST_VERDICTS = 1_000
_EVENTS_AT_ONCE = 500
_WITH_VERDICT = Query((FieldTerm("name", tuple(Exact(name) for name in LIFECYCLE)), FieldTerm("verdict", (Glob("*"),))))
_CLOCK_STEPS = Query((FieldTerm("name", (Exact("self.clock.stepped"),)),))

Progress = Callable[[ExportReport], bool]


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """How two sides are compared."""

    window_ns: int
    """Messages further apart are no match."""
    key: tuple[JsonPath, ...] = ()
    """Paths to what makes messages the same; empty = their whole payload."""
    query: Query = EVERYTHING
    """Which of the messages received are compared."""
    is_from_start: bool = False
    """Whether times are compared from the start of each period, and not as times of the clock."""


@dataclass(slots=True)
class KeptMessages:
    """The messages of a side that are in the store and match, by whether they can be compared."""

    compared: int = 0
    masked: int = 0
    """A credential in the payload, or in the key, is masked."""
    cut: int = 0
    """Longer than what is stored of a message."""
    no_payload: int = 0
    """Stored without their payload."""
    no_key: int = 0
    """No value at a path of the key."""
    pieces: int = 0
    """Pieces of messages whose last frame has the whole."""

    @property
    def not_compared(self) -> int:
        """Messages that cannot be compared; a piece is no message."""
        return self.masked + self.cut + self.no_payload + self.no_key

    @property
    def rows(self) -> int:
        """Messages as statistics count them."""
        return self.compared + self.not_compared + self.pieces


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How often a session ended, or an attempt failed, for one reason."""

    by: CloseBy
    code: str
    cause: str
    certainty: Certainty
    count: int
    event_id: int
    """The first of these ends."""


@dataclass(frozen=True, slots=True)
class SideReport:
    """What is known of one side."""

    side: Side
    since_ns: int
    until_ns: int
    """The period of the statistics, in whole buckets."""
    recorded: Ranges
    """When it was recorded, on the time axis of the comparison."""
    statistics: ConnectionStatistics
    kept: KeptMessages
    not_stored: int | None
    """Messages that were counted and are not in the store, of any kind; None where that cannot be told."""
    verdicts: tuple[VerdictCount, ...]
    unlisted_verdicts: int
    """Ends whose verdicts are of further kinds than ``MOST_VERDICTS``, and not in ``verdicts``."""
    clock_steps: int
    """How often the wall clock was set in the period, as far as it was noticed."""
    is_pruned: bool
    """Whether older events of the period are kept no longer."""

    @property
    def uncompared(self) -> int | None:
        """At most so many messages that would have been compared could not be; None where that cannot be told."""
        is_unknown = self.not_stored is None or self.side.view.is_excerpt
        return None if is_unknown else self.kept.not_compared + (self.not_stored or 0)

    @property
    def recorded_s(self) -> float:
        """For how long events of its period are kept."""
        return sum(end - start for start, end in self.recorded) / SECOND_NS

    @property
    def recording_gaps(self) -> int:
        """How often recording stopped and began again."""
        return max(0, len(self.recorded) - 1)

    @property
    def messages_per_s(self) -> float | None:
        """Messages received per second of recording; None where nothing was recorded."""
        return self.statistics.messages.received / self.recorded_s if self.recorded_s > 0 else None


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """What comparing two sides found."""

    request: CompareRequest
    is_monotonic: bool
    """Whether times are of the monotonic clock of one recorder, and not wall times."""
    common_s: float
    """For how long both sides were recorded, on the time axis of the comparison."""
    matching: Matching
    a: SideReport
    b: SideReport


@dataclass(frozen=True, slots=True)
class _Axis:
    """How the events of a side get their time on the axis of the comparison."""

    offsets_ns: Mapping[int, int] | None
    """By run, what makes a time of the wall clock of a monotonic one, the same for both sides; None: by wall time."""
    start_ns: int
    """Wall time that is subtracted."""

    def recorded(self, runs: Mapping[int, RunPeriod]) -> Ranges:
        """Return when recorders ran; what they recorded last belongs to it."""
        return joined(self._of(number, run) for number, run in runs.items())

    def _of(self, number: int, run: RunPeriod) -> tuple[int, int]:
        if self.offsets_ns is not None:
            offset_ns = self.offsets_ns[number]
            return run.start_mono_ns + offset_ns, run.end_mono_ns + offset_ns + 1
        # A run ends before it began where the wall clock was set back
        return run.start_ns - self.start_ns, max(run.start_ns, run.end_ns) - self.start_ns + 1


@dataclass(slots=True)
class _Reading:
    """One side while it is read."""

    side: Side
    statistics: Statistics
    ids: tuple[int, int]
    runs: Mapping[int, RunPeriod] = field(default_factory=dict)
    kept: KeptMessages = field(default_factory=KeptMessages)
    newest_id: int = 0


def comparison_of(a: Side, b: Side, request: CompareRequest, progress: Progress) -> ComparisonReport:
    """Compare two sides; ``progress`` is called with the events looked at.

    Raises ``UsageError`` for an empty period, and ``StoreError`` where a store cannot be read.
    """
    # While it is recorded: what statistics count is among the events, and these are in the time of the runs
    readings = [_Reading(side, _statistics(side), ids_of_period(side.view, *side.period)) for side in (a, b)]
    for reading in readings:
        reading.runs = reading.side.view.runs_of(reading.side.connection)
    is_monotonic = not request.is_from_start and _have_one_recorder(*readings)
    # Both clocks were read together at the end of a run
    runs = {**readings[0].runs, **readings[1].runs}
    offsets_ns = {number: run.end_ns - run.end_mono_ns for number, run in runs.items()} if is_monotonic else None
    scopes = [_scope(reading, request, offsets_ns) for reading in readings]
    recorded_a, recorded_b = (scope.times for scope in scopes)
    matcher = MessageMatcher(request.window_ns, recorded_a, recorded_b)
    first, second = (
        _arrivals(reading, number, scope.axis, request)
        for number, (reading, scope) in enumerate(zip(readings, scopes, strict=True))
    )
    total = sum(max(0, reading.ids[1] - reading.ids[0] + 1) for reading in readings)
    for some in in_order(first, second):
        matcher.feed(some)
        seen = sum(max(0, reading.newest_id - reading.ids[0] + 1) for reading in readings)
        progress(ExportReport(seen, total, 0, 0))
    common_s = _overlap_ns(recorded_a.recorded, recorded_b.recorded) / SECOND_NS
    reports = (_report(reading, scope, request) for reading, scope in zip(readings, scopes, strict=True))
    return ComparisonReport(request, is_monotonic, common_s, matcher.finish(), *reports)


def _statistics(side: Side) -> Statistics:
    return statistics_of(side.view, EVERYTHING, side.connection, *side.period, has_types=False, has_kpis=True)


def _have_one_recorder(a: _Reading, b: _Reading) -> bool:
    """Whether one recorder at a time recorded both sides; imports of several recordings have runs side by side."""
    if a.side.view.path != b.side.view.path:
        return False
    spans = sorted((run.start_ns, run.end_ns) for run in {**a.runs, **b.runs}.values())
    return all(before[1] <= after[0] for before, after in pairwise(spans))


class _Scope(NamedTuple):
    """The time of a side."""

    axis: _Axis
    times: RecordedTimes
    is_pruned: bool


def _scope(reading: _Reading, request: CompareRequest, offsets_ns: Mapping[int, int] | None) -> _Scope:
    side, view = reading.side, reading.side.view
    first_ns, last_ns = view.period()
    start_ns = first_ns if side.since_ns is None else side.since_ns
    end_ns = last_ns + 1 if side.until_ns is None else side.until_ns
    axis = _Axis(offsets_ns, start_ns if request.is_from_start else 0)
    since_ns, is_pruned = start_ns, False
    if view.bounds().oldest_id > 1 and (oldest := view.events_after(0, 1)):
        is_pruned = oldest[0].ts_ns > max(start_ns, first_ns) and not view.is_excerpt
        since_ns = max(since_ns, oldest[0].ts_ns)
    recorded = clipped(axis.recorded(reading.runs), since_ns - axis.start_ns, end_ns - axis.start_ns)
    return _Scope(axis, RecordedTimes(recorded, _connected(side, axis, start_ns, end_ns)), is_pruned)


def _connected(side: Side, axis: _Axis, since_ns: int, until_ns: int) -> Ranges | None:
    """Return when the connection of a side was open; None where no session is known."""
    found = side.view.open_times(side.connection, since_ns, until_ns)
    return None if found is None else joined((start - axis.start_ns, end - axis.start_ns) for start, end in found)


def _arrivals(reading: _Reading, number: int, axis: _Axis, request: CompareRequest) -> Iterator[Sequence[Arrival]]:
    view = reading.side.view
    read_key = _KeyReader(request.key, reading.kept)
    offsets_ns, start_ns = axis.offsets_ns, axis.start_ns
    query = noted(request.query, view)
    for rows in view.received(query, reading.side.connection, *reading.ids):
        piece: list[Arrival] = []
        for event_id, ts_ns, mono_ns, run, kept, payload in rows:
            key = read_key(kept, payload)
            if key is None:
                continue
            if run not in reading.runs:
                raise StoreError(f"the store {view.path} has events of run {run}, but not the run", "it may be damaged")
            at_ns = ts_ns - start_ns if offsets_ns is None else mono_ns + offsets_ns[run]
            piece.append((at_ns, number, event_id, key))
        if rows:
            reading.newest_id = rows[-1][0]
        yield piece


class _KeyReader:
    """Reads what makes a message the same as another; counts those that have nothing of it."""

    def __init__(self, paths: Sequence[JsonPath], kept: KeptMessages) -> None:
        self._readers = [path_reader(path) for path in paths]
        self._kept = kept

    def __call__(self, how: int, payload: bytes | None) -> bytes | None:
        """Return the key of a message; None where it cannot be compared."""
        kept = self._kept
        if how & PIECE:
            kept.pieces += 1
        elif payload is None:
            kept.no_payload += 1
        elif how & CUT:
            kept.cut += 1
        elif self._readers:
            return self._at_paths(payload)
        elif how & MASKED:
            kept.masked += 1
        else:
            kept.compared += 1
            return blake2b(payload, digest_size=_DIGEST_BYTES).digest()
        return None

    def _at_paths(self, payload: bytes) -> bytes | None:
        texts = []
        for read in self._readers:
            value = read(payload)
            if value is MISSING or value is None:
                self._kept.no_key += 1
                return None
            text = value if isinstance(value, str) else _text(value)
            if MASK in text:
                self._kept.masked += 1
                return None
            texts.append(text)
        self._kept.compared += 1
        # With the lengths of several, so that no two of them read like others
        joint = texts[0] if len(texts) == 1 else "".join(f"{len(text)}:{text}" for text in texts)
        key = joint.encode("utf-8", "surrogatepass")
        return key if len(key) < _DIGEST_BYTES else blake2b(key, digest_size=_DIGEST_BYTES).digest()


def _text(value: object) -> str:
    """A value as JSON: 1 and "1" are the same key then, and the order of members does not matter."""
    return msgspec.json.encode(value, order="sorted").decode()


def _report(reading: _Reading, scope: _Scope, request: CompareRequest) -> SideReport:
    side, found = reading.side, reading.statistics
    (statistics,) = found.connections
    kept = reading.kept
    # Statistics are of whole seconds, or longer buckets; a recorder may have gone on meanwhile
    not_stored = None
    if side.since_ns in (None, found.since_ns) and side.until_ns in (None, found.until_ns):
        stored = side.view.count_received(side.connection, *reading.ids) if request.query else kept.rows
        not_stored = max(0, statistics.messages.received - stored)
    steps = sum(1 for _ in _events(reading, _CLOCK_STEPS))
    verdicts, unlisted = _verdicts(reading)
    return SideReport(
        side=side,
        since_ns=found.since_ns,
        until_ns=found.until_ns,
        recorded=scope.times.recorded,
        statistics=statistics,
        kept=kept,
        not_stored=not_stored,
        verdicts=verdicts,
        unlisted_verdicts=unlisted,
        clock_steps=steps,
        is_pruned=scope.is_pruned,
    )


def _verdicts(reading: _Reading) -> tuple[tuple[VerdictCount, ...], int]:
    """Count the verdicts of a side by what they say, the most frequent first; and those that are not listed."""
    name = reading.side.connection
    query = Query((FieldTerm("connection", (Exact(name),)),)).also(_WITH_VERDICT)
    counts: Counter[tuple[CloseBy, str, str, Certainty]] = Counter()
    first: dict[tuple[CloseBy, str, str, Certainty], int] = {}
    unlisted = 0
    for event in _events(reading, query):
        verdict = event.verdict
        if verdict is None or event.source.connection != name:
            continue
        kind = (verdict.by, verdict.code, verdict.cause, verdict.certainty)
        if kind in counts or len(counts) < MOST_VERDICTS:
            counts[kind] += 1
            first.setdefault(kind, event.id)
        else:
            unlisted += 1
    return tuple(VerdictCount(*kind, count, first[kind]) for kind, count in counts.most_common()), unlisted


def _events(reading: _Reading, query: Query) -> Iterator[Event]:
    """Yield the events of a side that match, oldest first; few of them are in memory."""
    view = reading.side.view
    # Ids first: a search and a look-up by id cannot be under way on one view at a time
    ids = array("q")
    with closing(view.search(query, *reading.ids, newest_first=False)) as search:
        for searched in search:
            ids.extend(searched.ids)
    for start in range(0, len(ids), _EVENTS_AT_ONCE):
        yield from view.events_by_id(tuple(ids[start : start + _EVENTS_AT_ONCE]))


def _overlap_ns(a: Ranges, b: Ranges) -> int:
    return sum(end - start for low, high in a for start, end in clipped(b, low, high))
