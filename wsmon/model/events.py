"""The event record that travels from the socket to the screen, its names, its verdict, and the ids of traces.

The engine emits events without an id; the writer assigns the id at commit; readers return events with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NewType, TypeAlias, get_args

import msgspec

from wsmon.model.statuses import Status

EventName = Literal[
    "message.received",
    "message.sent",
    "message.decode.started",
    "message.decode.completed",
    "message.encode.started",
    "message.encode.completed",
    "message.process.started",
    "message.process.completed",
    "message.batch_processed",
    "heartbeat.sent",
    "heartbeat.received",
    "heartbeat.responded",
    "heartbeat.timeout",
    "heartbeat.failure",
    "connection.started",
    "connection.open",
    "connection.completed",
    "connection.disconnected",
    "connection.reconnect.attempt",
    "connection.reconnect.success",
    "connection.reconnect.failed",
    "connection.transition",
    "connection.protocol",
    "subscription.subscribe.started",
    "subscription.subscribe.completed",
    "subscription.unsubscribe.started",
    "subscription.unsubscribe.completed",
    "subscription.lost",
    "subscription.restored",
    "auth.started",
    "auth.completed",
    "auth.failed",
    "auth.refresh.started",
    "auth.refresh.completed",
    "error.occurred",
    "error.handled",
    "incident.opened",
    "incident.closed",
    "self.backpressure",
    "self.shed",
    "self.pruned",
    "self.config.reloaded",
    "self.clock.stepped",
    "self.suspended",
    "self.run.started",
    "self.run.ended",
    "self.alert.delivered",
    "self.alert.failed",
    "self.sink.failed",
    "self.plugin.failed",
    "self.lost",
    "self.store.tampered",
    "trace.request.start",
    "trace.request.end",
    "trace.downstream",
    "trace.log",
    "trace.span.start",
    "trace.span.end",
    "trace.lost",
]
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)
# What each means, for users
EVENT_MEANINGS: Mapping[EventName, str] = MappingProxyType(
    {
        "message.received": "message from the peer",
        "message.sent": "message to the peer",
        "message.decode.started": "an application began to decode a message",
        "message.decode.completed": "an application decoded a message",
        "message.encode.started": "an application began to encode a message",
        "message.encode.completed": "an application encoded a message",
        "message.process.started": "request sent, or message handling started",
        "message.process.completed": "response to a request, or message handling finished; includes the duration",
        "message.batch_processed": "one second's messages, counted instead of stored",
        "heartbeat.sent": "ping or protocol-level heartbeat sent",
        "heartbeat.received": "ping or protocol-level heartbeat received",
        "heartbeat.responded": "pong, or answer to a heartbeat",
        "heartbeat.timeout": "a ping or heartbeat was not answered in time",
        "heartbeat.failure": "several heartbeats in a row were not answered in time",
        "connection.started": "connection attempt started",
        "connection.open": "TCP (and TLS) connected; the upgrade is pending",
        "connection.completed": "WebSocket open",
        "connection.disconnected": "open connection lost, or first attempt failed",
        "connection.reconnect.attempt": "next attempt scheduled; includes the delay",
        "connection.reconnect.success": "open again; includes the duration of the outage",
        "connection.reconnect.failed": "another attempt failed",
        "connection.transition": "any other connection state change, e.g. giving up",
        "connection.protocol": "protocol detected or re-detected",
        "subscription.subscribe.started": "subscribe request sent",
        "subscription.subscribe.completed": "subscription confirmed or refused",
        "subscription.unsubscribe.started": "unsubscribe request sent",
        "subscription.unsubscribe.completed": "unsubscribe confirmed or refused",
        "subscription.lost": "the peer ended a subscription",
        "subscription.restored": "subscription active again after a reconnect",
        "auth.started": "login request sent",
        "auth.completed": "login accepted",
        "auth.failed": "login refused",
        "auth.refresh.started": "token renewal requested",
        "auth.refresh.completed": "token renewed",
        "error.occurred": "error in a message or frame, or reported by the peer or an application",
        "error.handled": "error from which the connection or application recovered",
        "incident.opened": "incident opened: a detector or an alert rule found a problem",
        "incident.closed": "incident closed",
        "self.backpressure": "reading paused because the store was slow",
        "self.shed": "events were not stored; includes the count",
        "self.pruned": "old events were deleted (retention)",
        "self.config.reloaded": "configuration reloaded",
        "self.clock.stepped": "the system clock was changed",
        "self.suspended": "the recorder was suspended, e.g. while the machine was asleep",
        "self.run.started": "recorder started; says if the last one did not record its end",
        "self.run.ended": "recorder stopped",
        "self.alert.delivered": "an alert was delivered; includes the time since the error",
        "self.alert.failed": "an alert could not be delivered",
        "self.sink.failed": "an exporter or sink failed",
        "self.plugin.failed": "a plugin failed",
        "self.lost": "events from the previous run were lost; includes the count",
        "self.store.tampered": "the store was modified or deleted during recording",
        "trace.request.start": "an application began to handle a request",
        "trace.request.end": "an application handled a request; includes the duration",
        "trace.downstream": "call from an application to another service",
        "trace.log": "log record from an application",
        "trace.span.start": "application span started",
        "trace.span.end": "application span ended; includes the duration",
        "trace.lost": "events from an application were lost; includes the count",
    }
)
# May be as frequent as messages: they have a size, other events have none
FREQUENT_NAMES: frozenset[EventName] = frozenset(
    name for name in EVENT_NAMES if name.startswith(("message.", "heartbeat.", "trace.")) and name != "trace.lost"
)

Direction = Literal["", "in", "out"]
Opcode = Literal["", "text", "binary", "ping", "pong", "close"]
# stated: the peer, the server or the protocol said so; observed: wsmon saw it; inferred: it follows from both, or may
Certainty = Literal["", "stated", "observed", "inferred"]
CloseBy = Literal["", "peer", "us", "heartbeat", "network", "proxy", "refusal", "application"]

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | list[Json] | tuple[Json, ...] | None"
Meta: TypeAlias = Mapping[str, Json]

# Key of ``meta``, true where wsmon did not read for a while before: a message may have waited in its socket, so it has
# no feed latency, and the duration of an answer is an upper bound that counts in no statistics
READ_LATE: Final = "read_late"
# Key of ``meta`` of a message whose payload is what decoders made of it: their names in their order, with "+" between
ENCODING: Final = "encoding"
# Meta of a message that the user sent from the screen
BY_HAND: Final[Meta] = MappingProxyType({"by": "hand"})


# Between the name of a recording and that of a connection, where several recordings are read as one. No name has it.
RECORDING_SIGN: Final = "/"


def split_connection(name: str) -> tuple[str, str]:
    """Return the recording that the name of a connection begins with, empty where there is none, and its own name."""
    recording, sign, own = name.partition(RECORDING_SIGN)
    return (recording, own) if sign else ("", name)


class Source(msgspec.Struct, frozen=True, gc=False):
    """Origin of events: a connection and, while there is a socket, its session.

    All events of a session share one value. The recorder's own events have an empty ``connection``.
    """

    connection: str = ""
    group: str = ""
    trace_id: str = ""
    connection_id: str = ""
    """The session, 16 hex digits; empty between sessions."""
    run: int = 0
    """The run of the recorder; 0 until the event is stored."""
    recording: str = ""
    """Where several recordings are read as one: the name of the one that the event is in; ``connection`` begins with it
    then, see ``RECORDING_SIGN``."""


RECORDER = Source()


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The explanation of one loss or failed attempt."""

    by: CloseBy
    """The side that ended it."""
    code: str
    """The close code or the HTTP status with its meaning: "1012 service restart", "no close frame",
    "HTTP 403 Forbidden"; empty where there is neither."""
    cause: str
    """What happened and its likely cause, in a sentence."""
    next: str
    """The next step of the user, in a sentence."""
    evidence: tuple[int, ...] = ()
    """Ids of other events that show the cause."""
    evidence_text: str = ""
    """What the peer said last, sanitised; empty where it said nothing in the last second and a half."""
    certainty: Certainty = ""
    """How sure the cause is; empty in verdicts of before there was this field."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event on a connection or in the recorder; fields that do not apply keep their empty value.

    ``ts_ns`` is the wall clock (UTC, since 1970), for display; ``mono_ns`` the monotonic clock, for measuring.
    """

    source: Source
    name: EventName
    ts_ns: int
    mono_ns: int
    direction: Direction = ""
    opcode: Opcode = ""
    size: int | None = None
    """Bytes of the whole message as received or sent, also where the payload was redacted or cut.

    The events of ``FREQUENT_NAMES`` have a size, 0 where another event counts the bytes; other events have None.
    """
    wire_size: int | None = None
    """Bytes on the wire, frame headers included, compressed."""
    payload: bytes | None = None
    truncated: bool = False
    redacted: bool = False
    type: str = ""
    topic: str = ""
    ref: str = ""
    duration_ns: int | None = None
    """A difference of monotonic times; for a message, the time to read it in its protocol."""
    status: int | str | None = None
    """HTTP status, or the outcome of an operation: "ok", "error", "abandoned", "orphan", or its protocol's word."""
    from_status: Status | None = None
    to_status: Status | None = None
    close_code: int | None = None
    close_by: CloseBy = ""
    reason: str = ""
    error_type: str = ""
    error: str = ""
    span_id: str = ""
    parent_id: str = ""
    verdict: Verdict | None = None
    """Added by the writer, like the id."""
    meta: Meta | None = None
    id: int = 0
    """0 until the event is stored."""

    @property
    def category(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    @property
    def http_status(self) -> int | None:
        """The HTTP status; None = it has none."""
        return self.status if isinstance(self.status, int) else None

    @property
    def outcome(self) -> str:
        """The outcome of an operation, see ``status``; empty = it has none."""
        return self.status if isinstance(self.status, str) else ""

    @property
    def encoding(self) -> str:
        """The decoders that the payload went through, in their order with "+" between; empty where it is as it came."""
        found = "" if self.meta is None else self.meta.get(ENCODING)
        return found if isinstance(found, str) else ""

    @property
    def holds_text(self) -> bool:
        """Whether the payload is that of a text message, or a text that a message was decoded to."""
        if self.opcode in ("text", ""):
            return True
        if not self.encoding:
            return False
        try:
            (self.payload or b"").decode()
        except UnicodeDecodeError:
            return False
        return True

    def is_on_clock_of(self, other: Event) -> bool:
        """Whether the monotonic times of both are of one run of one recorder, so that they can be subtracted."""
        return self.source.run == other.source.run and self.source.recording == other.source.recording

    @property
    def is_problem(self) -> bool:
        """Whether the event shows trouble: it has an error, or a name in ``PROBLEM_NAMES`` and no end was wanted."""
        return bool(self.error_type) or (self.name in PROBLEM_NAMES and not self._is_wanted_end)

    @property
    def _is_wanted_end(self) -> bool:
        """Whether wsmon, its user or an application closed the connection, without an error; given no error type."""
        return (
            self.name == DISCONNECTED
            and self.to_status == "closed"
            and (self.close_code is None or self.close_code in FAULTLESS_CODES)
        )


DISCONNECTED: EventName = "connection.disconnected"
# Close codes that report no error: normal closure, going away, none given (RFC 6455, section 7.4.1)
FAULTLESS_CODES: Final = (1000, 1001, 1005)

PROBLEM_NAMES: frozenset[EventName] = frozenset(
    {
        "auth.failed",
        "connection.disconnected",
        "connection.reconnect.failed",
        "error.occurred",
        "heartbeat.failure",
        "heartbeat.timeout",
        "incident.opened",
        "self.alert.failed",
        "self.backpressure",
        "self.clock.stepped",
        "self.lost",
        "self.shed",
        "self.plugin.failed",
        "self.sink.failed",
        "self.store.tampered",
        "self.suspended",
        "subscription.lost",
        "trace.lost",
    }
)


# 16 hex digits: the id of a session, and of its span
ConnectionId = NewType("ConnectionId", str)
# All sessions of a connection in one run: 32 hex digits (W3C), or a text that the user chose
TraceId = NewType("TraceId", str)
# 16 hex digits
SpanId = NewType("SpanId", str)

TRACE_BYTES = 16
SPAN_BYTES = 8


def trace_id(random_bytes: bytes) -> TraceId:
    """Make a W3C trace id of 16 random bytes."""
    return TraceId(_hex(random_bytes, TRACE_BYTES))


def connection_id(random_bytes: bytes) -> ConnectionId:
    """Make the id of a session of 8 random bytes."""
    return ConnectionId(_hex(random_bytes, SPAN_BYTES))


def span_id(random_bytes: bytes) -> SpanId:
    """Make the id of a span of 8 random bytes."""
    return SpanId(_hex(random_bytes, SPAN_BYTES))


def _hex(random_bytes: bytes, length: int) -> str:
    """Return lowercase hex; W3C forbids an id of zeros only, so its last bit is set."""
    if len(random_bytes) != length:
        raise ValueError(f"an id needs {length} random bytes, not {len(random_bytes)}")
    return random_bytes.hex() if any(random_bytes) else f"{1:0{2 * length}x}"
