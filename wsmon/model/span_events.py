"""The spans that events end: a fold, so that whoever has the events of a store has its spans.

A session and its phases, an outage, and every operation whose end an event tells. Spans that no peer and no tracker
named have ids made of what they belong to, the same each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

from wsmon.model.durations import MS_NS
from wsmon.model.events import Event, EventName
from wsmon.model.ids import SpanId
from wsmon.model.spans import Instant, Span, SpanStatus
from wsmon.model.statuses import SESSION_ENDS

SpanOperation = Literal[
    "session", "dns", "tcp", "proxy", "tls", "upgrade", "outage",
    "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace",
]  # fmt: skip

PHASES: Final[tuple[SpanOperation, ...]] = ("dns", "tcp", "proxy", "tls", "upgrade")
# of a dial, in their order

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
# events that end an operation
BEGINS: Mapping[EventName, SpanOperation] = MappingProxyType(
    {
        "subscription.subscribe.started": "subscribe",
        "subscription.unsubscribe.started": "unsubscribe",
        "auth.started": "auth",
        "auth.refresh.started": "refresh",
    }
)
# events that begin one, where a recorder that is cut off leaves it open
CLEAN_CODES = (1000, 1001)
# with which a peer ends what went well


class SpanFold:
    """Remembers when the sessions that are alive began."""

    def __init__(self) -> None:
        self._began: dict[str, Instant] = {}
        # by connection_id

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
