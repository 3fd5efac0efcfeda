"""OpenTelemetry traces: spans of sessions, their dials and phases, and operations, for exports and the recorder's push.

A session is cut into parts, spans of at most ``PART_NS``: backends refuse or truncate what ends hours after it began
(Dynatrace takes no span that ended more than an hour ago, New Relic no trace of more than 20 minutes), and a span is
seen only once it was sent. The first part has the id of the session, so that it is the parent of dials and requests;
each part is linked to the one before it, the first one to the session before. Where a part begins and which id it has
follows from the start of the session alone, so an export and the push write the same spans. Attributes have the names
of OpenTelemetry's semantic conventions where there is one, else ``websocket.*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import msgspec

from wsmon.export.otlp import NOTHING, Fields, attributes, document, span_id, trace_id
from wsmon.export.selection import Selection
from wsmon.export.sessions import ExportedSession, address_and_port, endpoint, session_before, sessions
from wsmon.model.ends import why
from wsmon.model.events import Event, Json, Source, SpanId
from wsmon.model.spans import PHASES, Span, SpanFold, derived_id, is_clean_end
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Query

# SpanKind
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
# As applications and other instrumentations say it in ``meta.kind``
_KINDS: Final[Mapping[Json, int]] = MappingProxyType(
    {"internal": INTERNAL, "server": SERVER, "client": CLIENT, "producer": PRODUCER, "consumer": CONSUMER}
)
# What an application's request says of itself, by the semantic conventions
_REQUEST: Final[Mapping[str, str]] = MappingProxyType(
    {"transport": "network.protocol.name", "method": "http.request.method", "path": "url.path"}
)
# Metadata of spans that is in the span itself, or is expanded
_EXPANDED: Final = frozenset({"attributes", "kind", "remote", "resource"})
# StatusCode; a span without an error has 0, unset
STATUS_ERROR = 2
_CLIENT_OPERATIONS = ("request", "subscribe", "unsubscribe", "auth", "refresh", "heartbeat")
_SESSION_NAME, _CONNECT_NAME = "websocket session", "websocket connect"
# Longest span of a session: below the shortest limit of a backend that is known
PART_NS: Final = 900 * SECOND_NS
# Events of one span: the default limit of OpenTelemetry's SDKs, and that of backends
MOST_SPAN_EVENTS: Final = 128
_INCIDENTS: Final = FieldTerm("name", (Exact("incident.opened"), Exact("incident.closed")))
_PAGE_EVENTS: Final = 200
# Metadata of incidents that is about wsmon and not about the connection
_OF_WSMON: Final = frozenset({"evidence", "silence", "incident"})

# Of a year; the last one lasts as long as is left, since an import may have any times
MOST_PARTS: Final = 366 * 24 * 4
# Numbers of parts begin at 1
ALL_PARTS: Final = range(1, MOST_PARTS + 1)
# The monotonic times of the first and the last event of something
_Extent = tuple[int, int]


def otlp(selection: Selection) -> Iterator[bytes]:
    """Write traces, piece by piece: operations by their ends, then the sessions that have an event in the selection.

    Of a session, the parts from the first to the last event of the selection are written.
    """
    return document("spans", _spans(selection))


def _spans(selection: Selection) -> Iterator[bytes]:
    selection.total = 2 * selection.ids
    touched: dict[str, _Extent] = {}
    fold = SpanFold()
    for page in selection.pages():
        for event in page:
            first_ns, last_ns = touched.get(event.source.connection_id, (event.mono_ns, event.mono_ns))
            touched[event.source.connection_id] = min(first_ns, event.mono_ns), max(last_ns, event.mono_ns)
        yield b",\n".join(record for event in page for record in operation_records(fold, event))
    before: dict[str, ExportedSession] = {}
    for session in sessions(selection):
        if session is None:
            yield b""
            continue
        key = session.source.connection
        extent = touched.get(session.source.connection_id)
        if extent is not None:
            parts = _parts_between(session, extent)
            # One by one: there may be thousands
            previous = before[key] if key in before else session_before(selection.view, session)
            yield from session_records(selection.view, session, previous, parts)
            yield b",\n".join(dial_records(session) if parts.start == 1 else ())
        before[key] = session


def _parts_between(session: ExportedSession, extent: _Extent) -> range:
    """The numbers of the parts that an extent touches; more than the session has, if its beginning is not known."""
    first = session.first
    return ALL_PARTS if first is None else range(_part_at(first, extent[0]), _part_at(first, extent[1]) + 1)


def operation_records(fold: SpanFold, event: Event) -> Iterator[bytes]:
    """Iterate over the spans of operations that end with an event."""
    return (_operation(event, span) for span in _operations(fold, event))


def session_records(
    view: StoreView,
    session: ExportedSession,
    before: ExportedSession | None,
    wanted: range,
    last: Event | None = None,
) -> Iterator[bytes]:
    """Yield the spans of a session: those of its parts that are wanted, by number from 1.

    They go up to ``last``, else to the end or the newest event of the session. The first one is linked to the last one
    of ``before``. Nothing if the session has no event; the last part, if the wanted ones are beyond it.
    """
    last = last or session.newest(view)
    first = session.first or last
    if first is not None and last is not None:
        count = _part_at(first, last.mono_ns)
        parts = range(min(wanted.start, count), min(wanted.stop, count + 1))
        yield from _part_records(view, session, before, (first, last), parts)


def complete_part_records(
    view: StoreView, session: ExportedSession, before: ExportedSession | None, after_part: int, now_mono_ns: int
) -> Iterator[bytes]:
    """Yield the spans of the parts of an open session that are over, after the one with this number."""
    first = session.first or session.newest(view)
    if first is not None:
        parts = range(after_part + 1, _part_at(first, now_mono_ns))
        yield from _part_records(view, session, before, (first, None), parts)


def count_parts(view: StoreView, session: ExportedSession, at_ns: int | None = None) -> int:
    """Return the number of the part at a monotonic time, or at the end or newest event; 0 if there is no event."""
    last_ns = at_ns
    first = session.first
    if first is None or last_ns is None:
        last = session.newest(view)
        first = first or last
        last_ns = last.mono_ns if last_ns is None and last is not None else last_ns
    return 0 if first is None or last_ns is None else _part_at(first, last_ns)


def _part_at(first: Event, mono_ns: int) -> int:
    """The number of the part of a session at a monotonic time."""
    return min(max(0, mono_ns - first.mono_ns) // PART_NS + 1, MOST_PARTS)


def _part_records(
    view: StoreView,
    session: ExportedSession,
    before: ExportedSession | None,
    ends: tuple[Event, Event | None],
    parts: range,
) -> Iterator[bytes]:
    """Yield the spans of parts; ``ends`` are the first and the last event, None while only complete parts are asked."""
    if not parts:
        return
    first, last = ends
    last_part = None if last is None else _part_at(first, last.mono_ns)
    incidents = _incidents(view, session, first, parts)
    for number in parts:
        # The end of the session is not known yet when an earlier part is sent
        known, end_ns = replace(session, ended=None), number * PART_NS
        if last is not None and number == last_part:
            known, end_ns = session, last.mono_ns - first.mono_ns
        fields = {**_of_source(session.source), **_of_dial(known), **_of_end(known), "wsmon.part": number}
        found = incidents[number] if known.ended is None else [*incidents[number], known.ended]
        link = _link_of_part(view, session, before, number)
        yield _record(session.source, _part(known, first, number, end_ns), CLIENT, fields, link, found)


def _link_of_part(
    view: StoreView, session: ExportedSession, before: ExportedSession | None, number: int
) -> Mapping[str, Json] | None:
    """The link of a part to the one before it, of the first one to the last one of the session before."""
    if number > 1:
        return _link(session, number - 1, "previous part")
    return None if before is None else _link(before, count_parts(view, before) or 1, "previous session")


def _link(session: ExportedSession, part: int, what: str) -> Mapping[str, Json]:
    about = attributes({"websocket.link": what})
    return {"traceId": trace_id(session.source), "spanId": _part_id(session, part), "attributes": about}


def _part_id(session: ExportedSession, number: int) -> SpanId:
    own_id = SpanId(span_id(session.source.connection_id))
    return own_id if number == 1 else derived_id(own_id, "part", number)


def _incidents(view: StoreView, session: ExportedSession, first: Event, parts: range) -> Mapping[int, Sequence[Event]]:
    """The incidents of a session that opened or closed in each of its parts, oldest first."""
    found: dict[int, list[Event]] = {number: [] for number in parts}
    query = Query((*session.of_session, _INCIDENTS)).within(first.id, session.last_id)
    before_id = session.last_id + 1
    while page := view.events_before(before_id, _PAGE_EVENTS, query):
        for event in page:
            number = _part_at(first, event.mono_ns)
            if number in found:
                found[number].append(event)
        before_id = page[-1].id
        # They were found by one clock, so their times are in the order of their ids
        if len(page) < _PAGE_EVENTS or _part_at(first, page[-1].mono_ns) < parts.start:
            break
    return {number: events[::-1] for number, events in found.items()}


def dial_records(session: ExportedSession) -> Iterator[bytes]:
    """Iterate over the spans of a session's dial: the dial if it succeeded, and its phases."""
    source, whole_id = session.source, SpanId(span_id(session.source.connection_id))
    dial = _dial(session, whole_id)
    if dial is not None:
        yield _record(source, dial, CLIENT, {**_of_source(source), **_of_dial(session)})
    for phase in _phases(session):
        parent_id = dial.span_id if dial else whole_id
        yield _record(source, msgspec.structs.replace(phase, parent_id=parent_id), INTERNAL, _of_source(source))


def _operations(fold: SpanFold, event: Event) -> Iterator[Span]:
    """The spans that end with an event, except sessions and phases, which have a pass of their own."""
    return (span for span in fold.ended_by(event) if span.operation != "session" and span.operation not in PHASES)


def _operation(event: Event, span: Span) -> bytes:
    if span.operation == "trace":
        kind, about = _kind_reported(event), _reported(event)
    else:
        kind, about = CLIENT if span.operation in _CLIENT_OPERATIONS else INTERNAL, NOTHING
    fields: dict[str, Json] = {
        **about,
        **_of_source(event.source),
        "websocket.operation": span.operation,
        "websocket.ref": span.key,
        "websocket.topic": event.topic,
        "websocket.event.id": event.id,
    }
    return _record(event.source, span, kind, fields)


def _kind_reported(event: Event) -> int:
    """The kind of a span of an application: what it says, else that of its event."""
    said = (event.meta or {}).get("kind")
    kind = _KINDS.get(said) if isinstance(said, str) else None
    if kind is not None:
        return kind
    return {"trace.request.end": SERVER, "trace.downstream": CLIENT}.get(event.name, INTERNAL)


def _reported(event: Event) -> Fields:
    """The attributes that an application gave a span, under its own names, and those of its request."""
    meta = event.meta or {}
    found: dict[str, Json] = {}
    for key in ("resource", "attributes"):
        if isinstance(given := meta.get(key), Mapping):
            found |= given
    is_request = event.name == "trace.request.end"
    for key, value in meta.items():
        if key not in _EXPANDED:
            found[_REQUEST.get(key, key) if is_request else key] = value
    if isinstance(event.http_status, int):
        found["http.response.status_code"] = event.http_status
    return found


def _part(session: ExportedSession, first: Event, number: int, end_ns: int) -> Span:
    """The span of a part of a session, up to a time after its first event; one that is open has no error."""
    name = _CONNECT_NAME if session.completed is None else _SESSION_NAME
    begin_ns = (number - 1) * PART_NS
    ended = session.ended
    parent_id = "" if session.started is None else session.started.parent_id
    span = Span(
        _part_id(session, number), parent_id, "session", "", name,
        first.ts_ns + begin_ns, first.mono_ns + begin_ns, max(0, end_ns - begin_ns), "ok",
    )  # fmt: skip
    if ended is None or (ended.close_by == "us" and not ended.error_type):
        return span
    if ended.close_by in ("peer", "application") and is_clean_end(ended):
        return span
    error_type = ended.error_type or ("" if ended.close_code is None else f"close_{ended.close_code}")
    return msgspec.structs.replace(span, status="error", error_type=error_type, error=why(ended))


def _dial(session: ExportedSession, whole_id: SpanId) -> Span | None:
    """The span of a dial that succeeded, a child of its session."""
    done = session.completed
    if done is None or done.duration_ns is None:
        return None
    took_ns = done.duration_ns
    return Span(
        derived_id(whole_id, "connect"), whole_id, "connect", "", _CONNECT_NAME,
        done.ts_ns - took_ns, done.mono_ns - took_ns, took_ns, "ok",
    )  # fmt: skip


def _phases(session: ExportedSession) -> Iterator[Span]:
    fold = SpanFold()
    for event in (session.started, session.completed, session.ended):
        if event is not None:
            yield from (span for span in fold.ended_by(event) if span.operation in PHASES)


def _record(
    source: Source,
    span: Span,
    kind: int,
    fields: Fields,
    link: Mapping[str, Json] | None = None,
    events: Sequence[Event] = (),
) -> bytes:
    """A span as JSON; its start is a wall time, its duration was measured with the monotonic clock."""
    record: dict[str, Json] = {
        "traceId": trace_id(source),
        "spanId": span_id(span.span_id),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.start_ns + (span.duration_ns or 0)),
        "attributes": attributes({**fields, "error.type": span.error_type, "websocket.outcome": span.status}),
        "status": {"code": STATUS_ERROR, "message": span.error} if span.status == "error" else {},
    }
    if span.parent_id:
        record["parentSpanId"] = span_id(span.parent_id)
    if link is not None:
        record["links"] = [link]
    if events:
        # Of too many, the newest one, which may be the end of the session, is kept beside the first ones
        kept = events if len(events) <= MOST_SPAN_EVENTS else [*events[: MOST_SPAN_EVENTS - 1], events[-1]]
        record["events"] = [_span_event(event) for event in kept]
        record["droppedEventsCount"] = len(events) - len(kept)
    return msgspec.json.encode(record)


def _span_event(event: Event) -> Json:
    """An event of a span: the end of a session, or an incident with what was found."""
    facts: Fields = {
        "websocket.close.code": event.close_code,
        "websocket.close.by": event.close_by,
        "websocket.close.reason": event.reason,
        "websocket.verdict": why(event),
        "error.type": event.error_type,
    }
    if event.category == "incident":
        about = {key: value for key, value in (event.meta or {}).items() if key not in _OF_WSMON}
        facts = {
            "websocket.incident.kind": event.type,
            "websocket.incident.reason": event.reason,
            "websocket.incident.open_ms": None if event.duration_ns is None else event.duration_ns / MS_NS,
            **{f"websocket.incident.{key}": value for key, value in about.items()},
        }
    own = attributes({"websocket.event.id": event.id, **facts})
    return {"timeUnixNano": str(event.ts_ns), "name": event.name, "attributes": own}


def _of_source(source: Source) -> Fields:
    return {
        "websocket.connection": source.connection,
        "websocket.group": source.group,
        "websocket.connection_id": source.connection_id,
        "websocket.trace_id": source.trace_id,
        "websocket.run": source.run or None,
    }


def _of_dial(session: ExportedSession) -> Fields:
    """Attributes of the socket, by the semantic conventions for HTTP, network and TLS."""
    url = session.meta_value("url")
    server = endpoint(str(url)) if url else None
    peer, local = (address_and_port(str(session.meta_value(end) or "")) for end in ("peer", "local"))
    tls = session.meta_value("tls")
    about_tls = tls if isinstance(tls, Mapping) else {}
    answer = session.completed or session.ended
    return {
        "url.full": url,
        "server.address": server.host if server else None,
        "server.port": server.port if server else None,
        "network.peer.address": peer.host,
        "network.peer.port": peer.port,
        "network.local.address": local.host,
        "network.local.port": local.port,
        "network.transport": "tcp",
        "network.protocol.name": "websocket",
        "http.request.method": "GET",
        "http.response.status_code": answer.status if answer else None,
        "tls.protocol.version": about_tls.get("version"),
        "tls.cipher": about_tls.get("cipher"),
        "tls.server.issuer": about_tls.get("issuer"),
        "tls.server.not_after": about_tls.get("expires"),
        "websocket.attempt": session.meta_value("attempt"),
        "websocket.subprotocol": session.meta_value("subprotocol"),
        "websocket.extensions": session.meta_value("extensions"),
    }


def _of_end(session: ExportedSession) -> Fields:
    ended = session.ended
    if ended is None:
        return {"websocket.open": True}
    return {
        "websocket.close.code": ended.close_code,
        "websocket.close.by": ended.close_by,
        "websocket.close.reason": ended.reason,
        "websocket.verdict": why(ended),
        "websocket.open_ms": None if ended.duration_ns is None else ended.duration_ns / MS_NS,
    }
