"""Finds message types that are new, and those that came all the time and no longer do.

What is usual is learned for ten minutes and a thousand messages; until then nothing is new and nothing is missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from wsmon.model.detectors.base import IncidentDetector, Traffic, counted
from wsmon.model.events import RECORDER, Event, Json, Source
from wsmon.model.histogram import quantiles, representative
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.units import MS_NS, SECOND_NS, milliseconds

# Finds bursts of errors: many at once, and more than a trifle of the traffic.

WINDOW_NS = 10 * SECOND_NS
FIRST_ERRORS = 10
# Of all messages: ten refused orders among a hundred thousand ticks wake nobody
LEAST_SHARE = 0.01
# Of errors, told apart
MOST_ERROR_TYPES = 20
LAST_ERRORS = 2
# Without more than the last errors in a window: bursts that come every ten seconds are one incident
CALM_NS = 30 * SECOND_NS


@dataclass(slots=True)
class _Window:
    """What a connection had in the last ten seconds."""

    source: Source = RECORDER
    problem_id: int = 0
    seconds: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Monotonic second, errors, messages."""
    errors: int = 0
    messages: int = 0
    types: dict[str, int] = field(default_factory=dict)
    """Errors by type since there were none for a window."""
    busy_ns: int = 0
    """monotonic: when there were last more errors than ends it."""

    def add(self, second: int, errors: int, messages: int) -> None:
        if self.seconds and self.seconds[-1][0] == second:
            _, errors_before, messages_before = self.seconds.pop()
            self.seconds.append((second, errors_before + errors, messages_before + messages))
        else:
            self.seconds.append((second, errors, messages))
        self.errors += errors
        self.messages += messages

    def drop_old(self, now_ns: int) -> None:
        while self.seconds and now_ns - self.seconds[0][0] * SECOND_NS > WINDOW_NS + SECOND_NS:
            _, errors, messages = self.seconds.popleft()
            self.errors -= errors
            self.messages -= messages


class ErrorsDetector(IncidentDetector):
    """Opens ``errors`` at ten in 10 s that are 1 % of the messages; half a minute with hardly any ends it."""

    kind = "errors"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        # Of connections that had errors lately
        self._windows: dict[str, _Window] = {}

    def _see_traffic(self, traffic: Traffic) -> None:
        connection = traffic.source.connection
        window = self._windows.get(connection)
        if window is None:
            if not traffic.errors:
                return
            window = self._windows[connection] = _Window()
        for kind, number in traffic.error_types.items():
            if kind in window.types or len(window.types) < MOST_ERROR_TYPES:
                window.types[kind] = window.types.get(kind, 0) + number
        window.source = traffic.source
        window.problem_id = traffic.problem_id
        window.add(traffic.at_ns // SECOND_NS, traffic.errors, traffic.messages)

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, window in list(self._windows.items()):
            window.drop_old(mono_ns)
            if window.errors > LAST_ERRORS:
                window.busy_ns = mono_ns
            share = window.errors / max(1, window.errors + window.messages)
            if connection in self.incidents:
                if mono_ns - window.busy_ns >= CALM_NS:
                    self.incidents.close(connection, "hardly any for half a minute")
            elif window.errors >= FIRST_ERRORS and share >= LEAST_SHARE and self._is_watched(connection):
                facts: dict[str, Json] = {
                    "errors": window.errors,
                    "messages": window.messages,
                    "types": {**window.types},
                }
                self.incidents.open(window.source, _sentence(window), [window.problem_id], facts)
            elif not window.errors:
                del self._windows[connection]


def _sentence(window: _Window) -> str:
    """``12 errors in 10 s (mostly dns), among 90 messages``."""
    said = f"{counted(window.errors, 'error')} in 10 s"
    if window.types:
        most = max(window.types, key=lambda kind: window.types[kind])
        said += f" ({most})" if len(window.types) == 1 else f" (mostly {most})"
    return f"{said}, among {counted(window.messages, 'message')}" if window.messages else f"{said}, and no message"


# A quantity that is usual, and when it is not: the newest values against those before them.

# So many older values make a baseline
BASELINE_VALUES = 10
# Older values are forgotten by halves, so that a baseline follows a peer that moves
HALVED_AT = 1_000


class Baseline:
    """The newest values of a quantity at one rank, and the baseline of those that were no alarm."""

    def __init__(self, newest: int, least: int, rank: float) -> None:
        """Of at most ``newest`` values, from ``least`` on, the one at ``rank`` speaks for all."""
        self._recent: deque[int] = deque(maxlen=newest)
        # buckets of a log histogram
        self._least = least
        self._rank = rank
        self._older: dict[int, int] = {}
        # histogram of the values before
        # How many these are
        self._values = 0

    def add(self, counts: Mapping[int, int], *, is_usual: bool) -> None:
        """Take measurements, as a histogram; what they push out belongs to the baseline only where it is usual."""
        places = self._recent.maxlen or 0
        for bucket, count in sorted(counts.items()):
            for _ in range(min(count, places)):
                if len(self._recent) == places and is_usual:
                    self._keep(self._recent[0])
                self._recent.append(bucket)

    @property
    def now(self) -> float | None:
        """The newest values' own; ``None`` while they are too few."""
        if len(self._recent) < self._least:
            return None
        ordered = sorted(self._recent)
        return representative(ordered[min(len(ordered) - 1, int(self._rank * len(ordered)))])

    @property
    def usual(self) -> float | None:
        """The same of the baseline; ``None`` while there is none."""
        if self._values < BASELINE_VALUES:
            return None
        return quantiles(self._older, (self._rank,))[0]

    def forget_recent(self) -> None:
        """The newest values are of a session that is over."""
        self._recent.clear()

    def _keep(self, bucket: int) -> None:
        self._older[bucket] = self._older.get(bucket, 0) + 1
        self._values += 1
        if self._values >= HALVED_AT:
            self._older = {each: count // 2 for each, count in self._older.items() if count > 1}
            self._values = sum(self._older.values())


# Finds peers that answer far slower than they do, or slower than anybody should: pings and requests.

TIMES_USUAL = 4
# Of the limit that was passed: below it the peer is fast again
END_FRACTION = 0.5


@dataclass(frozen=True, slots=True)
class _Limit:
    """When a quantity is too slow."""

    what: str
    margin_ns: int
    """At least so much above what is usual: a peer in the same rack may take four times nothing."""
    longest_ns: int
    """Where nothing usual is known, or the usual is less than half of it."""


_RTT = _Limit("round trip", 100 * MS_NS, SECOND_NS)
_PROCESS = _Limit("replies", 250 * MS_NS, 5 * SECOND_NS)


@dataclass(slots=True)
class _Peer:
    """How fast the peer of a connection is."""

    rtt: Baseline = field(default_factory=lambda: Baseline(newest=5, least=5, rank=0.5))
    """Pings come every 20 s: the middle of five, so that two that were lost and sent again are no alarm."""
    process: Baseline = field(default_factory=lambda: Baseline(newest=100, least=20, rank=0.9))
    """Replies come as often as requests: the slowest tenth, which of twenty are two."""
    limit_ns: float = 0.0
    """That was passed."""
    slow: _Limit | None = None

    def level(self, limit: _Limit) -> Baseline:
        return self.rtt if limit is _RTT else self.process


class SlowDetector(IncidentDetector):
    """Opens ``slow`` at four times the usual, or past what is bearable; half of that limit ends it."""

    kind = "slow"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        self._peers: dict[str, _Peer] = {}

    def _see(self, event: Event) -> None:
        if event.to_status in SESSION_ENDS:
            connection = event.source.connection
            self.incidents.close(connection, "the session ended")
            if (peer := self._peers.get(connection)) is not None:
                peer.slow = None
                peer.rtt.forget_recent()
                peer.process.forget_recent()

    def _see_traffic(self, traffic: Traffic) -> None:
        if not (traffic.rtt or traffic.process):
            return
        peer = self._peers.setdefault(traffic.source.connection, _Peer())
        peer.rtt.add(traffic.rtt, is_usual=peer.slow is not _RTT)
        peer.process.add(traffic.process, is_usual=peer.slow is not _PROCESS)
        if peer.slow is not None:
            self._close(traffic.source.connection, peer, peer.slow)
        for limit in (_RTT, _PROCESS):
            if peer.slow is None:
                self._open(traffic, peer, limit)

    def _open(self, traffic: Traffic, peer: _Peer, limit: _Limit) -> None:
        level = peer.level(limit)
        now_ns, usual_ns = level.now, level.usual
        limit_ns = _limit_ns(limit, usual_ns)
        if now_ns is None or now_ns <= limit_ns:
            return
        peer.slow, peer.limit_ns = limit, limit_ns
        against = "" if usual_ns is None else f", usually {milliseconds(usual_ns / MS_NS)}"
        reason = f"{limit.what} {milliseconds(now_ns / MS_NS)}{against}"
        facts = {"now_ms": round(now_ns / MS_NS, 3), "limit_ms": round(limit_ns / MS_NS, 3)}
        if usual_ns is not None:
            facts["usual_ms"] = round(usual_ns / MS_NS, 3)
        self.incidents.open(traffic.source, reason, [traffic.newest_id], facts)

    def _close(self, connection: str, peer: _Peer, limit: _Limit) -> None:
        now_ns = peer.level(limit).now
        if now_ns is not None and now_ns < peer.limit_ns * END_FRACTION:
            peer.slow = None
            self.incidents.close(connection, f"{limit.what} {milliseconds(now_ns / MS_NS)} again")


def _limit_ns(limit: _Limit, usual_ns: float | None) -> float:
    if usual_ns is None:
        return limit.longest_ns
    relative_ns = max(TIMES_USUAL * usual_ns, usual_ns + limit.margin_ns)
    return min(relative_ns, limit.longest_ns) if usual_ns < limit.longest_ns * END_FRACTION else relative_ns


LEARNED_MESSAGES = 1_000
LEARNED_NS = 600 * SECOND_NS
# Followed on a connection, as many as a bucket of the statistics tells apart
MOST_TYPES = 100
# Batches that had it: a type with fewer comes when it likes
REGULAR_SIGHTINGS = 20
TIMES_MEAN = 10
# gaps: bursts have a short mean, and long pauses between them
TIMES_LONGEST = 3
SHORTEST_SILENCE_NS = 60 * SECOND_NS
SHOWN_TYPES = 3


@dataclass(slots=True)
class _Type:
    """When a type was seen."""

    first_ns: int
    newest_ns: int
    sightings: int = 1
    longest_gap_ns: int = 0
    away_ns: int = 0
    """Between sessions: nobody could see it then."""

    def see(self, at_ns: int) -> None:
        if at_ns > self.newest_ns:
            self.longest_gap_ns = max(self.longest_gap_ns, at_ns - self.newest_ns)
            self.newest_ns = at_ns
            self.sightings += 1

    @property
    def patience_ns(self) -> int | None:
        """How long it may be silent; ``None`` where it is not regular."""
        if self.sightings < REGULAR_SIGHTINGS:
            return None
        mean_ns = (self.newest_ns - self.first_ns - self.away_ns) // (self.sightings - 1)
        return max(TIMES_MEAN * mean_ns, TIMES_LONGEST * self.longest_gap_ns, SHORTEST_SILENCE_NS)


@dataclass(slots=True)
class _Feed:
    """The message types of a connection."""

    source: Source
    first_ns: int
    newest_ns: int = 0
    newest_id: int = 0
    messages: int = 0
    types: dict[str, _Type] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    """New since the last look."""
    missed: set[str] = field(default_factory=set)
    is_told: bool = False
    """The open incident is about fresh ones."""
    closed_ns: int | None = None
    """Between sessions, since when."""

    def has_learned(self, now_ns: int) -> bool:
        return self.messages >= LEARNED_MESSAGES and now_ns - self.first_ns >= LEARNED_NS

    def resume(self, now_ns: int) -> None:
        """A session began: the time without one is nobody's silence."""
        if self.closed_ns is None:
            return
        away_ns, self.closed_ns = now_ns - self.closed_ns, None
        for each in self.types.values():
            each.newest_ns += away_ns
            each.away_ns += away_ns


class TypesDetector(IncidentDetector):
    """Opens ``types`` at types that are new (and closes it: they are known then) or stay out, until these are back."""

    kind = "types"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        self._feeds: dict[str, _Feed] = {}

    def _see(self, event: Event) -> None:
        feed = self._feeds.get(event.source.connection)
        if feed is None or event.to_status is None:
            return
        if event.to_status == OPEN:
            feed.resume(event.mono_ns)
        elif feed.closed_ns is None:
            feed.closed_ns = event.mono_ns
            feed.missed.clear()
            feed.is_told = False
            self.incidents.close(event.source.connection, "the session ended")

    def _see_traffic(self, traffic: Traffic) -> None:
        at_ns = traffic.newest_data_ns
        if not traffic.types or at_ns is None:
            return
        feed = self._feeds.setdefault(traffic.source.connection, _Feed(traffic.source, at_ns))
        if feed.closed_ns is not None:
            return  # the end of the session came in the same batch
        feed.source = traffic.source
        feed.newest_ns = at_ns
        feed.newest_id = traffic.newest_id
        has_learned = feed.has_learned(at_ns)
        feed.messages += traffic.messages
        for name in traffic.types:
            known = feed.types.get(name)
            if known is not None:
                known.see(at_ns)
                feed.missed.discard(name)
            elif len(feed.types) < MOST_TYPES:
                feed.types[name] = _Type(at_ns, at_ns)
                if has_learned:
                    feed.fresh.append(name)

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, feed in self._feeds.items():
            if connection in self.incidents:
                if feed.is_told or not feed.missed:
                    self.incidents.close(connection, "known from here on" if feed.is_told else "all are back")
                    feed.is_told = False
            elif not self._is_watched(connection):
                continue
            elif feed.fresh:
                self._open(feed, f"new message {_names(feed.fresh)}", "new", feed.fresh)
                feed.is_told = True
                feed.fresh = []
            elif feed.closed_ns is None and feed.has_learned(feed.newest_ns):
                self._miss(feed)

    def _miss(self, feed: _Feed) -> None:
        """Types that stay out while others come; where all do, that is a stall."""
        for name, each in feed.types.items():
            patience_ns = each.patience_ns
            if patience_ns is not None and feed.newest_ns - each.newest_ns > patience_ns:
                feed.missed.add(name)
        if feed.missed:
            self._open(feed, f"no more messages of {_names(sorted(feed.missed))}", "missed", sorted(feed.missed))

    def _open(self, feed: _Feed, reason: str, what: str, names: list[str]) -> None:
        self.incidents.open(feed.source, reason, [feed.newest_id], {what: list(names)})


def _names(names: list[str]) -> str:
    """``types trade, quote and 3 more``."""
    shown = ", ".join(names[:SHOWN_TYPES])
    more = f" and {len(names) - SHOWN_TYPES} more" if len(names) > SHOWN_TYPES else ""
    return f"type{'' if len(names) == 1 else 's'} {shown}{more}"
