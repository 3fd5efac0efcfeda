"""Spans of one session: what has begun, what ended and how.

Whatever begins here ends here: by its own end, by another start under its key, by the limit, or with the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec

from wsmon.model.events import Meta
from wsmon.model.ids import SpanId, span_id

SpanStatus = Literal["ok", "error", "abandoned", "orphan"]
# abandoned: nobody waits for its end any more; orphan: an end whose start was never seen

MAX_OPEN = 20_000
# open spans of a session, some 10 MiB: several times what any protocol here keeps in flight
BROKEN_OFF: Final = "disconnected"
# error type of what the end of its session broke off

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
    # correlation id, within the operation and the session
    name: str
    start_ns: int
    # wall clock
    start_mono_ns: int
    duration_ns: int | None = None
    # None of an open span, and of an orphan whose start nobody knows
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
    # ok or error
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
