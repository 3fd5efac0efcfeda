"""The history of a connection that verdicts are based on: its last ends, what preceded the next one, its neighbours.

A bounded fold over events; it is the same for live events and for events read from a store.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from wsmon.model.events import CloseBy, Event
from wsmon.model.http import response_header
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import names_limit

# Losses, and failed attempts, in which patterns are looked for
MAX_ENDS: Final = 20
MAX_HOST_LOSSES: Final = 64


# Error types of what wsmon concludes about messages; others are what the peer said in one
_OWN_FINDINGS: Final = frozenset(
    {"", BROKEN_OFF, "timeout", "unmatched", "duplicate_id", "too_many_topics", "not_confirmed", "replaced",
     "given_up", "restarted", "classifier"}
)  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class Precursor:
    """An event that may explain an end soon after it."""

    id: int
    mono_ns: int
    lasted_ns: int = 0
    """Duration; 0 where the event has none."""
    text: str = ""
    """What it says."""


@dataclass(frozen=True, slots=True)
class HostLoss:
    """A loss of one of the connections to a host."""

    connection: str
    id: int
    run: int
    mono_ns: int
    end: tuple[int | None, str]
    """Code and reason of the peer's close frame; ``SILENT`` without one."""


# The end of a connection without a close frame of the peer
SILENT: Final = (None, "")


def end_of_peer(event: Event) -> tuple[int | None, str]:
    """Return code and reason of the close frame with which the peer ended a session; ``SILENT`` without one."""
    return (event.close_code, event.reason) if event.close_by == "peer" else SILENT


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
    """The last error that a message of the peer was about."""
    unanswered: Precursor | None = None
    """The last heartbeat of the protocol that the peer sent and that we did not answer."""
    unanswered_count: int = 0
    """Such heartbeats since the last answer."""

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
        )

    def observe(self, event: Event) -> None:
        """Take an event of this connection, after the verdict on it."""
        match event.name:
            case "auth.completed" | "auth.refresh.completed":
                self.login = _precursor(event)
                self.refusal = None
            case "auth.failed" if event.error_type not in _OWN_FINDINGS:
                self.refusal = _precursor(event)
            case "self.backpressure" if _pause_ns(event) is not None:
                self.pause = _precursor(event, _pause_ns(event))
            case "heartbeat.timeout":
                self.missed = _precursor(event, event.duration_ns)
            case "incident.opened" if event.type == "stall":
                self.stall = _precursor(event)
            case "incident.closed" if event.type == "stall":
                self.stall = None
            case "error.occurred":
                self.fault = _precursor(event)
            case "heartbeat.received" if not event.opcode:
                self.unanswered = _precursor(event)
                self.unanswered_count += 1
            case "heartbeat.responded" if event.direction == "out" and not event.opcode:
                self.unanswered = None
                self.unanswered_count = 0
            case _ if event.to_status == "disconnected":
                (self.losses if event.from_status == OPEN else self.failures).append(self.end_of(event))
            case "connection.completed":
                self.failures.clear()
                self.server = response_header(event, "Server")
        if event.direction == "in" and event.size is None and event.error_type not in _OWN_FINDINGS:
            self.complaint = _precursor(event)
        if event.name == "connection.started":
            self.login = self.pause = self.missed = self.stall = self.fault = None
            self.refusal = self.complaint = self.unanswered = None
            self.unanswered_count = 0
            self.server = ""


class Histories:
    """The histories of all connections, with the losses of each host."""

    def __init__(self) -> None:
        self._by_connection: dict[str, History] = {}
        self._by_host: dict[str, Host] = {}

    def of(self, connection: str) -> History:
        """Return the history of a connection; an empty one for a connection without events."""
        return self._by_connection.setdefault(connection, History())

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
                loss = HostLoss(source.connection, event.id, source.run, event.mono_ns, end_of_peer(event))
                history.host.losses.append(loss)


def _precursor(event: Event, lasted_ns: int | None = None) -> Precursor:
    text = event.error or event.reason or event.error_type.replace("_", " ")
    return Precursor(event.id, event.mono_ns, lasted_ns or 0, f"{event.type}: {text}" if event.type and text else text)


def _pause_ns(event: Event) -> int | None:
    paused_ms = (event.meta or {}).get("paused_ms")
    return round(paused_ms * MS_NS) if isinstance(paused_ms, (int, float)) else None


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, (int, float)) else None


def _host(event: Event) -> str:
    """Return host and port of a dial; empty where the event has no URL."""
    url = (event.meta or {}).get("url")
    try:
        return urlsplit(url).netloc.rpartition("@")[2] if isinstance(url, str) else ""
    except ValueError:
        return ""
