"""The history of a connection that verdicts are based on, and the patterns in its last losses.

The history is a bounded fold over events; it is the same for live events and for events read from a store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from wsmon.model import units as fmt
from wsmon.model.events import CloseBy, Event
from wsmon.model.statuses import OPEN
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import Advice, names_limit

# Losses, and failed attempts, in which patterns are looked for
MAX_ENDS: Final = 20
# Losses of several connections to a host within this time have one cause
TOGETHER_NS: Final = 2 * SECOND_NS
MAX_HOST_LOSSES: Final = 64


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
    """Time since the last frame received."""
    since_login_s: float | None
    names_limit: bool
    """Whether the peer named a limit on rate or number."""


@dataclass(frozen=True, slots=True)
class Precursor:
    """An event that may explain an end soon after it."""

    id: int
    mono_ns: int
    lasted_ns: int = 0
    """Duration; 0 where the event has none."""


@dataclass(frozen=True, slots=True)
class HostLoss:
    """A loss of one of the connections to a host."""

    connection: str
    id: int
    run: int
    mono_ns: int


def _losses_of_host() -> deque[HostLoss]:
    return deque(maxlen=MAX_HOST_LOSSES)


@dataclass(slots=True)
class History:
    """The history of one connection: its last ends, and the precursors of the next one in the present session."""

    losses: deque[ConnectionEnd] = field(default_factory=lambda: deque(maxlen=MAX_ENDS))
    failures: deque[ConnectionEnd] = field(default_factory=lambda: deque(maxlen=MAX_ENDS))
    neighbours: deque[HostLoss] = field(default_factory=_losses_of_host)
    """Losses of all connections to the host, shared by their histories."""
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

    def end_of(self, event: Event) -> ConnectionEnd:
        """Return what patterns need of an end of this connection."""
        meta = event.meta or {}
        is_limit = event.status == 429 or names_limit(event.reason)
        return ConnectionEnd(
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
        """Take an event of this connection, after the verdict on it."""
        match event.name:
            case "auth.completed" | "auth.refresh.completed":
                self.login = _precursor(event)
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
            case _ if event.to_status == "disconnected":
                (self.losses if event.from_status == OPEN else self.failures).append(self.end_of(event))
            case "connection.completed":
                self.failures.clear()
        if event.name == "connection.started":
            self.login = self.pause = self.missed = self.stall = self.fault = None


class Histories:
    """The histories of all connections, with the losses of each host."""

    def __init__(self) -> None:
        self._by_connection: dict[str, History] = {}
        self._by_host: dict[str, deque[HostLoss]] = {}

    def of(self, connection: str) -> History:
        """Return the history of a connection; an empty one for a connection without events."""
        return self._by_connection.setdefault(connection, History())

    def __contains__(self, connection: str) -> bool:
        return connection in self._by_connection

    def observe(self, event: Event) -> None:
        """Take an event of any connection, after the verdict on it."""
        history = self.of(event.source.connection)
        history.observe(event)
        if event.name == "connection.started":
            host = _host(event)
            if host:
                history.neighbours = self._by_host.setdefault(host, _losses_of_host())
        elif event.to_status == "disconnected" and event.from_status == OPEN and event.close_by != "us":
            source = event.source
            history.neighbours.append(HostLoss(source.connection, event.id, source.run, event.mono_ns))


def _precursor(event: Event, lasted_ns: int | None = None) -> Precursor:
    return Precursor(event.id, event.mono_ns, lasted_ns or 0)


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


# A pattern needs three ends, the one to be judged included, and this share of all that are remembered
MIN_ENDS: Final = 3
MIN_SHARE: Final = 2 / 3
# How far from the median a time may be, relative and absolute: timers are exact, the path adds its delays
SPREAD: Final = 0.02
MIN_SPREAD_S: Final = 0.5
# Shorter times result from the rhythm of messages, not from a timer
SHORTEST_TIMER_S: Final = 5.0
# A session this short was accepted and then rejected
AT_ONCE_S: Final = 5.0
# Types of errors that may be a deliberate rejection by the server; others are faults
HANG_UPS: Final = ("", "eof", "reset")
HOUR_S: Final = 3600
SAME_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in the last ends: its explanation, and the ends that show it."""

    advice: Advice
    evidence: tuple[int, ...]
    has_remedy: bool = True
    """Whether the advice helps; False: a next step from the peer's close frame is better."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Ends after about the same time."""

    ends: tuple[ConnectionEnd, ...]
    of: int
    """Number of all ends."""
    median_s: float
    deviation_s: float
    """Median of the absolute deviations (MAD)."""

    @property
    def share(self) -> str:
        return _share(len(self.ends), self.of)

    @property
    def time(self) -> str:
        return _time(self.median_s, self.deviation_s)


def find_pattern(event: Event, history: History) -> Pattern | None:
    """Return the most specific pattern that an end forms with those before it; ``None`` where there is none."""
    now = history.end_of(event)
    if now.open_s is None:
        return _limit(now, [*history.failures])
    if now.by == "us":
        return None
    losses = [end for end in history.losses if end.by != "us"]
    return (
        _together(event, history)
        or _limit(now, losses)
        or (_rejections(now, losses) if event.error_type in HANG_UPS else None)
        or _timer(now, losses)
        or _minute(now, losses)
    )


def _together(event: Event, history: History) -> Pattern | None:
    """Look for other connections to the host that were lost at the same time."""
    source = event.source
    others = {
        loss.connection: loss.id
        for loss in history.neighbours
        if loss.connection != source.connection
        and loss.run == source.run
        and 0 <= event.mono_ns - loss.mono_ns <= TOGETHER_NS
    }
    if not others:
        return None
    what = "another connection" if len(others) == 1 else f"{len(others)} other connections"
    return Pattern(
        Advice(
            f"{what} to this host broke within {TOGETHER_NS // SECOND_NS} s of this one: the cause is common to them, "
            "the server or the network, not this connection",
            "compare with connections to other hosts: if these stayed, the server restarted or dropped its clients",
        ),
        tuple(event_id for event_id in others.values() if event_id),
        has_remedy=False,
    )


def _limit(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for ends at which the peer named a limit."""
    if not now.names_limit:
        return None
    ends = [*earlier, now]
    limited = [end for end in ends if end.names_limit]
    if not _is_enough(len(limited), len(ends)):
        return None
    kind = "losses" if now.open_s is not None else "attempts"
    return Pattern(
        Advice(
            f"{_share(len(limited), len(ends), kind)} named a limit: more is sent, or dialled, than the service allows",
            "open fewer connections, send and subscribe less at a time, and raise reconnect.initial",
        ),
        _ids(limited),
    )


def _rejections(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for sessions that ended as soon as they were open."""
    ends = [*earlier, now]
    short = [end for end in ends if end.by != "heartbeat" and end.open_s is not None and end.open_s < AT_ONCE_S]
    if now not in short or not _is_enough(len(short), len(ends)):
        return None
    return Pattern(
        Advice(
            f"{_share(len(short), len(ends))} came within {AT_ONCE_S:g} s of opening: the server accepts the "
            "connection and then rejects it",
            "check credentials, subscriptions and what is sent first; the last message before each loss may say why",
        ),
        _ids(short),
        has_remedy=False,
    )


def _timer(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for a constant time before the loss: since the last frame, the login, or the opening."""
    ends = [*earlier, now]
    quiet_out = _cluster(now, ends, _silence_out)
    lifetime = _cluster(now, ends, lambda end: end.open_s)
    token = _cluster(now, ends, lambda end: end.since_login_s)
    if quiet_out is not None and (lifetime is None or quiet_out.median_s >= 0.9 * lifetime.median_s):
        is_mute = all(end.since_out_s is None for end in quiet_out.ends)
        since = "after opening, with nothing sent since" if is_mute else "after the last outbound frame"
        return _idle(quiet_out, since, lifetime is not None)
    if token is not None:
        return _token(token)
    if lifetime is not None:
        return _lifetime(lifetime)
    quiet_in = _cluster(now, ends, _silence_in)
    return None if quiet_in is None else _idle(quiet_in, "after the last inbound frame", is_lifetime_too=False)


def _idle(cluster: _Cluster, since: str, is_lifetime_too: bool) -> Pattern:
    below_s = cluster.median_s / 2
    below = f"{below_s:.0f} s" if below_s >= 10 else f"{below_s:.1f} s"
    doubt = "; if that changes nothing, it is a limit on the lifetime of connections" if is_lifetime_too else ""
    return Pattern(
        Advice(
            f"{cluster.share} came {cluster.time} {since}: an idle timer between here and there",
            f"set ping.interval below {below}{doubt}",
        ),
        _ids(cluster.ends),
    )


def _token(cluster: _Cluster) -> Pattern:
    return Pattern(
        Advice(
            f"{cluster.share} came {cluster.time} after the login: what it granted runs out then",
            f"renew the login or the token earlier than {_span(cluster.median_s)} after it was given",
        ),
        _ids(cluster.ends),
    )


def _lifetime(cluster: _Cluster) -> Pattern:
    return Pattern(
        Advice(
            f"{cluster.share} came {cluster.time} after opening: a limit on the lifetime of connections, at the server "
            "or something before it",
            "ask the operator of the server for the limit; until then expect the loss, or reconnect before it",
        ),
        _ids(cluster.ends),
    )


def _minute(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for losses at the same minute of different hours, at which a job may run."""
    ends = [*earlier, now]
    alike = [end for end in ends if abs(_hour_distance_s(end, now)) <= SAME_MINUTE_S]
    hours = {end.ts_ns // SECOND_NS // HOUR_S for end in alike}
    if len(hours) < MIN_ENDS or not _is_enough(len(alike), len(ends)):
        return None
    minute = now.ts_ns // SECOND_NS % HOUR_S // 60
    return Pattern(
        Advice(
            f"{_share(len(alike), len(ends))} came about {minute} min past the hour, in {len(hours)} different hours: "
            "something that runs every hour",
            "ask the operators of the server and of the network what runs at that minute",
        ),
        _ids(alike),
    )


def _hour_distance_s(end: ConnectionEnd, other: ConnectionEnd) -> float:
    """Return how far apart two ends are within the hour."""
    apart_s = (end.ts_ns - other.ts_ns) / SECOND_NS % HOUR_S
    return min(apart_s, HOUR_S - apart_s)


def _silence_out(end: ConnectionEnd) -> float | None:
    """Return the time since the last frame sent; without any, the upgrade request was the last thing sent."""
    return end.open_s if end.since_out_s is None else end.since_out_s


def _silence_in(end: ConnectionEnd) -> float | None:
    """Return the time since the last frame received; only of cut connections, because a close frame is a frame."""
    return end.since_in_s if end.by == "network" else None


def _cluster(
    now: ConnectionEnd, ends: Sequence[ConnectionEnd], time: Callable[[ConnectionEnd], float | None]
) -> _Cluster | None:
    """Return the ends after about the same time, the one to be judged among them.

    Ends by the recorder's heartbeat are left out: they follow its own timer.
    """
    times = [(end, at_s) for end in ends if end.by != "heartbeat" and (at_s := time(end)) is not None]
    if not times or now.by == "heartbeat" or time(now) is None:
        return None
    median_s = median(at_s for _, at_s in times)
    room_s = max(MIN_SPREAD_S, SPREAD * median_s)
    alike = [(end, at_s) for end, at_s in times if abs(at_s - median_s) <= room_s]
    if median_s < SHORTEST_TIMER_S or not _is_enough(len(alike), len(ends)) or all(end is not now for end, _ in alike):
        return None
    median_s = median(at_s for _, at_s in alike)
    deviation_s = median(abs(at_s - median_s) for _, at_s in alike)
    return _Cluster(tuple(end for end, _ in alike), len(ends), median_s, deviation_s)


def _is_enough(number: int, total: int) -> bool:
    return number >= MIN_ENDS and number >= MIN_SHARE * total


def _share(number: int, total: int, kind: str = "losses") -> str:
    return f"the last {total} {kind} all" if number == total else f"{number} of the last {total} {kind}"


def _ids(ends: Iterable[ConnectionEnd]) -> tuple[int, ...]:
    return tuple(end.id for end in ends if end.id)


def _time(median_s: float, deviation_s: float) -> str:
    if median_s < 600:
        return f"{median_s:.1f} ± {deviation_s:.1f} s"
    return f"{_span(median_s)} ± {deviation_s:.0f} s"


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 600 else fmt.duration(round(seconds) * SECOND_NS)
