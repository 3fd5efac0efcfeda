"""Builders of events, lanes and connection rows: what a test does not name has an ordinary value.

All times are seconds after ``T0_NS``, so that what a screen shows is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from wsmon.model.events import RECORDER, Direction, Event, EventName, Json, Meta, Source, SpanId
from wsmon.model.snapshot import ConnectionRow, ConnectionState, OpenIncident, StoredSpec
from wsmon.model.spans import Span, SpanStatus
from wsmon.model.statuses import OPEN, ConnectionStatus, Status
from wsmon.model.timeline import Incident, Lane, LossMark, StatusSegment

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
# 2026-01-10 14:02:24 UTC
T0_NS = 1_768_053_744 * SECOND_NS
MONO_0_NS = 5_000 * SECOND_NS
SESSION = "00f067aa0ba902b7"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def at_ns(after_s: float) -> int:
    """The wall time so many seconds after ``T0_NS``."""
    return T0_NS + round(after_s * SECOND_NS)


def source(connection: str = "binance-spot", *, session: str = SESSION, group: str = "", run: int = 1) -> Source:
    """A session of a connection."""
    return Source(connection=connection, group=group, trace_id=TRACE, connection_id=session, run=run)


def event(
    name: EventName = "message.received", after_s: float = 0.0, connection: str = "binance-spot", **fields: object
) -> Event:
    """Any event; ``fields`` are those of ``Event``."""
    made = Event(
        source(connection) if connection else RECORDER, name, at_ns(after_s), MONO_0_NS + round(after_s * SECOND_NS)
    )
    return msgspec.structs.replace(made, **fields)


def message(
    payload: str | bytes = '{"e":"trade","s":"BTCUSDT","p":"97120.5"}',
    after_s: float = 0.0,
    connection: str = "binance-spot",
    *,
    direction: Direction = "in",
    **fields: object,
) -> Event:
    """A data message; bytes make it binary."""
    body = payload.encode() if isinstance(payload, str) else payload
    whole: dict[str, object] = {
        "direction": direction,
        "opcode": "text" if isinstance(payload, str) else "binary",
        "size": len(body),
        "wire_size": len(body) + 4,
        "payload": body,
    }
    return event("message.sent" if direction == "out" else "message.received", after_s, connection, **(whole | fields))


def pong(after_s: float = 0.0, connection: str = "binance-spot", rtt_ms: float = 18.0, **fields: object) -> Event:
    """The answer to our ping."""
    whole: dict[str, object] = {"direction": "in", "opcode": "pong", "size": 4, "duration_ns": round(rtt_ms * 1e6)}
    return event("heartbeat.responded", after_s, connection, **(whole | {"payload": b"\x00\x01\x02\x03"} | fields))


def ping(after_s: float = 0.0, connection: str = "binance-spot", **fields: object) -> Event:
    """Our ping."""
    whole: dict[str, object] = {"direction": "out", "opcode": "ping", "size": 4, "payload": b"\x00\x01\x02\x03"}
    return event("heartbeat.sent", after_s, connection, **(whole | fields))


def dialled(after_s: float = 0.0, connection: str = "binance-spot", attempt: int = 1, **fields: object) -> Event:
    """The start of a session."""
    meta: Meta = {"attempt": attempt, "url": "wss://stream.example.net/ws?token=[FILTERED]"}
    whole: dict[str, object] = {
        "from_status": "initialized" if attempt == 1 else "reconnecting",
        "to_status": "connecting",
        "meta": meta,
    }
    return event("connection.started", after_s, connection, **(whole | fields))


def usable(after_s: float = 0.0, connection: str = "binance-spot", took_ms: float = 212.0, **fields: object) -> Event:
    """The end of a handshake that succeeded."""
    headers: list[Json] = [["Upgrade", "websocket"], ["Server", "nginx/1.25.3"]]
    meta: Meta = {
        "dns_ms": 3.0,
        "tcp_ms": 11.0,
        "tls_ms": 160.0,
        "upgrade_ms": 38.0,
        "subprotocol": "v1.stream",
        "extensions": ["permessage-deflate"],
        "request_headers": [["Host", "stream.example.net"], ["Authorization", "[FILTERED]"]],
        "response_headers": headers,
    }
    whole: dict[str, object] = {
        "from_status": "connected",
        "to_status": OPEN,
        "duration_ns": round(took_ms * 1e6),
        "status": 101,
        "meta": meta,
    }
    return event("connection.completed", after_s, connection, **(whole | fields))


def loss(
    after_s: float = 0.0,
    connection: str = "deribit",
    *,
    code: int | None = 1008,
    by: str = "peer",
    reason: str = "rate limit: 5 connections",
    open_s: float = 0.4,
    **fields: object,
) -> Event:
    """The end of a session that was open."""
    received: Meta | None = {"code": code, "reason": reason} if code is not None else None
    meta: dict[str, Json] = {"attempt": 1, "open": True, "last_in_ms": 120.0, "last_out_ms": 400.0}
    if received is not None:
        meta |= {"received": received, "first": "received"}
    whole: dict[str, object] = {
        "from_status": OPEN,
        "to_status": "disconnected",
        "duration_ns": round(open_s * SECOND_NS),
        "close_code": code,
        "close_by": by,
        "reason": reason,
        "meta": meta,
    }
    return event("connection.disconnected", after_s, connection, **(whole | fields))


def refused(after_s: float = 0.0, connection: str = "deribit", status: int | None = 403, **fields: object) -> Event:
    """A dial that failed at the upgrade."""
    whole: dict[str, object] = {
        "from_status": "connected",
        "to_status": "disconnected",
        "close_by": "refusal",
        "status": status,
        "error_type": "http_status",
        "error": f"the server answered HTTP {status}",
        "meta": {"attempt": 2, "open": False, "response_headers": [["Content-Type", "text/plain"]], "body": "no key"},
    }
    return event("connection.reconnect.failed", after_s, connection, **(whole | fields))


def retry(after_s: float = 0.0, connection: str = "deribit", attempt: int = 18, delay_s: float = 7.0) -> Event:
    """The wait before the next dial."""
    meta: Meta = {"attempt": attempt, "delay_ms": delay_s * 1000, "next_attempt_ns": at_ns(after_s + delay_s)}
    made = event(
        "connection.reconnect.attempt", after_s, connection, from_status="disconnected", to_status="reconnecting"
    )
    return msgspec.structs.replace(made, meta=meta, source=source(connection, session=""))


def stall(after_s: float = 0.0, connection: str = "kraken-book", reason: str = "no data for 41 s") -> Event:
    """The beginning of an incident of silence."""
    return event("incident.opened", after_s, connection, type="stall", reason=reason, meta={"evidence": [3, 4]})


def numbered(events: Iterable[Event], first_id: int = 1) -> tuple[Event, ...]:
    """The events as a store gives them: with ids, without holes."""
    return tuple(msgspec.structs.replace(each, id=number) for number, each in enumerate(events, first_id))


def lane(
    connection: str,
    statuses: Sequence[tuple[float, Status]],
    end_s: float,
    *,
    losses: Sequence[float] = (),
    stalls: Sequence[tuple[float, float]] = (),
    incidents: Sequence[tuple[float, float]] = (),
    group: str = "",
    first_id: int = 1,
) -> Lane:
    """A lane from the seconds at which a status began; event ids count up from ``first_id``."""
    ends = [*(start for start, _ in statuses[1:]), end_s][: len(statuses)]
    segments = tuple(
        StatusSegment(at_ns(start), at_ns(end), status, first_id + number)
        for number, ((start, status), end) in enumerate(zip(statuses, ends, strict=True))
    )
    marks = tuple(LossMark(at_ns(at), first_id + 100 + number) for number, at in enumerate(losses))
    silent = [Incident(at_ns(start), at_ns(end), first_id + 200, "stall") for start, end in stalls]
    others = [Incident(at_ns(start), at_ns(end), first_id + 300, "gap") for start, end in incidents]
    found = sorted([*silent, *others], key=lambda each: each.start_ns)
    return Lane(connection, group, segments, marks, tuple(found))


def row(
    name: str = "binance-spot",
    status: ConnectionStatus = OPEN,
    *,
    since_s: float = -8040.0,
    messages_per_s: float = 0.0,
    losses_per_hour: float = 0.0,
    problem: Event | None = None,
    incidents: tuple[OpenIncident, ...] = (),
    began: Event | None = None,
    problem_ended_ns: int | None = None,
    **fields: object,
) -> ConnectionRow:
    """A line of the connections list; ``fields`` are those of ``ConnectionState`` and its ``spec``."""
    of_spec = {field: fields.pop(field) for field in StoredSpec.__struct_fields__ if field in fields}
    whole: dict[str, object] = {
        "spec": msgspec.convert({"url": f"wss://{name}.example.net/ws"} | of_spec, StoredSpec),
        "trace_id": TRACE,
        "connection_id": SESSION if status == OPEN else "",
        "since_ns": at_ns(since_s),
    }
    state = msgspec.convert({"name": name, "status": status} | whole | fields, ConnectionState)
    return ConnectionRow(state, messages_per_s, losses_per_hour, problem, incidents, began, problem_ended_ns)


def span(
    span_id: str,
    parent_id: str,
    operation: str,
    name: str,
    start_ms: int,
    took_ms: int | None,
    status: SpanStatus | Literal["open"] = "ok",
    **fields: object,
) -> Span:
    """A thing that took a while, so many milliseconds after ``T0_NS``."""
    start_ns = start_ms * 1_000_000
    took_ns = None if took_ms is None else took_ms * 1_000_000
    made = Span(
        SpanId(span_id), parent_id, operation, "", name, T0_NS + start_ns, MONO_0_NS + start_ns, took_ns, status
    )
    return msgspec.structs.replace(made, **fields)
