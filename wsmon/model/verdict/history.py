"""What is remembered of a connection to judge its next loss: how the last sessions ended, and what just happened.

A fold over its events, bounded, the same whether they are seen as they happen or read from a store.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from wsmon.model.durations import MS_NS, SECOND_NS
from wsmon.model.events import CloseBy, Event
from wsmon.model.statuses import OPEN
from wsmon.model.verdict.reasons import speaks_of_limit

KEPT_ENDS: Final = 20
# losses, and failed attempts, from which a pattern may be read
TOGETHER_NS: Final = 2 * SECOND_NS
# losses of several connections within this have one cause
KEPT_LOSSES_OF_HOST: Final = 64


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended, or an attempt failed: what patterns are read from. Spans in seconds, None: unknown."""

    id: int
    # 0 where the profile keeps no row of it
    ts_ns: int
    by: CloseBy
    open_s: float | None
    # None: it never was usable
    since_out_s: float | None
    since_in_s: float | None
    since_login_s: float | None
    says_limit: bool
    # a limit on rate or number was named


@dataclass(frozen=True, slots=True)
class Moment:
    """An event that may explain an end soon after it."""

    id: int
    mono_ns: int
    lasted_ns: int = 0


@dataclass(frozen=True, slots=True)
class HostLoss:
    """The loss of one connection of a host."""

    connection: str
    id: int
    run: int
    mono_ns: int


def _losses_of_host() -> deque[HostLoss]:
    return deque(maxlen=KEPT_LOSSES_OF_HOST)


@dataclass(slots=True)
class History:
    """Of one connection."""

    losses: deque[End] = field(default_factory=lambda: deque(maxlen=KEPT_ENDS))
    failures: deque[End] = field(default_factory=lambda: deque(maxlen=KEPT_ENDS))
    neighbours: deque[HostLoss] = field(default_factory=_losses_of_host)
    # losses of all connections to the host, shared
    login: Moment | None = None
    # of this session, like what follows; lasted_ns is not known of a login
    pause: Moment | None = None
    # the newest time that our own store kept us from reading
    missed: Moment | None = None
    # a ping without an answer, which was waited for so long
    stall: Moment | None = None
    fault: Moment | None = None

    def end_of(self, event: Event) -> End:
        """An end of this connection, as far as patterns need it."""
        meta = event.meta or {}
        is_limit = event.status == 429 or speaks_of_limit(event.reason)
        return End(
            event.id,
            event.ts_ns,
            event.close_by,
            event.duration_ns / SECOND_NS if event.from_status == OPEN and event.duration_ns is not None else None,
            _seconds(meta.get("last_out_ms")),
            _seconds(meta.get("last_in_ms")),
            None if self.login is None else max(0.0, (event.mono_ns - self.login.mono_ns) / SECOND_NS),
            is_limit,
        )

    def observe(self, event: Event) -> None:
        """Take an event of this connection, after it was judged."""
        match event.name:
            case "auth.completed" | "auth.refresh.completed":
                self.login = _moment(event)
            case "self.backpressure" if _pause_ns(event) is not None:
                self.pause = _moment(event, _pause_ns(event))
            case "heartbeat.timeout":
                self.missed = _moment(event, event.duration_ns)
            case "incident.opened" if event.type == "stall":
                self.stall = _moment(event)
            case "incident.closed" if event.type == "stall":
                self.stall = None
            case "error.occurred":
                self.fault = _moment(event)
            case _ if event.to_status == "disconnected":
                (self.losses if event.from_status == OPEN else self.failures).append(self.end_of(event))
            case "connection.completed":
                self.failures.clear()
        if event.name == "connection.started":
            self.login = self.pause = self.missed = self.stall = self.fault = None


class Histories:
    """Of all connections, and what those to one host have in common."""

    def __init__(self) -> None:
        self._of: dict[str, History] = {}
        self._of_host: dict[str, deque[HostLoss]] = {}

    def of(self, connection: str) -> History:
        """The history of a connection; an empty one of a connection not seen yet."""
        return self._of.setdefault(connection, History())

    def __contains__(self, connection: str) -> bool:
        return connection in self._of

    def observe(self, event: Event) -> None:
        """Take an event of any connection, after it was judged."""
        history = self.of(event.source.connection)
        history.observe(event)
        if event.name == "connection.started":
            host = _host(event)
            if host:
                history.neighbours = self._of_host.setdefault(host, _losses_of_host())
        elif event.to_status == "disconnected" and event.from_status == OPEN and event.close_by != "us":
            source = event.source
            history.neighbours.append(HostLoss(source.connection, event.id, source.run, event.mono_ns))


def _moment(event: Event, lasted_ns: int | None = None) -> Moment:
    return Moment(event.id, event.mono_ns, lasted_ns or 0)


def _pause_ns(event: Event) -> int | None:
    paused_ms = (event.meta or {}).get("paused_ms")
    return round(paused_ms * MS_NS) if isinstance(paused_ms, (int, float)) else None


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, (int, float)) else None


def _host(event: Event) -> str:
    """Host and port that a dial goes to; empty where its address does not say."""
    url = (event.meta or {}).get("url")
    try:
        return urlsplit(url).netloc.rpartition("@")[2] if isinstance(url, str) else ""
    except ValueError:
        return ""
