"""Import of HTTP Archives (HAR): the WebSocket sessions that browsers, proxies and wsmon save, as events."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from wsmon.decoders.session import PayloadDecoding
from wsmon.export.har_document import HarEntries
from wsmon.export.har_entry import HarEntry, HarFrame, read_entry, start_ns
from wsmon.export.import_session import Fault, Incoming, decoded, derived, in_order, opening, session_decoding
from wsmon.export.sessions import endpoint
from wsmon.model.events import ENCODING, Direction, Event, EventName, Json, Opcode, Source
from wsmon.model.http import status_phrase
from wsmon.model.redact.masking import MASKED_UNREAD
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import request_secrets
from wsmon.model.units import MS_NS

_PHASES = {"dns": "dns_ms", "connect": "tcp_ms", "ssl": "tls_ms", "wait": "upgrade_ms"}


def har_events(archive: bytes) -> Iterator[Incoming]:
    """Iterate over the events of WebSocket entries, by time; other entries are skipped.

    Raises ``UsageError`` where it is no archive; an entry that cannot be read is a fault, by its number from 1.
    """
    return in_order(_events(HarEntries(archive)))


def _events(entries: HarEntries) -> Iterator[Incoming]:
    redactor = Redactor()
    sessions: list[HarEntry] = []
    before_ns = start_ns(entries.first_page)
    for number, raw in enumerate(entries, 1):
        if isinstance(raw, Fault):
            yield raw
            continue
        try:
            entry = read_entry(raw, number, entries.creator, before_ns)
        except ValueError as error:
            yield Fault(number, str(error), "entry")
            continue
        if entry is None:
            before_ns = start_ns(raw) or before_ns
            continue
        before_ns = entry.start_ns
        yield from entry.faults()
        sessions.append(entry)
    sessions.sort(key=lambda entry: (entry.start_ns, entry.number))
    # Connection -> its address, and the end of its newest session
    lanes: dict[str, tuple[str, int]] = {}
    known: set[str] = set()
    streams = []
    for entry in sessions:
        name = _free_name(entry, lanes)
        lanes[name] = (entry.place, entry.end_ns)
        if entry.session_id in known:
            entry.session_id = ""
        known.add(entry.session_id)
        streams.append(_session(entry, name, redactor))
    yield from heapq.merge(*streams, key=lambda one: one.ts_ns)


def _free_name(entry: HarEntry, lanes: dict[str, tuple[str, int]]) -> str:
    """The name of the session's connection, which has one address, and one session at a time; others get numbers."""
    name, number = entry.name, 1
    while (lane := lanes.get(name)) is not None and (lane[0] != entry.place or lane[1] > entry.start_ns):
        number += 1
        name = f"{entry.name}-{number}"
    return name


def _session(entry: HarEntry, name: str, redactor: Redactor) -> Iterator[Event]:
    """The events of an entry, by time."""
    redactor = redactor.knowing(request_secrets(redactor, entry.url, entry.request_headers))
    source = Source(
        name, "", entry.trace_id or derived(16, name),
        entry.session_id or derived(8, name, entry.number, entry.start_ns), 1,
    )  # fmt: skip
    dial_ns = round(sum(entry.timings.get(phase, 0.0) for phase in ("dns", "connect", "wait")) * MS_NS)
    open_ns = entry.start_ns + dial_ns
    is_timed = not entry.frames or ("wait" in entry.timings and open_ns <= entry.frames[0].ts_ns)
    if not is_timed:
        # The file does not say how long the upgrade took: all that is known is that the first message came after it
        open_ns = entry.frames[0].ts_ns
    started, done = opening(source, open_ns, _about(entry, redactor, is_timed=is_timed), "initialized")
    yield replace(started, ts_ns=entry.start_ns)
    if entry.is_open:
        yield replace(done, duration_ns=dial_ns or None) if is_timed else done
    decoding = session_decoding()
    for frame in entry.frames:
        yield _message(frame, source, redactor, decoding)
    if entry.is_closed or entry.error or not entry.is_open:
        yield _end(entry, source, open_ns, redactor)


def _about(entry: HarEntry, redactor: Redactor, *, is_timed: bool) -> dict[str, Json]:
    """``meta`` for the events of the session's beginning."""
    meta: dict[str, Json] = {
        "url": redactor.url(entry.url),
        "request_headers": _redacted(entry.request_headers, redactor),
        "response_headers": _redacted(entry.response_headers, redactor, entry.request_headers),
    }
    if entry.address:
        meta["peer"] = f"{entry.address}:{endpoint(entry.url).port or ''}".rstrip(":")
    timings = dict(entry.timings) if is_timed else {}
    if timings.get("ssl"):
        # The standard includes ssl in connect
        timings["connect"] = max(0.0, timings.get("connect", 0.0) - timings["ssl"])
    for phase, key in _PHASES.items():
        if phase in timings:
            meta[key] = round(timings[phase], 6)
    return meta


def _redacted(headers: list[tuple[str, str]], redactor: Redactor, request: Sequence[tuple[str, str]] = ()) -> Json:
    return [[name, value] for name, value in redactor.headers(headers, request)]


def _message(frame: HarFrame, source: Source, redactor: Redactor, decoding: PayloadDecoding) -> Event:
    payload, redacted = None, False
    meta: dict[str, Json] = {ENCODING: frame.encoding} if frame.encoding else {}
    if frame.body is not None:
        body = frame.body
        if not frame.encoding and not frame.truncated:
            body, meta = decoded(decoding, frame.direction, frame.opcode, body)
        payload, redacted = redactor.payload(body)
        if redacted and redactor.is_over_budget:
            meta |= MASKED_UNREAD
    return Event(
        source, _name(frame.opcode, frame.direction), frame.ts_ns, 0,
        direction=frame.direction, opcode=frame.opcode, size=frame.size,
        payload=payload, truncated=frame.truncated, redacted=redacted, meta=meta or None,
    )  # fmt: skip


def _name(opcode: Opcode, direction: Direction) -> EventName:
    match opcode:
        case "ping":
            return "heartbeat.sent" if direction == "out" else "heartbeat.received"
        case "pong":
            return "heartbeat.responded"
        case _:
            return "message.sent" if direction == "out" else "message.received"


def _end(entry: HarEntry, source: Source, open_ns: int, redactor: Redactor) -> Event:
    """The end of a session or of an attempt, at the time that the file tells, else at the latest one it has."""
    last_ns = entry.frames[-1].ts_ns if entry.frames else open_ns if entry.is_open else entry.start_ns
    ts_ns = max(last_ns, entry.close_ns or entry.error_ns or entry.end_ns)
    meta: dict[str, Json] = {"attempt": 1, "open": entry.is_open}
    error_type, error, close_by = entry.error_type, entry.error, entry.close_by
    if entry.close_code is not None and not entry.close_by:
        closed = f"closed with {entry.close_code} {entry.close_reason}".rstrip()
        error = error or f"{closed} (the file does not say by which side)"
    if not entry.is_open:
        meta |= {
            "response_headers": _redacted(entry.response_headers, redactor, entry.request_headers),
            "body": redactor.text(entry.body),
        }
        if not error_type:
            error_type = "http_status" if entry.status else "handshake"
            close_by = close_by or "refusal"
            error = error or _without_error(entry.status)
    return Event(
        source, "connection.disconnected", ts_ns, 0,
        from_status="websocket_connected" if entry.is_open else "connecting",
        # As the relay that recorded it: the application was done, which is no loss
        to_status="closed" if close_by == "application" else "disconnected",
        duration_ns=max(0, ts_ns - open_ns) if entry.is_open else None,
        status=entry.status, close_code=entry.close_code, close_by=close_by,
        reason=redactor.text(entry.close_reason), error_type=error_type, error=redactor.text(error), meta=meta,
    )  # fmt: skip


def _without_error(status: int | None) -> str:
    """The sentence about a failed attempt for which the file has no error."""
    if status is None:
        return "the file has neither a response to the upgrade nor an error"
    return f"HTTP {status} {status_phrase(status)}".rstrip()
