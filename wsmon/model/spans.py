"""Spans of one session: what has begun, what ended and how.

Whatever begins here ends here: by its own end, by another start under its key, by the limit, or with the session.
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

# abandoned: nobody waits for its end any more; orphan: an end whose start was never seen
SpanStatus = Literal["ok", "error", "abandoned", "orphan"]

# Open spans of a session, some 10 MiB: several times what any protocol here keeps in flight
MAX_OPEN = 20_000
# Error type of what the end of its session broke off
BROKEN_OFF: Final = "disconnected"

_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")


class Instant(NamedTuple):
    """A moment by both clocks."""

    ts_ns: int
    mono_ns: int

    def seen_by_peer(self, at_ns: int) -> Instant:
        """The peer's wall time, placed on the monotonic clock by its distance from this instant."""
        return Instant(at_ns, self.mono_ns + at_ns - self.ts_ns)


class Outcome(NamedTuple):
    """How an operation ended."""

    status: Literal["ok", "error", "abandoned"] = "ok"
    error_type: str = ""
    error: str = ""


OK = Outcome()


class Span(msgspec.Struct, frozen=True, gc=False):
    """A thing that had a duration."""

    span_id: SpanId
    parent_id: str
    operation: str
    key: str
    """Correlation id, within the operation and the session."""
    name: str
    start_ns: int
    """Wall clock."""
    start_mono_ns: int
    duration_ns: int | None = None
    """None of an open span, and of an orphan whose start nobody knows."""
    status: SpanStatus | Literal["open"] = "open"
    error_type: str = ""
    error: str = ""
    attributes: Meta | None = None


class Started(NamedTuple):
    """A span that began, and those that were abandoned for it."""

    span: Span
    abandoned: tuple[Span, ...] = ()


class SpanCounts(msgspec.Struct, frozen=True, gc=False):
    """How many spans a session had: ``started`` = ``open`` + ``finished`` + ``abandoned``; orphans never started."""

    open: int = 0
    started: int = 0
    finished: int = 0
    """Ok or error."""
    abandoned: int = 0
    orphans: int = 0


class SpanTracker:
    """The open spans of one session, by operation and key.

    ``random_bytes`` yields the 8 bytes of an id; ``parent_id`` is that of the session's own span. Attributes are kept
    as they are given: whoever gives them bounds them.
    """

    def __init__(self, random_bytes: Callable[[], bytes], parent_id: str = "", limit: int = MAX_OPEN) -> None:
        self._random_bytes = random_bytes
        self._parent_id = parent_id
        self._limit = limit
        self._open: dict[tuple[str, str], Span] = {}
        # oldest first
        self._started = self._finished = self._abandoned = self._orphans = 0

    @property
    def open(self) -> tuple[Span, ...]:
        """The spans that have begun and not ended, oldest first."""
        return tuple(self._open.values())

    @property
    def counts(self) -> SpanCounts:
        """What was counted so far."""
        return SpanCounts(len(self._open), self._started, self._finished, self._abandoned, self._orphans)

    def start(
        self, operation: str, key: str, name: str, at: Instant, *,
        known_id: str = "", parent_id: str = "", attributes: Meta | None = None,
    ) -> Started:  # fmt: skip
        """Begin a span. One under the same key is abandoned for it; so is the oldest where there are too many.

        ``known_id`` is the id that a peer gave it; a random one where that is no span id.
        """
        span = self._new(operation, key, name, at, known_id, parent_id, attributes)
        abandoned: list[Span] = []
        if (operation, key) in self._open:
            error = "begun again before it ended"
            abandoned.append(self._close((operation, key), at, Outcome("abandoned", "restarted", error)))
        while self._open and len(self._open) >= self._limit:
            error = f"more than {self._limit} open"
            abandoned.append(self._close(next(iter(self._open)), at, Outcome("abandoned", "given_up", error)))
        self._open[operation, key] = span
        self._started += 1
        return Started(span, tuple(abandoned))

    def end(
        self, operation: str, key: str, at: Instant, outcome: Outcome = OK, *,
        name: str = "", known_id: str = "", parent_id: str = "",
        duration_ns: int | None = None, attributes: Meta | None = None,
    ) -> Span:  # fmt: skip
        """The span that ended, its attributes joined with ``attributes``; an orphan where none is open under the key.

        ``duration_ns`` is what the peer measured. ``name`` and the ids are for orphans alone.
        """
        if (operation, key) in self._open:
            return self._close((operation, key), at, outcome, duration_ns, attributes)
        self._orphans += 1
        began = _before(at, duration_ns)
        orphan = self._new(operation, key, name or operation, began, known_id, parent_id, attributes)
        return msgspec.structs.replace(
            orphan, duration_ns=duration_ns, status="orphan", error_type=outcome.error_type, error=outcome.error
        )

    def whole(
        self, operation: str, key: str, name: str, at: Instant, duration_ns: int, outcome: Outcome = OK, *,
        known_id: str = "", parent_id: str = "", attributes: Meta | None = None,
    ) -> Span:  # fmt: skip
        """A span that ends at ``at`` and of which nothing was heard before; none that is open is touched."""
        began = self._new(operation, key, name, _before(at, duration_ns), known_id, parent_id, attributes)
        self._started += 1
        return self._ended(began, outcome, duration_ns)

    def close_all(self, at: Instant, error_type: str = BROKEN_OFF, error: str = "") -> tuple[Span, ...]:
        """End all that is open, with an error: the session is over."""
        outcome = Outcome("error", error_type, error)
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
        return self._ended(span, outcome, at.mono_ns - span.start_mono_ns if duration_ns is None else duration_ns)

    def _ended(self, span: Span, outcome: Outcome, duration_ns: int) -> Span:
        if outcome.status == "abandoned":
            self._abandoned += 1
        else:
            self._finished += 1
        status, error_type, error = outcome
        return msgspec.structs.replace(
            span, duration_ns=max(0, duration_ns), status=status, error_type=error_type, error=error
        )


def is_span_id(text: str) -> bool:
    """Whether it is a span id as W3C Trace Context has it: 16 lowercase hex digits, not all zero."""
    return _SPAN_ID.fullmatch(text) is not None


def _before(at: Instant, duration_ns: int | None) -> Instant:
    back_ns = duration_ns or 0
    return Instant(at.ts_ns - back_ns, at.mono_ns - back_ns)


# The spans that events end: a fold, so that whoever has the events of a store has its spans.
#
# A session and its phases, an outage, and every operation whose end an event tells. Spans that no peer and no tracker
# named have ids made of what they belong to, the same each time.

SpanOperation = Literal[
    "session", "dns", "tcp", "proxy", "tls", "upgrade", "outage",
    "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace",
]  # fmt: skip

# Of a dial, in their order
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
# Events that begin one, where a recorder that is cut off leaves it open
BEGINS: Mapping[EventName, SpanOperation] = MappingProxyType(
    {
        "subscription.subscribe.started": "subscribe",
        "subscription.unsubscribe.started": "unsubscribe",
        "auth.started": "auth",
        "auth.refresh.started": "refresh",
    }
)
# With which a peer ends what went well
CLEAN_CODES = (1000, 1001)


class SpanFold:
    """Remembers when the sessions that are alive began."""

    def __init__(self) -> None:
        # By connection_id
        self._began: dict[str, Instant] = {}

    def ended_by(self, event: Event) -> Iterator[Span]:
        """The spans that end with the event."""
        session = event.source.connection_id
        if event.name == "connection.started":
            self._began[session] = Instant(event.ts_ns, event.mono_ns)
        elif event.name == "connection.completed":
            yield from _phases_before(event)
        elif event.name == "connection.reconnect.success" and event.duration_ns is not None:
            yield _derived(event, "outage", "", event.duration_ns)
        elif event.to_status in SESSION_ENDS and (began := self._began.pop(session, None)) is not None:
            if not (event.meta or {}).get("open"):
                yield from _phases_after(event, began)
            yield _session(event, began)
        elif event.name in _ENDS:
            yield from _operation(event, _ENDS[event.name])


def derived_id(*parts: str | int) -> SpanId:
    """The id of a span that nobody named; 16 hex digits, never all zero."""
    digest = hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).hexdigest()
    return SpanId(digest if digest.strip("0") else f"{1:016x}")


def session_span(
    connection_id: str, name: str, began: Instant, duration_ns: int, status: SpanStatus, error_type: str, error: str
) -> Span:
    """The span of a whole session; its id is the session's."""
    return Span(
        SpanId(connection_id), "", "session", "", name, began.ts_ns, began.mono_ns, max(0, duration_ns), status,
        error_type, error,
    )  # fmt: skip


def _session(event: Event, began: Instant) -> Span:
    is_clean = event.close_by == "us" or (event.close_by == "peer" and event.close_code in CLEAN_CODES)
    error_type, error = event.error_type, event.error or event.reason
    if is_clean and not error_type:
        status: SpanStatus = "ok"
        error = ""
    else:
        status = "error"
        error_type = error_type or ("" if event.close_code is None else f"close_{event.close_code}")
    took_ns = event.mono_ns - began.mono_ns
    source = event.source
    return session_span(source.connection_id, source.connection, began, took_ns, status, error_type, error)


def _phases_before(event: Event) -> Iterator[Span]:
    """The phases of a dial that succeeded: the last ended with the event, each where the next began."""
    end_ns = event.mono_ns
    for phase, took_ns in reversed(_durations(event)):
        yield _phase(event, phase, end_ns - took_ns, took_ns)
        end_ns -= took_ns


def _phases_after(event: Event, began: Instant) -> Iterator[Span]:
    """The phases of a dial that failed: the first began with it. The one that failed has no duration of its own."""
    start_ns = began.mono_ns
    for phase, took_ns in _durations(event):
        yield _phase(event, phase, start_ns, took_ns)
        start_ns += took_ns


def _durations(event: Event) -> list[tuple[SpanOperation, int]]:
    found: list[tuple[SpanOperation, int]] = []
    for phase in PHASES:
        value = (event.meta or {}).get(f"{phase}_ms")
        if isinstance(value, int | float) and not isinstance(value, bool):
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
    """The end of an operation; one that nobody began is an orphan, which may have no duration."""
    if not event.span_id:
        if event.duration_ns is not None:  # a ping, whose pong proves that it was sent
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


# The waterfall of a trace: its spans in time, and how deep each lies.


class WaterfallRow(NamedTuple):
    """A span as a waterfall shows it."""

    span: Span
    offset_ns: int
    """From the earliest start."""
    depth: int
    """0: its parent is not among the spans."""


def waterfall(spans: Iterable[Span]) -> tuple[WaterfallRow, ...]:
    """The spans of a trace by their start, parents before children that began with them.

    Parents that form a circle raise nothing: one of them counts as the outermost.
    """
    by_id: dict[str, Span] = {span.span_id: span for span in spans}
    if not by_id:
        return ()
    origin_ns = min(span.start_mono_ns for span in by_id.values())
    depths = _depths({span_id: span.parent_id for span_id, span in by_id.items()})
    bars = (WaterfallRow(span, span.start_mono_ns - origin_ns, depths[span.span_id]) for span in by_id.values())
    return tuple(sorted(bars, key=lambda bar: (bar.offset_ns, bar.depth, bar.span.span_id)))


def _depths(parents: Mapping[str, str]) -> dict[str, int]:
    """How many ancestors each has, without recursion: a peer chooses how deep they nest."""
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
