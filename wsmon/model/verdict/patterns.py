"""Patterns in the last ends of a connection: idle timeouts, lifetimes, limits, rejections, losses of a whole host.

A pattern is an observation, and what it possibly means. Where the peer itself says why it ended a session, only the
observation is shown beside that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.close_codes import says_nothing
from wsmon.model.verdict.history import IDLE_S, ConnectionEnd, History, HostLoss, host_loss
from wsmon.model.verdict.reason_grammar import ReasonKind, reason_kind
from wsmon.model.verdict.silences import HEARTBEATS, keep_alive

# A pattern needs three ends, the one to be judged included, and this share of all that are remembered
MIN_ENDS: Final = 3
MIN_SHARE: Final = 2 / 3
# How far from the median a time may be, relative and absolute: timers are exact, the path adds its delays
SPREAD: Final = 0.02
MIN_SPREAD_S: Final = 0.25
# Shorter times result from the rhythm of messages, not from a timer
SHORTEST_TIMER_S: Final = IDLE_S
# A session this short was accepted and then rejected
AT_ONCE_S: Final = 5.0
# Close codes that idle timers send; None: no close frame
IDLE_CODES: Final = (None, 1000, 1001, 1005, 3008)
HOUR_S: Final = 3600
SAME_MINUTE_S: Final = 60.0
# Losses of several connections to a host within this time may have one cause
TOGETHER_NS: Final = 2 * SECOND_NS
# A connection that was lost within this time before flaps: its next loss shows nothing about its host
FLAPPING_NS: Final = 60 * SECOND_NS


_OTHER_HOSTS: Final = (
    "compare with connections to other hosts: if these stayed, the cause is more likely this server or the path to it"
)

PatternKind = Literal["recorder", "together", "limit", "rejections", "timer", "minute"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in the last ends, and the ends that show it."""

    observed: str
    """What the ends have in common: a fact."""
    inference: str
    """What that may mean: ``possibly an idle timeout on the network path``."""
    next: str
    evidence: tuple[int, ...]
    kind: PatternKind


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
    def came(self) -> str:
        """How many of the ends came after which time: ``the last 3 sessions all dropped 60.0 ± 0.1 s``."""
        return f"{_share(len(self.ends), self.of)} dropped {_time(self.median_s, self.deviation_s)}"


def find_pattern(event: Event, history: History) -> Pattern | None:
    """Return the most specific pattern that an end forms with those before it; ``None`` where there is none."""
    now = history.end_of(event)
    if now.open_s is None:
        return _limit(now, [*history.failures])
    if (silent := _silent_together(event, now, history)) is not None:
        return silent
    # Faults of the path, our own heartbeat and our own standstill make no pattern of the other side
    if now.way is None:
        return None
    losses = [end for end in history.losses if end.by != "us"]
    return (
        _together(event, now, history)
        or _limit(now, losses)
        or _rejections(now, losses)
        or _timer(now, losses, history.protocol)
        or _minute(now, losses)
    )


def _together(event: Event, now: ConnectionEnd, history: History) -> Pattern | None:
    """Look for other connections to the host that ended in the same way at the same time.

    At least three connections, or all of the host; one that flaps does not count, and if this one does, there is no
    pattern. Where others ended after a standstill of the recorder, that is what they have in common.
    """
    source, host, this = event.source, history.host, host_loss(event, now)
    losses = [loss for loss in host.losses if loss.run == source.run]
    # A thousand connections may be lost at once, each with as many losses of others to look at as are kept
    lost_ns: defaultdict[str, list[int]] = defaultdict(list)
    for loss in losses:
        lost_ns[loss.connection].append(loss.mono_ns)
    if _flaps(lost_ns[source.connection], event.mono_ns):
        return None
    newest = {loss.connection: loss for loss in losses if loss.connection != source.connection}
    recent = [loss for loss in newest.values() if 0 <= event.mono_ns - loss.mono_ns <= TOGETHER_NS]
    if stood_still := [loss for loss in recent if loss.is_after_standstill]:
        return _after_standstill(stood_still)
    alike = [loss for loss in recent if loss.is_like(this) and not _flaps(lost_ns[loss.connection], loss.mono_ns)]
    is_whole_host = len(alike) == len(recent) and not host.open - {source.connection}
    if not alike or not (len(alike) + 1 >= MIN_ENDS or is_whole_host):
        return None
    # A close frame comes from the server, or a proxy before it, and not from the network
    is_closed = event.close_by == "peer" and event.close_code is not None
    place = "at the server" if is_closed else "(server or network)"
    return Pattern(
        f"{_others(alike)} to this host disconnected in the same way within {TOGETHER_NS // SECOND_NS} s",
        f"possibly a shared cause {place}{', or the same idle timeout' if this.is_idle else ''}",
        "ask the server operator what happened at this time" if is_closed else _OTHER_HOSTS,
        tuple(loss.id for loss in alike if loss.id),
        "together",
    )


def _silent_together(event: Event, now: ConnectionEnd, history: History) -> Pattern | None:
    """Look for other connections to the host that fell silent as well, where our own heartbeat noticed one of them."""
    this = host_loss(event, now)
    if not this.has_fallen_silent:
        return None
    newest = {
        loss.connection: loss
        for loss in history.host.losses
        if loss.run == event.source.run
        and loss.connection != event.source.connection
        and 0 <= event.mono_ns - loss.mono_ns <= TOGETHER_NS
    }
    alike = [loss for loss in newest.values() if loss.has_fallen_silent]
    if not alike or len(alike) < len(newest) or not any(loss.by == "heartbeat" for loss in (this, *alike)):
        return None
    if len({loss.by for loss in (this, *alike)}) == 1:
        return None
    return Pattern(
        f"{_others(alike)} to this host also fell silent and disconnected within {TOGETHER_NS // SECOND_NS} s",
        "possibly the path to this host, or the host itself, failed",
        _OTHER_HOSTS,
        tuple(loss.id for loss in alike if loss.id),
        "together",
    )


def _after_standstill(losses: Sequence[HostLoss]) -> Pattern:
    return Pattern(
        f"{_others(losses)} to this host disconnected within {TOGETHER_NS // SECOND_NS} s, after wsmon itself was "
        "stalled",
        "possibly the stall caused this disconnect too",
        "find out why this process or machine was stalled: suspended, stopped, a paused container, no CPU time",
        tuple(loss.id for loss in losses if loss.id),
        "recorder",
    )


def _others(losses: Sequence[HostLoss]) -> str:
    return "another connection" if len(losses) == 1 else f"{len(losses)} other connections"


def _flaps(lost_ns: Iterable[int], mono_ns: int) -> bool:
    """Return whether a connection that was lost at these times was lost already in the minute before a loss."""
    return any(0 < mono_ns - each <= FLAPPING_NS for each in lost_ns)


def _limit(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for ends at which the peer named a limit."""
    if not now.names_limit:
        return None
    ends = [*earlier, now]
    limited = [end for end in ends if end.names_limit]
    if not _is_enough(len(limited), len(ends)):
        return None
    kind = "sessions" if now.open_s is not None else "attempts"
    return Pattern(
        f"{_share(len(limited), len(ends), kind)} reported a limit",
        "likely more messages or connections than the service allows",
        "open fewer connections, send and subscribe less at once, and raise reconnect.initial",
        _ids(limited),
        "limit",
    )


def _rejections(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for sessions that ended as soon as they were open."""
    ends = [*earlier, now]
    short = [end for end in _like(now, ends) if end.open_s is not None and end.open_s < AT_ONCE_S]
    if now not in short or not _is_enough(len(short), len(ends)):
        return None
    return Pattern(
        f"{_share(len(short), len(ends))} dropped within {AT_ONCE_S:g} s of opening",
        "possibly the server accepts the connection and then rejects it",
        "check credentials, subscriptions and what is sent first; the last message before each disconnect may "
        "explain the cause",
        _ids(short),
        "rejections",
    )


def _timer(now: ConnectionEnd, earlier: Sequence[ConnectionEnd], protocol: str) -> Pattern | None:
    """Look for a constant time before the loss: of silence, since the login, since the opening, or since we sent."""
    ends = [*earlier, now]
    idle = _cluster(now, ends, _idle_s)
    lifetime = _cluster(now, ends, lambda end: end.open_s)
    token = _cluster(now, ends, lambda end: end.since_login_s)
    if idle is not None and (lifetime is None or idle.median_s >= 0.9 * lifetime.median_s):
        return _idle(idle, protocol, is_lifetime_too=lifetime is not None)
    if token is not None:
        return _token(token)
    if lifetime is not None:
        return _lifetime(lifetime)
    if (quiet_out := _cluster(now, ends, _unheard_s)) is not None:
        return _unheard(quiet_out)
    quiet_in = _cluster(now, ends, _unsaid_s)
    return None if quiet_in is None else _unsaid(quiet_in)


def _of_timer(cluster: _Cluster, observed: str, inference: str, step: str) -> Pattern:
    return Pattern(observed, inference, step, _ids(cluster.ends), "timer")


def _idle(cluster: _Cluster, protocol: str, *, is_lifetime_too: bool) -> Pattern:
    is_mute = all(end.since_out_s is None and end.since_in_s is None for end in cluster.ends)
    since = "after opening, without a frame since" if is_mute else "after the last frame in either direction"
    doubt = ""
    if is_lifetime_too:
        doubt = "; if that changes nothing, it is possibly a limit on connection lifetime"
    beat = HEARTBEATS.get(protocol)
    missed = "" if beat is None else f"a missed {beat.name}, or "
    return _of_timer(
        cluster,
        f"{cluster.came} {since}",
        f"possibly {missed}an idle timeout on the network path or at the server",
        f"{keep_alive(protocol, cluster.median_s)}{doubt}",
    )


def _unheard(cluster: _Cluster) -> Pattern:
    return _of_timer(
        cluster,
        f"{cluster.came} after the last frame that wsmon sent",
        "possibly the server expects a message from the client, such as its own heartbeat",
        "look up the documented heartbeat and its interval, and send it with heartbeat.send",
    )


def _unsaid(cluster: _Cluster) -> Pattern:
    return _of_timer(
        cluster,
        f"{cluster.came} after the last frame from the server, while wsmon continued sending",
        "possibly a timeout for server inactivity: of a proxy in front of it, such as nginx, or its own",
        "lower ping.interval, so that the server sends pongs, which count as activity; ask its operator for the limit",
    )


def _token(cluster: _Cluster) -> Pattern:
    return _of_timer(
        cluster,
        f"{cluster.came} after the login",
        "possibly the login expires after that time",
        f"renew the login or the token earlier than {_span(cluster.median_s)} after it was issued",
    )


def _lifetime(cluster: _Cluster) -> Pattern:
    return _of_timer(
        cluster,
        f"{cluster.came} after opening",
        "possibly a limit on connection lifetime, at the server or something in front of it",
        "ask the server operator for the limit; until then expect the disconnect, or reconnect before it",
    )


def _minute(now: ConnectionEnd, earlier: Sequence[ConnectionEnd]) -> Pattern | None:
    """Look for losses at the same minute of different hours, at which a job may run."""
    ends = [*earlier, now]
    alike = [end for end in _like(now, ends) if abs(_hour_distance_s(end, now)) <= SAME_MINUTE_S]
    hours = {end.ts_ns // SECOND_NS // HOUR_S for end in alike}
    if len(hours) < MIN_ENDS or not _is_enough(len(alike), len(ends)):
        return None
    minute = now.ts_ns // SECOND_NS % HOUR_S // 60
    return Pattern(
        f"{_share(len(alike), len(ends))} dropped about {minute} min past the hour, in {len(hours)} different hours",
        "possibly an hourly job",
        "ask the server and network operators what runs at that minute",
        _ids(alike),
        "minute",
    )


def _hour_distance_s(end: ConnectionEnd, other: ConnectionEnd) -> float:
    """Return how far apart two ends are within the hour."""
    apart_s = (end.ts_ns - other.ts_ns) / SECOND_NS % HOUR_S
    return min(apart_s, HOUR_S - apart_s)


def _like(now: ConnectionEnd, ends: Iterable[ConnectionEnd]) -> list[ConnectionEnd]:
    """Return the ends that the other side made in the same way: with the same code and reason, or by the same cut."""
    return [end for end in ends if end.way is not None and end.way == now.way]


def _idle_s(end: ConnectionEnd) -> float | None:
    """Return for how long nothing went in either direction before an end that an idle timer may have caused."""
    fits = says_nothing(end.reason, end.code) or reason_kind(end.reason) in (ReasonKind.TIMEOUT, ReasonKind.IDLE)
    return end.idle_s if fits and end.code in IDLE_CODES else None


def _unheard_s(end: ConnectionEnd) -> float | None:
    """Return for how long we had sent nothing to a peer that went on sending; None where it was silent, too."""
    if end.since_out_s is None or end.since_in_s is None or end.since_in_s > end.since_out_s / 2:
        return None
    return end.since_out_s


def _unsaid_s(end: ConnectionEnd) -> float | None:
    """Return for how long the peer had been silent while we went on sending; None where we were silent, too."""
    if end.since_out_s is None or end.since_in_s is None or end.since_out_s > end.since_in_s / 2:
        return None
    return end.since_in_s


def _cluster(
    now: ConnectionEnd, ends: Sequence[ConnectionEnd], time: Callable[[ConnectionEnd], float | None]
) -> _Cluster | None:
    """Return the ends of one way after about the same time, the one to be judged among them."""
    times = [(end, at_s) for end in _like(now, ends) if (at_s := time(end)) is not None]
    if not times or time(now) is None:
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


def _share(number: int, total: int, kind: str = "sessions") -> str:
    return f"the last {total} {kind} all" if number == total else f"{number} of the last {total} {kind}"


def _ids(ends: Iterable[ConnectionEnd]) -> tuple[int, ...]:
    return tuple(end.id for end in ends if end.id)


def _time(median_s: float, deviation_s: float) -> str:
    if median_s < 600:
        return f"{median_s:.1f} ± {deviation_s:.1f} s"
    return f"{_span(median_s)} ± {deviation_s:.0f} s"


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 600 else fmt.full_duration(round(seconds) * SECOND_NS)
