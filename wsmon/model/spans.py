"""Trace spans: tracked while they are open, folded from stored events, and nested into a waterfall.

Every span that starts in a ``SpanTracker`` ends there: by its own end, by another start under its key, by the limit on
open spans, or with the session.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from wsmon.model.events import Event, EventName, Meta, SpanId, span_id
from wsmon.model.statuses import SESSION_ENDS
from wsmon.model.units import MS_NS

# abandoned: its end is not waited for any more; orphan: an end whose start was never seen
SpanStatus = Literal["ok", "error", "abandoned", "orphan"]

# Open spans of a session, some 10 MiB: several times what any protocol here keeps in flight
MAX_OPEN = 20_000
# Error type of operations that the end of their session interrupted
BROKEN_OFF: Final = "disconnected"

_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")


class Instant(NamedTuple):
    """One point in time on the wall clock and on the monotonic clock, in nanoseconds."""

    ts_ns: int
    mono_ns: int

    def seen_by_peer(self, at_ns: int) -> Instant:
        """Return a wall time of the peer as an instant, at its distance from this one on both clocks."""
        return Instant(at_ns, self.mono_ns + at_ns - self.ts_ns)


class Outcome(NamedTuple):
    """How an operation ended."""

    status: Literal["ok", "error", "abandoned"] = "ok"
    error_type: str = ""
    error: str = ""


OK = Outcome()
INTERRUPTED = Outcome("error", BROKEN_OFF)


class Span(msgspec.Struct, frozen=True, gc=False):
    """An operation with a start and a duration, as in OpenTelemetry."""

    span_id: SpanId
    parent_id: str
    """Empty where it has none."""
    operation: str
    key: str
    """Correlation id, unique within operation and session."""
    name: str
    start_ns: int
    """Wall clock."""
    start_mono_ns: int
    duration_ns: int | None = None
    """None for an open span, and for an orphan whose start is unknown."""
    status: SpanStatus | Literal["open"] = "open"
    error_type: str = ""
    error: str = ""
    attributes: Meta | None = None


class Started(NamedTuple):
    """A span that started, and those that were abandoned for it."""

    span: Span
    abandoned: tuple[Span, ...] = ()


class SpanTracker:
    """The open spans of one session, by operation and key.

    ``random_bytes`` returns the 8 bytes of a new id; ``parent_id`` is the id of the session's own span. The caller
    bounds the attributes: they are kept as they are given.
    """

    def __init__(self, random_bytes: Callable[[], bytes], parent_id: str = "", limit: int = MAX_OPEN) -> None:
        self._random_bytes = random_bytes
        self._parent_id = parent_id
        self._limit = limit
        # By operation and key, oldest first
        self._open: dict[tuple[str, str], Span] = {}

    @property
    def open(self) -> tuple[Span, ...]:
        """The spans that have started and not ended, oldest first."""
        return tuple(self._open.values())

    def start(
        self, operation: str, key: str, name: str, at: Instant, *,
        known_id: str = "", parent_id: str = "", attributes: Meta | None = None,
    ) -> Started:  # fmt: skip
        """Start a span. An open one under the same key is abandoned for it; so is the oldest where too many are open.

        ``known_id`` is the id that a peer gave it; where that is no span id, it gets a random one.
        """
        span = self._new(operation, key, name, at, known_id, parent_id, attributes)
        abandoned: list[Span] = []
        if (operation, key) in self._open:
            error = "restarted before it ended"
            abandoned.append(self._close((operation, key), at, Outcome("abandoned", "restarted", error)))
        while self._open and len(self._open) >= self._limit:
            error = f"more than {self._limit} open"
            abandoned.append(self._close(next(iter(self._open)), at, Outcome("abandoned", "given_up", error)))
        self._open[operation, key] = span
        return Started(span, tuple(abandoned))

    def end(
        self, operation: str, key: str, at: Instant, outcome: Outcome = OK, *,
        name: str = "", known_id: str = "", parent_id: str = "",
        duration_ns: int | None = None, attributes: Meta | None = None,
    ) -> Span:  # fmt: skip
        """End a span and return it, with ``attributes`` added; an orphan where none is open under the key.

        ``duration_ns`` is a duration measured by the peer. ``name`` and the ids are used for orphans only.
        """
        if (operation, key) in self._open:
            return self._close((operation, key), at, outcome, duration_ns, attributes)
        began = _before(at, duration_ns)
        orphan = self._new(operation, key, name or operation, began, known_id, parent_id, attributes)
        return msgspec.structs.replace(
            orphan, duration_ns=duration_ns, status="orphan", error_type=outcome.error_type, error=outcome.error
        )

    def whole(
        self, operation: str, key: str, name: str, at: Instant, duration_ns: int, outcome: Outcome = OK, *,
        known_id: str = "", parent_id: str = "", attributes: Meta | None = None,
    ) -> Span:  # fmt: skip
        """Return a span that starts and ends with one message, at ``at``; open spans are left alone."""
        began = self._new(operation, key, name, _before(at, duration_ns), known_id, parent_id, attributes)
        return _ended(began, outcome, duration_ns)

    def close_all(self, at: Instant, outcome: Outcome = INTERRUPTED) -> tuple[Span, ...]:
        """End all open spans, because the session is over: with an error, unless the outcome says otherwise."""
        return tuple(self._close(place, at, outcome) for place in tuple(self._open))

    def _new(
        self, operation: str, key: str, name: str, at: Instant, known_id: str, parent_id: str, attributes: Meta | None
    ) -> Span:
        own_id = SpanId(known_id) if is_span_id(known_id) else span_id(self._random_bytes())
        return Span(
            own_id, parent_id or self._parent_id, operation, key, name, at.ts_ns, at.mono_ns, attributes=attributes
        )

    def _close(
        self,
        place: tuple[str, str],
        at: Instant,
        outcome: Outcome,
        duration_ns: int | None = None,
        attributes: Meta | None = None,
    ) -> Span:
        span = self._open.pop(place)
        if attributes:
            span = msgspec.structs.replace(span, attributes={**(span.attributes or {}), **attributes})
        return _ended(span, outcome, at.mono_ns - span.start_mono_ns if duration_ns is None else duration_ns)


def is_span_id(text: str) -> bool:
    """Return whether a text is a span id of W3C Trace Context: 16 lowercase hex digits, not all zero."""
    return _SPAN_ID.fullmatch(text) is not None


def _ended(span: Span, outcome: Outcome, duration_ns: int) -> Span:
    status, error_type, error = outcome
    return msgspec.structs.replace(
        span, duration_ns=max(0, duration_ns), status=status, error_type=error_type, error=error
    )


def _before(at: Instant, duration_ns: int | None) -> Instant:
    back_ns = duration_ns or 0
    return Instant(at.ts_ns - back_ns, at.mono_ns - back_ns)


SpanOperation = Literal[
    "session", "dns", "tcp", "proxy", "tls", "upgrade", "outage",
    "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace",
]  # fmt: skip

# The phases of a dial, in their order
PHASES: Final[tuple[SpanOperation, ...]] = ("dns", "tcp", "proxy", "tls", "upgrade")

# Events that end an operation
_ENDS: Mapping[EventName, SpanOperation] = MappingProxyType(
    {
        "message.process.completed": "request",
        "subscription.subscribe.completed": "subscribe",
        "subscription.unsubscribe.completed": "unsubscribe",
        "auth.completed": "auth",
        "auth.failed": "auth",
        "auth.refresh.completed": "refresh",
        "heartbeat.responded": "heartbeat",
        "heartbeat.timeout": "heartbeat",
        "heartbeat.failure": "heartbeat",
        "trace.request.end": "trace",
        "trace.downstream": "trace",
        "trace.span.end": "trace",
    }
)
# Events that start an operation which stays open when the recorder is killed before its end
BEGINS: Mapping[EventName, SpanOperation] = MappingProxyType(
    {
        "subscription.subscribe.started": "subscribe",
        "subscription.unsubscribe.started": "unsubscribe",
        "auth.started": "auth",
        "auth.refresh.started": "refresh",
    }
)
# Close codes of a peer that end a session without an error
CLEAN_CODES = (1000, 1001)
# A client that gives no code says no more than that it is done: close() of a browser sends none
CLIENT_CLEAN_CODES = (*CLEAN_CODES, 1005)


class SpanFold:
    """Derives spans from events: of sessions, the phases of dials, outages, and operations that an event ends.

    It is a fold over the events of a store in their order, so the spans of a store follow from its events. Spans that
    neither a peer nor a ``SpanTracker`` named get ids made of what they belong to, the same each time. Its state is the
    start of each session that has not ended.
    """

    def __init__(self) -> None:
        # By connection_id, with the parent
        self._began: dict[str, tuple[Instant, str]] = {}

    def ended_by(self, event: Event) -> Iterator[Span]:
        """Yield the spans that end with the event."""
        session = event.source.connection_id
        if event.name == "connection.started":
            self._began[session] = Instant(event.ts_ns, event.mono_ns), event.parent_id
        elif event.name == "connection.completed":
            yield from _phases_before(event)
        elif event.name == "connection.reconnect.success" and event.duration_ns is not None:
            yield _derived(event, "outage", "", event.duration_ns)
        elif event.to_status in SESSION_ENDS and (began := self._began.pop(session, None)) is not None:
            if not (event.meta or {}).get("open"):
                yield from _phases_after(event, began[0])
            yield _session(event, *began)
        elif event.name in _ENDS:
            yield from _operation(event, _ENDS[event.name])


def derived_id(*parts: str | int) -> SpanId:
    """Return the id of a span that has none of its own, as a hash of the parts; 16 hex digits, never all zero."""
    digest = hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).hexdigest()
    return SpanId(digest if digest.strip("0") else f"{1:016x}")


def session_span(
    connection_id: str, parent_id: str, name: str, began: Instant, duration_ns: int, status: SpanStatus,
    error_type: str, error: str,
) -> Span:  # fmt: skip
    """Build the span of a whole session; its id is the id of the session."""
    return Span(
        SpanId(connection_id), parent_id, "session", "", name, began.ts_ns, began.mono_ns, max(0, duration_ns), status,
        error_type, error,
    )  # fmt: skip


def is_clean_end(event: Event) -> bool:
    """Return whether a side closed a session as it should: wsmon, the peer, or the application behind a relay."""
    match event.close_by:
        case "us":
            return True
        case "peer":
            return event.close_code in CLEAN_CODES
        case "application":
            return event.close_code in CLIENT_CLEAN_CODES
    return False


def _session(event: Event, began: Instant, parent_id: str) -> Span:
    is_clean = is_clean_end(event)
    error_type, error = event.error_type, event.error or event.reason
    if is_clean and not error_type:
        status: SpanStatus = "ok"
        error = ""
    else:
        status = "error"
        error_type = error_type or ("" if event.close_code is None else f"close_{event.close_code}")
    took_ns = event.mono_ns - began.mono_ns
    source = event.source
    return session_span(source.connection_id, parent_id, source.connection, began, took_ns, status, error_type, error)


def _phases_before(event: Event) -> Iterator[Span]:
    """Yield the phases of a dial that succeeded: the last one ended with the event, each where the next one began."""
    end_ns = event.mono_ns
    for phase, took_ns in reversed(_durations(event)):
        yield _phase(event, phase, end_ns - took_ns, took_ns)
        end_ns -= took_ns


def _phases_after(event: Event, began: Instant) -> Iterator[Span]:
    """Yield the phases of a dial that failed: the first one began with it; the one that failed has no duration."""
    start_ns = began.mono_ns
    for phase, took_ns in _durations(event):
        yield _phase(event, phase, start_ns, took_ns)
        start_ns += took_ns


# Eleven days: an event of another source may say anything
LONGEST_PHASE_MS = 1e9


def _durations(event: Event) -> list[tuple[SpanOperation, int]]:
    found: list[tuple[SpanOperation, int]] = []
    for phase in PHASES:
        value = (event.meta or {}).get(f"{phase}_ms")
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if abs(value) < LONGEST_PHASE_MS:
            found.append((phase, round(value * MS_NS)))
    return found


def _phase(event: Event, phase: SpanOperation, start_mono_ns: int, took_ns: int) -> Span:
    session = event.source.connection_id
    start_ns = event.ts_ns - (event.mono_ns - start_mono_ns)
    return Span(derived_id(session, phase), session, phase, "", phase, start_ns, start_mono_ns, took_ns, "ok")


def _derived(event: Event, operation: SpanOperation, parent_id: str, took_ns: int) -> Span:
    own_id = derived_id(event.source.connection_id, operation, event.mono_ns)
    return Span(
        own_id, parent_id, operation, event.ref, event.type or operation,
        event.ts_ns - took_ns, event.mono_ns - took_ns, took_ns, *_outcome(event),
    )  # fmt: skip


def _operation(event: Event, operation: SpanOperation) -> Iterator[Span]:
    """Yield the span of an operation; one without a start is an orphan, which may have no duration."""
    if not event.span_id:
        # A pong proves that its ping was sent
        if event.duration_ns is not None:
            yield _derived(event, operation, event.source.connection_id, event.duration_ns)
        return
    if operation == "auth" and (event.meta or {}).get("refresh"):
        operation = "refresh"
    took_ns = event.duration_ns
    began_ago_ns = took_ns or 0
    yield Span(
        SpanId(event.span_id), event.parent_id, operation, event.ref, event.type or event.topic or operation,
        event.ts_ns - began_ago_ns, event.mono_ns - began_ago_ns, took_ns, *_outcome(event),
    )  # fmt: skip


def _outcome(event: Event) -> tuple[SpanStatus, str, str]:
    status = event.status
    match status:
        case "abandoned":
            return "abandoned", event.error_type, event.error
        case "orphan":
            return "orphan", event.error_type, event.error
    failed = bool(event.error_type) or status == "error" or (isinstance(status, int) and status >= 400)
    return "error" if failed else "ok", event.error_type, event.error or event.reason if failed else ""


class WaterfallRow(NamedTuple):
    """One line of a waterfall: a span with its place in the trace."""

    span: Span
    offset_ns: int
    """Start after the earliest start of the trace."""
    depth: int
    """Number of ancestors; 0: the parent is not among the spans."""


def waterfall(spans: Iterable[Span]) -> tuple[WaterfallRow, ...]:
    """Sort the spans of a trace by their start, parents before children that began at the same time.

    Where parents form a circle, one of them counts as the outermost.
    """
    by_id: dict[str, Span] = {span.span_id: span for span in spans}
    if not by_id:
        return ()
    origin_ns = min(span.start_mono_ns for span in by_id.values())
    depths = _depths({span_id: span.parent_id for span_id, span in by_id.items()})
    rows = (WaterfallRow(span, span.start_mono_ns - origin_ns, depths[span.span_id]) for span in by_id.values())
    return tuple(sorted(rows, key=lambda row: (row.offset_ns, row.depth, row.span.span_id)))


def _depths(parents: Mapping[str, str]) -> dict[str, int]:
    """Return the number of ancestors of each; without recursion, because the peer chooses how deep they nest."""
    depths: dict[str, int] = {}
    for start in parents:
        chain: dict[str, None] = {}
        ancestor = start
        while ancestor in parents and ancestor not in depths and ancestor not in chain:
            chain[ancestor] = None
            ancestor = parents[ancestor]
        depth = depths.get(ancestor, -1)
        for each in reversed(chain):
            depth += 1
            depths[each] = depth
    return depths
