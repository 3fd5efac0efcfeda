"""The history of a connection that verdicts are based on: its last ends, what preceded the next one, its neighbours.

A bounded fold over events; it is the same for live events and for events read from a store.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wsmon.model.events import CloseBy, Event
from wsmon.model.http import response_header
from wsmon.model.redact.masking import split_url
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import names_limit

# Losses, and failed attempts, in which patterns are looked for
MAX_ENDS: Final = 20
MAX_HOST_LOSSES: Final = 64


# A shorter standstill of the recorder is not noticed by a peer, and TCP buffers a shorter pause in its reading
SHORTEST_PAUSE_NS: Final = SECOND_NS // 2
# Without a frame in either direction for this long a connection was idle; shorter silences are the rhythm of messages
IDLE_S: Final = 5.0
# Error types of an end of TCP without a close frame that the other side may have caused on purpose
CUTS: Final = ("", "eof", "reset")

# Error types of what wsmon concludes about messages; others are what the peer said in one
_OWN_FINDINGS: Final = frozenset(
    {"", BROKEN_OFF, "timeout", "unmatched", "duplicate_id", "too_many_topics", "not_confirmed", "replaced",
     "given_up", "restarted", "classifier", "plugin",
     "decode_damaged", "decode_refused", "decode_lost", "decode_missing"}
)  # fmt: skip
# Protocols whose servers want no answer to their heartbeats
_ONE_WAY: Final = frozenset({"stomp", "actioncable"})


class EndWay(NamedTuple):
    """How the other side ended a session; ends are alike where this is the same."""

    code: int | None
    """Of its close frame; None without one."""
    reason: str
    """Its own, without numbers."""
    cut: str
    """``eof`` or ``reset`` without a close frame, else empty."""


def way_of_end(event: Event) -> EndWay | None:
    """Return how the other side ended a session; None where it did not, or where the recorder stood still before.

    A fault of the path or of the machine (no route, a dead host, broken TLS) is no act of the other side.
    """
    if suspended_ns(event):
        return None
    if event.close_by == "peer" and event.close_code is not None:
        return EndWay(event.close_code, re.sub(r"\d+", "#", event.reason), "")
    if event.close_by in ("network", "proxy") and event.error_type in CUTS:
        return EndWay(None, "", event.error_type)
    return None


def suspended_ns(event: Event) -> int:
    """Return how long the recorder stood still before an end, as the session measured it; 0 if not worth a word."""
    suspended_ms = (event.meta or {}).get("suspended_ms")
    lasted_ns = round(suspended_ms * MS_NS) if isinstance(suspended_ms, (int, float)) else 0
    return lasted_ns if lasted_ns >= SHORTEST_PAUSE_NS else 0


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """The end of a session or a failed attempt, as patterns need it; times in seconds, None: unknown."""

    id: int
    """The event; 0 where the profile keeps no row of it."""
    ts_ns: int
    by: CloseBy
    open_s: float | None
    """How long the session was usable; None: it never was."""
    since_out_s: float | None
    """Time since the last frame sent."""
    since_in_s: float | None
    """Time since the last frame received, a close frame aside."""
    since_login_s: float | None
    names_limit: bool
    """Whether the peer named a limit on rate or number."""
    code: int | None = None
    """Of the close frame; None without one."""
    reason: str = ""
    """The peer's own, as it closed."""
    way: EndWay | None = None
    """How the other side ended it; None where it did not, or where the recorder itself stood still before."""

    @property
    def idle_s(self) -> float | None:
        """For how long nothing went in either direction before the end; None for an attempt."""
        if self.open_s is None:
            return None
        return min(self.open_s if each is None else each for each in (self.since_out_s, self.since_in_s))


@dataclass(frozen=True, slots=True)
class Precursor:
    """An event that may explain an end soon after it."""

    id: int
    mono_ns: int
    lasted_ns: int = 0
    """Duration; 0 where the event has none."""
    text: str = ""
    """What it says."""
    type: str = ""
    """The type of the message that it was read from."""


@dataclass(frozen=True, slots=True)
class HostLoss:
    """A loss of one of the connections to a host."""

    connection: str
    id: int
    run: int
    mono_ns: int
    way: EndWay | None
    is_idle: bool
    """Whether nothing had gone in either direction for a while."""
    is_after_standstill: bool
    """Whether the recorder itself had stood still before."""
    by: CloseBy = ""

    @property
    def has_fallen_silent(self) -> bool:
        """Whether nothing went for a while, and then our heartbeat gave up or TCP ended without a close frame."""
        is_cut = self.way is not None and bool(self.way.cut)
        return self.is_idle and not self.is_after_standstill and (is_cut or self.by == "heartbeat")

    def is_like(self, other: HostLoss) -> bool:
        """Return whether the other side ended both in the same way, after a like silence."""
        return self.way is not None and (self.way, self.is_idle) == (other.way, other.is_idle)


def host_loss(event: Event, end: ConnectionEnd) -> HostLoss:
    """Return what an end says about its host."""
    is_idle = end.idle_s is not None and end.idle_s >= IDLE_S
    source = event.source
    stood_still = suspended_ns(event) > 0
    return HostLoss(source.connection, event.id, source.run, event.mono_ns, end.way, is_idle, stood_still, end.by)


@dataclass(slots=True)
class Host:
    """The connections to one host and port."""

    losses: deque[HostLoss] = field(default_factory=lambda: deque(maxlen=MAX_HOST_LOSSES))
    open: set[str] = field(default_factory=set)
    """Names of the connections that are open."""


@dataclass(slots=True)
class History:
    """The history of one connection: its last ends, and the precursors of the next one in the present session."""

    losses: deque[ConnectionEnd] = field(default_factory=lambda: deque(maxlen=MAX_ENDS))
    failures: deque[ConnectionEnd] = field(default_factory=lambda: deque(maxlen=MAX_ENDS))
    host: Host = field(default_factory=Host)
    """Shared by the histories of all connections to it."""
    server: str = ""
    """``Server`` header of the newest session."""
    login: Precursor | None = None
    """The last login of this session."""
    pause: Precursor | None = None
    """The last pause in reading, because the recorder's store was slow."""
    missed: Precursor | None = None
    """The last ping without an answer, with the time that was waited for it."""
    stall: Precursor | None = None
    """The open stall."""
    fault: Precursor | None = None
    """The last error."""
    refusal: Precursor | None = None
    """The last login that the peer refused, without one that it accepted since."""
    complaint: Precursor | None = None
    """The last error that a message of the peer was about; one that answers a request is none."""
    answer: Precursor | None = None
    """The last error with which the peer answered one request."""
    unanswered: Precursor | None = None
    """The last heartbeat of the protocol that the peer sent and that we did not answer."""
    unanswered_count: int = 0
    """Such heartbeats since the last answer."""
    unsent: Precursor | None = None
    """When wsmon had left out a heartbeat that it had agreed to send."""
    has_pong: bool = False
    """Whether the peer answered a ping of ours in this session."""
    has_protocol_answer: bool = False
    """Whether it answered a heartbeat of the protocol."""
    protocol: str = ""
    """Of this session, as configured or recognised; empty where it is not known."""

    def end_of(self, event: Event) -> ConnectionEnd:
        """Return what patterns need of an end of this connection."""
        meta = event.meta or {}
        is_limit = event.status == 429 or names_limit(event.reason, event.close_code)
        return ConnectionEnd(
            event.id,
            event.ts_ns,
            event.close_by,
            event.duration_ns / SECOND_NS if event.from_status == OPEN and event.duration_ns is not None else None,
            _seconds(meta.get("last_out_ms")),
            _seconds(meta.get("last_in_ms")),
            None if self.login is None else max(0.0, (event.mono_ns - self.login.mono_ns) / SECOND_NS),
            is_limit,
            event.close_code,
            event.reason if event.close_by == "peer" else "",
            way_of_end(event),
        )

    def observe(self, event: Event) -> None:
        """Take an event of this connection, after the verdict on it."""
        match event.name:
            case "auth.completed" | "auth.refresh.completed":
                self.login = _precursor(event)
                self.refusal = self.complaint = None
            case "auth.failed" if event.error_type not in _OWN_FINDINGS:
                self.refusal = _precursor(event)
            case "self.backpressure" if (_pause_ns(event) or 0) >= SHORTEST_PAUSE_NS:
                self.pause = _precursor(event, _pause_ns(event))
            case "heartbeat.timeout":
                self.missed = _precursor(event, event.duration_ns)
            case "incident.opened" if event.type == "stall":
                self.stall = _precursor(event)
            case "incident.closed" if event.type == "stall":
                self.stall = None
            case "error.occurred" if event.error_type == "heartbeat_not_sent":
                self.unsent = _precursor(event)
            case "error.occurred":
                self.fault = _precursor(event)
            case "heartbeat.received" if not event.opcode and self.protocol not in _ONE_WAY:
                self.unanswered = _precursor(event)
                self.unanswered_count += 1
            case "heartbeat.responded" if event.direction == "out" and not event.opcode:
                self.unanswered = None
                self.unanswered_count = 0
            case "heartbeat.responded" if event.direction == "in":
                self.has_pong = self.has_pong or event.opcode == "pong"
                self.has_protocol_answer = self.has_protocol_answer or not event.opcode
            case "connection.protocol":
                self.protocol = event.type
            case _ if event.to_status == "disconnected":
                (self.losses if event.from_status == OPEN else self.failures).append(self.end_of(event))
            case "connection.completed":
                self.failures.clear()
                self.server = response_header(event, "Server")
                protocol = (event.meta or {}).get("protocol")
                self.protocol = protocol if isinstance(protocol, str) else ""
        if event.direction == "in" and event.size is None and event.error_type not in _OWN_FINDINGS:
            if event.name != "auth.failed" and (event.ref or event.category == "subscription"):
                self.answer = _precursor(event)
            else:
                self.complaint = _precursor(event)
        if event.name == "connection.started":
            self.login = self.pause = self.missed = self.stall = self.fault = None
            self.refusal = self.complaint = self.answer = self.unanswered = self.unsent = None
            self.unanswered_count = 0
            self.has_pong = self.has_protocol_answer = False
            self.server = self.protocol = ""


class Histories:
    """The histories of all connections, with the losses of each host."""

    def __init__(self) -> None:
        self._by_connection: dict[str, History] = {}
        self._by_host: dict[str, Host] = {}

    def of(self, connection: str) -> History:
        """Return the history of a connection; an empty one for a connection without events."""
        history = self._by_connection.get(connection)
        if history is None:
            history = self._by_connection[connection] = History()
        return history

    def __contains__(self, connection: str) -> bool:
        return connection in self._by_connection

    def observe(self, event: Event) -> None:
        """Take an event of any connection, after the verdict on it."""
        history = self.of(event.source.connection)
        history.observe(event)
        source = event.source
        if event.name == "connection.started":
            history.host.open.discard(source.connection)
            host = _host(event)
            if host:
                history.host = self._by_host.setdefault(host, Host())
        elif event.to_status == OPEN:
            history.host.open.add(source.connection)
        elif event.from_status == OPEN:
            history.host.open.discard(source.connection)
            if event.to_status == "disconnected" and event.close_by != "us":
                history.host.losses.append(host_loss(event, history.end_of(event)))


def _precursor(event: Event, lasted_ns: int | None = None) -> Precursor:
    text = event.error or event.reason or event.error_type.replace("_", " ")
    said = f"{event.type}: {text}" if event.type and text else text
    return Precursor(event.id, event.mono_ns, lasted_ns or 0, said, event.type)


def _pause_ns(event: Event) -> int | None:
    paused_ms = (event.meta or {}).get("paused_ms")
    return round(paused_ms * MS_NS) if isinstance(paused_ms, (int, float)) else None


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, (int, float)) else None


def _host(event: Event) -> str:
    """Return host and port of a dial; empty where the event has no URL."""
    url = (event.meta or {}).get("url")
    try:
        return split_url(url).netloc.rpartition("@")[2] if isinstance(url, str) else ""
    except ValueError:
        return ""
