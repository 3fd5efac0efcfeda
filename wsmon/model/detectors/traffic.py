"""Detectors of unusual traffic: bursts of errors, slow peers, message types that are new or no longer come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from wsmon.model.detectors.base import IncidentDetector, Traffic, counted, seconds
from wsmon.model.events import RECORDER, Event, Json, Source
from wsmon.model.histogram import quantiles, representative
from wsmon.model.incident_kinds import ERRORS, SLOW, TYPES
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.units import MS_NS, SECOND_NS, milliseconds

# Types of errors that are counted separately
MAX_ERROR_TYPES: Final = 20


class ErrorsDetector(IncidentDetector):
    """Opens ``errors`` at many in a short time that are a share of the messages; some time with hardly any ends it."""

    kind = ERRORS
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        # By connection, of those that had errors lately
        self._windows: dict[str, _ErrorWindow] = {}

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Take what a batch brought on the connections that have or had errors."""
        windows = self._windows
        super().observe_traffic([each for each in batch if each.errors or each.source.connection in windows])

    def _on_traffic(self, traffic: Traffic) -> None:
        connection = traffic.source.connection
        window = self._windows.get(connection)
        if window is None:
            window = self._windows[connection] = _ErrorWindow()
        for kind, number in traffic.error_types.items():
            if kind in window.types or len(window.types) < MAX_ERROR_TYPES:
                window.types[kind] = window.types.get(kind, 0) + number
        window.source = traffic.source
        window.problem_id = traffic.problem_id
        window.add(traffic.at_ns // SECOND_NS, traffic.errors, traffic.messages)

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, window in list(self._windows.items()):
            within_ns = self._threshold_ns(connection, "within")
            window.drop_old(mono_ns - within_ns)
            if window.errors > self._threshold(connection, "closes"):
                window.busy_ns = mono_ns
            share = window.errors / max(1, window.errors + window.messages)
            if connection in self.incidents:
                calm_ns = self._threshold_ns(connection, "calm")
                if mono_ns - window.busy_ns >= calm_ns:
                    self.incidents.close(connection, f"almost none for {seconds(calm_ns)}")
            elif (
                window.errors >= self._threshold(connection, "opens")
                and share >= self._threshold(connection, "share")
                and self._is_watched(connection)
            ):
                facts: dict[str, Json] = {
                    "errors": window.errors,
                    "messages": window.messages,
                    "types": {**window.types},
                }
                self.incidents.open(window.source, _errors_sentence(window, within_ns), [window.problem_id], facts)
            elif not window.errors:
                del self._windows[connection]


@dataclass(slots=True)
class _ErrorWindow:
    """The errors and messages of one connection in the last seconds."""

    source: Source = RECORDER
    problem_id: int = 0
    seconds: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Monotonic second, errors and messages in it."""
    errors: int = 0
    messages: int = 0
    types: dict[str, int] = field(default_factory=dict)
    """Errors by type, since the last window without any."""
    busy_ns: int = 0
    """Monotonic time at which there were last more than are tolerated."""

    def add(self, second: int, errors: int, messages: int) -> None:
        if self.seconds and self.seconds[-1][0] == second:
            _, errors_before, messages_before = self.seconds.pop()
            self.seconds.append((second, errors_before + errors, messages_before + messages))
        else:
            self.seconds.append((second, errors, messages))
        self.errors += errors
        self.messages += messages

    def drop_old(self, before_ns: int) -> None:
        # A second counts until its end
        while self.seconds and (self.seconds[0][0] + 1) * SECOND_NS < before_ns:
            _, errors, messages = self.seconds.popleft()
            self.errors -= errors
            self.messages -= messages


def _errors_sentence(window: _ErrorWindow, within_ns: int) -> str:
    """Format the reason of an incident: ``12 errors in 10 s (mostly dns), among 90 messages``."""
    text = f"{counted(window.errors, 'error')} in {seconds(within_ns)}"
    if window.types:
        most = max(window.types, key=lambda kind: window.types[kind])
        text += f" ({most})" if len(window.types) == 1 else f" (mostly {most})"
    return f"{text}, out of {counted(window.messages, 'message')}" if window.messages else f"{text}, no messages"


# After a standstill of the recorder: replies read in the very turn of its loop that took too long, before it was known,
# seem to have taken as long. Those read behind it are marked (``READ_LATE``)
CATCHING_UP_NS: Final = SECOND_NS
# A peer is fast again below this fraction of the limit that was passed
END_FRACTION: Final = 0.5


@dataclass(frozen=True, slots=True)
class _SlownessLimit:
    """A quantity that may be too slow, and the names of the thresholds that say when."""

    what: str
    """The quantity, for the sentence of the incident."""
    margin: str
    """Least distance from the baseline."""
    longest: str
    """The limit where there is no baseline, or where the baseline is less than half of it."""


_RTT: Final = _SlownessLimit("round trip", "rtt_margin", "rtt")
_PROCESS: Final = _SlownessLimit("replies", "reply_margin", "reply")


class SlowDetector(IncidentDetector):
    """Opens ``slow`` at a multiple of the baseline or an absolute limit, for pings and replies; half of it ends it."""

    kind = SLOW
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._peers: dict[str, _PeerSpeed] = {}
        # Monotonic time until which measurements may contain a standstill of the recorder
        self._unsure_until_ns = 0

    def _on_standstill(self, event: Event, stopped_ns: int) -> None:
        self._unsure_until_ns = event.mono_ns + CATCHING_UP_NS

    def _on_event(self, event: Event) -> None:
        if event.to_status in SESSION_ENDS:
            connection = event.source.connection
            self.incidents.close(connection, "the session ended")
            if (peer := self._peers.get(connection)) is not None:
                peer.slow = None
                peer.rtt.forget_recent()
                peer.process.forget_recent()

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Take what a batch brought on the connections of which something was measured."""
        super().observe_traffic([each for each in batch if each.rtt or each.process])

    def _on_traffic(self, traffic: Traffic) -> None:
        if traffic.at_ns <= self._unsure_until_ns:
            return
        peer = self._peers.setdefault(traffic.source.connection, _PeerSpeed())
        peer.rtt.add(traffic.rtt, is_usual=peer.slow is not _RTT)
        peer.process.add(traffic.process, is_usual=peer.slow is not _PROCESS)
        if peer.slow is not None:
            self._close_if_fast(traffic.source.connection, peer, peer.slow)
        for limit in (_RTT, _PROCESS):
            if peer.slow is None:
                self._open_if_slow(traffic, peer, limit)

    def _open_if_slow(self, traffic: Traffic, peer: _PeerSpeed, limit: _SlownessLimit) -> None:
        baseline = peer.baseline(limit)
        now_ns = baseline.now
        if now_ns is None:
            return
        usual_ns = baseline.usual
        limit_ns = self._limit_ns(traffic.source.connection, limit, usual_ns)
        if now_ns <= limit_ns:
            return
        peer.slow, peer.limit_ns = limit, limit_ns
        against = "" if usual_ns is None else f", usually {milliseconds(usual_ns / MS_NS)}"
        reason = f"{limit.what} {milliseconds(now_ns / MS_NS)}{against}"
        facts = {"now_ms": round(now_ns / MS_NS, 3), "limit_ms": round(limit_ns / MS_NS, 3)}
        if usual_ns is not None:
            facts["usual_ms"] = round(usual_ns / MS_NS, 3)
        self.incidents.open(traffic.source, reason, [traffic.newest_id], facts)

    def _limit_ns(self, connection: str, limit: _SlownessLimit, usual_ns: float | None) -> float:
        longest_ns = self._threshold_ns(connection, limit.longest)
        if usual_ns is None:
            return longest_ns
        margin_ns = self._threshold_ns(connection, limit.margin)
        relative_ns = max(self._threshold(connection, "times") * usual_ns, usual_ns + margin_ns)
        return min(relative_ns, longest_ns) if usual_ns < longest_ns * END_FRACTION else relative_ns

    def _close_if_fast(self, connection: str, peer: _PeerSpeed, limit: _SlownessLimit) -> None:
        now_ns = peer.baseline(limit).now
        if now_ns is not None and now_ns < peer.limit_ns * END_FRACTION:
            peer.slow = None
            self.incidents.close(connection, f"{limit.what} {milliseconds(now_ns / MS_NS)} again")


# Older values that make a baseline
MIN_BASELINE_VALUES: Final = 10
# The counts of older values are halved at this number, so that a baseline follows a peer that changes
HALVED_AT: Final = 1_000


class Baseline:
    """A percentile of the newest values of a quantity, and the same percentile of the usual values before them."""

    def __init__(self, newest: int, least: int, rank: float) -> None:
        """Compare at ``rank`` (0…1); the newest values are at most ``newest``, and at least ``least`` to count."""
        # Buckets of a log-bucket histogram
        self._recent: deque[int] = deque(maxlen=newest)
        self._least = least
        self._rank = rank
        # Histogram of the usual values that the newest pushed out
        self._older: dict[int, int] = {}
        # The sum of its counts
        self._older_values = 0

    def add(self, counts: Mapping[int, int], *, is_usual: bool) -> None:
        """Add measurements, as a histogram; the values they push out join the baseline only if ``is_usual``."""
        places = self._recent.maxlen or 0
        for bucket, count in sorted(counts.items()):
            for _ in range(min(count, places)):
                if len(self._recent) == places and is_usual:
                    self._keep(self._recent[0])
                self._recent.append(bucket)

    @property
    def now(self) -> float | None:
        """The percentile of the newest values; ``None`` while they are too few."""
        if len(self._recent) < self._least:
            return None
        ordered = sorted(self._recent)
        return representative(ordered[min(len(ordered) - 1, int(self._rank * len(ordered)))])

    @property
    def usual(self) -> float | None:
        """The percentile of the usual values; ``None`` while they are too few."""
        if self._older_values < MIN_BASELINE_VALUES:
            return None
        return quantiles(self._older, (self._rank,))[0]

    def forget_recent(self) -> None:
        """Drop the newest values, because their session is over."""
        self._recent.clear()

    def _keep(self, bucket: int) -> None:
        self._older[bucket] = self._older.get(bucket, 0) + 1
        self._older_values += 1
        if self._older_values >= HALVED_AT:
            self._older = {each: count // 2 for each, count in self._older.items() if count > 1}
            self._older_values = sum(self._older.values())


@dataclass(slots=True)
class _PeerSpeed:
    """How fast the peer of one connection is."""

    rtt: Baseline = field(default_factory=lambda: Baseline(newest=5, least=5, rank=0.5))
    """Pings come every 20 s: the median of five, so that two that were lost and sent again open no incident."""
    process: Baseline = field(default_factory=lambda: Baseline(newest=100, least=20, rank=0.9))
    """Replies come as often as requests: the slowest tenth, which of twenty are two."""
    limit_ns: float = 0.0
    """The limit that was passed."""
    slow: _SlownessLimit | None = None
    """What is slow; None while the peer is fast."""

    def baseline(self, limit: _SlownessLimit) -> Baseline:
        return self.rtt if limit is _RTT else self.process


# Followed on a connection, as many as a bucket of the statistics counts separately
MAX_TYPES: Final = 100
# A type is missed after this many mean gaps and this many longest gaps: bursts have a short mean, and long pauses
# between them
MISSED_MEAN_GAPS: Final = 10
MISSED_LONGEST_GAPS: Final = 3
# Types in the sentence of an incident
SHOWN_TYPES: Final = 3


class TypesDetector(IncidentDetector):
    """Opens ``types`` at message types that are new, and at regular types that no longer come, until they do."""

    kind = TYPES
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._feeds: dict[str, _TypedFeed] = {}

    def _on_event(self, event: Event) -> None:
        feed = self._feeds.get(event.source.connection)
        if feed is not None and event.name == "self.shed":
            feed.skip(event.mono_ns - feed.newest_ns)
        if feed is None or event.to_status is None:
            return
        if event.to_status == OPEN:
            feed.resume(event.mono_ns)
        elif feed.closed_ns is None:
            feed.closed_ns = event.mono_ns
            feed.missed.clear()
            feed.is_about_new = False
            self.incidents.close(event.source.connection, "the session ended")

    def _on_standstill(self, event: Event, stopped_ns: int) -> None:
        for feed in self._feeds.values():
            if feed.closed_ns is None:
                feed.skip(stopped_ns)

    def _on_traffic(self, traffic: Traffic) -> None:
        at_ns = traffic.newest_data_ns
        if not traffic.types or at_ns is None:
            return
        feed = self._feeds.get(traffic.source.connection)
        if feed is None:
            feed = self._feeds[traffic.source.connection] = _TypedFeed(traffic.source, at_ns)
        # The end of the session came in the same batch
        if feed.closed_ns is not None:
            return
        feed.source = traffic.source
        feed.newest_ns = at_ns
        feed.newest_id = traffic.newest_id
        messages = feed.messages
        feed.messages += traffic.messages
        for name in traffic.types:
            known = feed.types.get(name)
            if known is not None:
                known.see(at_ns)
                feed.missed.discard(name)
            elif len(feed.types) < MAX_TYPES:
                feed.types[name] = _TypeSightings(at_ns, at_ns)
                # By the messages before this batch
                if self._has_learned(feed, at_ns, messages):
                    feed.new.append(name)

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, feed in self._feeds.items():
            if connection in self.incidents:
                if feed.is_about_new or not feed.missed:
                    self.incidents.close(connection, "now treated as known" if feed.is_about_new else "all are back")
                    feed.is_about_new = False
            elif not self._is_watched(connection):
                continue
            elif feed.new:
                self._open(feed, f"new message {_names(feed.new)}", "new", feed.new)
                feed.is_about_new = True
                feed.new = []
            elif feed.closed_ns is None and self._has_learned(feed, feed.newest_ns, feed.messages):
                self._look_for_missed(feed)

    def _look_for_missed(self, feed: _TypedFeed) -> None:
        """Open an incident for types that stay out while others come; where all stay out, that is a stall."""
        connection = feed.source.connection
        least_sightings = self._threshold(connection, "sightings")
        least_ns = self._threshold_ns(connection, "silence")
        for name, each in feed.types.items():
            # One that is not regular is never missed
            if each.sightings >= least_sightings:
                silent_ns = feed.newest_ns - each.newest_ns
                if silent_ns > least_ns and silent_ns > each.usual_silence_ns:
                    feed.missed.add(name)
        if feed.missed:
            self._open(feed, f"no longer receiving {_names(sorted(feed.missed))}", "missed", sorted(feed.missed))

    def _has_learned(self, feed: _TypedFeed, now_ns: int, messages: int) -> bool:
        connection = feed.source.connection
        is_long = now_ns - feed.first_ns >= self._threshold_ns(connection, "learning")
        return is_long and messages >= self._threshold(connection, "messages")

    def _open(self, feed: _TypedFeed, reason: str, what: str, names: list[str]) -> None:
        self.incidents.open(feed.source, reason, [feed.newest_id], {what: list(names)})


@dataclass(slots=True)
class _TypeSightings:
    """When messages of one type came, on the monotonic clock."""

    first_ns: int
    newest_ns: int
    sightings: int = 1
    """Batches that had the type."""
    longest_gap_ns: int = 0
    away_ns: int = 0
    """Time in which the type could not come, or was not kept."""

    def see(self, at_ns: int) -> None:
        if at_ns > self.newest_ns:
            self.longest_gap_ns = max(self.longest_gap_ns, at_ns - self.newest_ns)
            self.newest_ns = at_ns
            self.sightings += 1

    @property
    def usual_silence_ns(self) -> int:
        """How long the type may stay out by what was seen of it."""
        mean_ns = (self.newest_ns - self.first_ns - self.away_ns) // max(1, self.sightings - 1)
        return max(MISSED_MEAN_GAPS * mean_ns, MISSED_LONGEST_GAPS * self.longest_gap_ns)


@dataclass(slots=True)
class _TypedFeed:
    """The message types of one connection; times are monotonic."""

    source: Source
    first_ns: int
    newest_ns: int = 0
    newest_id: int = 0
    messages: int = 0
    types: dict[str, _TypeSightings] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    """Types that are new since the last tick."""
    missed: set[str] = field(default_factory=set)
    is_about_new: bool = False
    """Whether the open incident is about new types; otherwise it is about missed ones."""
    closed_ns: int | None = None
    """Since when there is no session; None while there is one."""

    def resume(self, now_ns: int) -> None:
        """Continue with a new session: the time without one does not count as silence of any type."""
        if self.closed_ns is not None:
            away_ns, self.closed_ns = now_ns - self.closed_ns, None
            self.skip(away_ns)

    def skip(self, away_ns: int) -> None:
        """Count no silence of any type for so long: no message could come, or none was kept."""
        for each in self.types.values():
            each.newest_ns += max(0, away_ns)
            each.away_ns += max(0, away_ns)


def _names(names: list[str]) -> str:
    """Format the names of types: ``types trade, quote and 3 more``."""
    shown = ", ".join(names[:SHOWN_TYPES])
    more = f" and {len(names) - SHOWN_TYPES} more" if len(names) > SHOWN_TYPES else ""
    return f"type{'' if len(names) == 1 else 's'} {shown}{more}"
