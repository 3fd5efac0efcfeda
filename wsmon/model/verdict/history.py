"""What is remembered of a connection to judge its next loss: how the last sessions ended, and what just happened.

A fold over its events, bounded, the same whether they are seen as they happen or read from a store.
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
from wsmon.model.verdict.close_codes import Advice, speaks_of_limit

# Losses, and failed attempts, from which a pattern may be read
KEPT_ENDS: Final = 20
# Losses of several connections within this have one cause
TOGETHER_NS: Final = 2 * SECOND_NS
KEPT_LOSSES_OF_HOST: Final = 64


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """How a session ended, or an attempt failed: what patterns are read from. Spans in seconds, None: unknown."""

    id: int
    """0 where the profile keeps no row of it."""
    ts_ns: int
    by: CloseBy
    open_s: float | None
    """None: it never was usable."""
    since_out_s: float | None
    since_in_s: float | None
    since_login_s: float | None
    says_limit: bool
    """A limit on rate or number was named."""


@dataclass(frozen=True, slots=True)
class Precursor:
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

    losses: deque[ConnectionEnd] = field(default_factory=lambda: deque(maxlen=KEPT_ENDS))
    failures: deque[ConnectionEnd] = field(default_factory=lambda: deque(maxlen=KEPT_ENDS))
    neighbours: deque[HostLoss] = field(default_factory=_losses_of_host)
    """Losses of all connections to the host, shared."""
    login: Precursor | None = None
    """Of this session, like what follows; lasted_ns is not known of a login."""
    pause: Precursor | None = None
    """The newest time that our own store kept us from reading."""
    missed: Precursor | None = None
    """A ping without an answer, which was waited for so long."""
    stall: Precursor | None = None
    fault: Precursor | None = None

    def end_of(self, event: Event) -> ConnectionEnd:
        """An end of this connection, as far as patterns need it."""
        meta = event.meta or {}
        is_limit = event.status == 429 or speaks_of_limit(event.reason)
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


def _moment(event: Event, lasted_ns: int | None = None) -> Precursor:
    return Precursor(event.id, event.mono_ns, lasted_ns or 0)


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


# What the last losses of a connection have in common: timers, lifetimes, limits, and losses of several at once.
#
# Never from one sample: a pattern needs three losses, two thirds of all that are remembered, and the one to be judged.

FEWEST: Final = 3
SHARE: Final = 2 / 3
SPREAD: Final = 0.02
# How far from the median a time may be: timers are exact, the path adds its delays
LEAST_SPREAD_S: Final = 0.5
# Shorter times are a rhythm of messages, not a timer
SHORTEST_TIMER_S: Final = 5.0
# A session this short was accepted only to be rejected
AT_ONCE_S: Final = 5.0
# Types of errors that may be a server which does not want us; others are faults
HANG_UPS: Final = ("", "eof", "reset")
HOUR_S: Final = 3600
SAME_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """What was found, and the ends that show it."""

    advice: Advice
    evidence: tuple[int, ...]
    is_mended_here: bool = True
    """Its next step helps; False: what the other side said tells better what to do."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Times that are alike."""

    ends: tuple[ConnectionEnd, ...]
    of: int
    """How many were looked at."""
    middle_s: float
    deviation_s: float
    """Median of the absolute deviations (MAD)."""

    @property
    def share(self) -> str:
        return _share(len(self.ends), self.of)

    @property
    def time(self) -> str:
        return _time(self.middle_s, self.deviation_s)


def find_pattern(event: Event, history: History) -> Pattern | None:
    """The most telling thing that an end has in common with those before it."""
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
    """Other connections to the host that were lost at the same moment."""
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
        is_mended_here=False,
    )


def _limit(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    if not now.says_limit:
        return None
    ends = [*earlier, now]
    limited = [end for end in ends if end.says_limit]
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
        is_mended_here=False,
    )


def _timer(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """A time that always passes before it breaks: since the last frame, the login, or the opening."""
    ends = [*earlier, now]
    quiet_out = _cluster(now, ends, _silence_out)
    lifetime = _cluster(now, ends, lambda end: end.open_s)
    token = _cluster(now, ends, lambda end: end.since_login_s)
    if quiet_out is not None and (lifetime is None or quiet_out.middle_s >= 0.9 * lifetime.middle_s):
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
    below_s = cluster.middle_s / 2
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
            f"renew the login or the token earlier than {_span(cluster.middle_s)} after it was given",
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
    """Losses of different hours at the same minute: a job runs then."""
    ends = [*earlier, now]
    alike = [end for end in ends if abs(_hour_distance_s(end, now)) <= SAME_MINUTE_S]
    hours = {end.ts_ns // SECOND_NS // HOUR_S for end in alike}
    if len(hours) < FEWEST or not _is_enough(len(alike), len(ends)):
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
    """How far apart two ends are on the face of a clock."""
    apart_s = (end.ts_ns - other.ts_ns) / SECOND_NS % HOUR_S
    return min(apart_s, HOUR_S - apart_s)


def _silence_out(end: ConnectionEnd) -> float | None:
    """Where nothing was ever sent, the request to upgrade was the last that went out."""
    return end.open_s if end.since_out_s is None else end.since_out_s


def _silence_in(end: ConnectionEnd) -> float | None:
    """A close frame is the last thing that came, whatever it was about."""
    return end.since_in_s if end.by == "network" else None


def _cluster(
    now: ConnectionEnd, ends: Sequence[ConnectionEnd], time: Callable[[ConnectionEnd], float | None]
) -> _Cluster | None:
    """The ends whose time is about the same, the one to be judged among them.

    Our heartbeat ends a session a fixed time after its ping: that is our timer.
    """
    times = [(end, at_s) for end in ends if end.by != "heartbeat" and (at_s := time(end)) is not None]
    if not times or now.by == "heartbeat" or time(now) is None:
        return None
    middle_s = median(at_s for _, at_s in times)
    room_s = max(LEAST_SPREAD_S, SPREAD * middle_s)
    alike = [(end, at_s) for end, at_s in times if abs(at_s - middle_s) <= room_s]
    if middle_s < SHORTEST_TIMER_S or not _is_enough(len(alike), len(ends)) or all(end is not now for end, _ in alike):
        return None
    middle_s = median(at_s for _, at_s in alike)
    deviation_s = median(abs(at_s - middle_s) for _, at_s in alike)
    return _Cluster(tuple(end for end, _ in alike), len(ends), middle_s, deviation_s)


def _is_enough(number: int, total: int) -> bool:
    return number >= FEWEST and number >= SHARE * total


def _share(number: int, total: int, kind: str = "losses") -> str:
    return f"the last {total} {kind} all" if number == total else f"{number} of the last {total} {kind}"


def _ids(ends: Iterable[ConnectionEnd]) -> tuple[int, ...]:
    return tuple(end.id for end in ends if end.id)


def _time(middle_s: float, deviation_s: float) -> str:
    if middle_s < 600:
        return f"{middle_s:.1f} ± {deviation_s:.1f} s"
    return f"{_span(middle_s)} ± {deviation_s:.0f} s"


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 600 else fmt.duration(round(seconds) * SECOND_NS)
