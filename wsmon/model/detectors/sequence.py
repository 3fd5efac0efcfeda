"""Detector of gaps, duplicates and reordered messages in sequence numbers, exact to the last number, by key.

A number that is missing for a second is a gap; one that arrives within the second was reordered only. After a reconnect
the first number of a key starts a new sequence, unless it continues the old one: what the peer sent while there was no
connection is no gap of the feed. The same holds after a message that restarts the count, such as a snapshot, and after
messages that wsmon itself could not keep (``self.shed``). A heartbeat may repeat the newest number. A message that
could not be read may have had the numbers that are missing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import ClassVar, Final, Literal, NamedTuple

from wsmon.model.detectors.base import (
    MAX_EVIDENCE,
    NO_EXPECTATION,
    Expectation,
    Incidents,
    NumberedMessage,
    Traffic,
    counted,
    seconds,
)
from wsmon.model.events import RECORDER, Event, Json, Source
from wsmon.model.incident_kinds import DUPLICATE, GAP, REORDER, IncidentKind

# Followed on a connection; beyond, the key heard of longest ago is forgotten and starts anew when it comes again
MAX_KEYS = 10_000

SequenceKind = Literal["gap", "duplicate", "reorder"]

KINDS: Final[Mapping[SequenceKind, IncidentKind]] = MappingProxyType(
    {"gap": GAP, "duplicate": DUPLICATE, "reorder": REORDER}
)
_ADJECTIVES: Final[Mapping[SequenceKind, str]] = MappingProxyType(
    {"gap": "missing", "duplicate": "duplicate", "reorder": "out-of-order"}
)
# Keys of ``meta`` for the count of numbers
_COUNT_KEYS: Final[Mapping[SequenceKind, str]] = MappingProxyType(
    {"gap": "missing", "duplicate": "duplicates", "reorder": "reordered"}
)
# Counts in ``meta`` of the events of these incidents; final in the event that ends one
SEQUENCE_COUNTS: Final = tuple(_COUNT_KEYS.values())


class SequenceDetector:
    """Opens ``gap``, ``duplicate`` and ``reorder``, one of each per connection; some time without more ends it."""

    reads_traffic: ClassVar[bool] = True

    def __init__(self) -> None:
        # By connection
        self._feeds: dict[str, _SequencedFeed] = {}
        self._incidents = {name: Incidents(kind.name, kind.silence) for name, kind in KINDS.items()}
        self._expectations: Mapping[str, Expectation] = {}

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Replace the connections and what is asked of them; incidents of connections that are not watched end."""
        self._expectations = dict(expectations)
        for connection in list(self._feeds):
            for kind in KINDS:
                if not self._is_watched(connection, kind):
                    self._close(connection, kind, "detector disabled")
            if connection not in self._expectations:
                del self._feeds[connection]

    def observe(self, event: Event) -> None:
        """Read the ids of incident events; judge nothing across messages that wsmon could not keep."""
        if event.name == "incident.opened":
            for incidents in self._incidents.values():
                incidents.observe(event)
        elif event.name == "self.shed" and (event.meta or {}).get("name") == "message.received":
            feed = self._feeds.get(event.source.connection)
            if feed is not None:
                self._settle_pending(event.source.connection, feed, feed.newest_ns)
                # These may be among the messages that were not kept
                feed.pending = PendingRanges()
                feed.sequences.clear()

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Follow the numbers of a batch."""
        for traffic in batch:
            if traffic.numbered and traffic.source.connection in self._expectations:
                self._follow_traffic(traffic)

    def _follow_traffic(self, traffic: Traffic) -> None:
        feed = self._feeds.setdefault(traffic.source.connection, _SequencedFeed())
        feed.source = traffic.source
        feed.newest_ns = traffic.newest_data_ns or 0
        for each in traffic.numbered:
            self._follow(feed, each, feed.newest_ns)

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """Return the incidents that began or ended by now, as events, and a warning when there are too many keys."""
        for connection, feed in self._feeds.items():
            self._settle_pending(connection, feed, mono_ns)
            for kind in tuple(feed.episodes):
                self._update_incident(connection, feed, kind, mono_ns)
        found = (event for kind in KINDS for event in self._incidents[kind].take(ts_ns, mono_ns))
        return (*self._overflow_events(ts_ns, mono_ns), *found)

    def running(self) -> tuple[tuple[int, str], ...]:
        """Return the ids of the open incidents that found more since the last call, and what they have found by now."""
        return tuple(each for incidents in self._incidents.values() for each in incidents.take_running())

    def end(self) -> None:
        """End all incidents, because the recorder ends; numbers that are still missing are gaps."""
        for connection, feed in self._feeds.items():
            for each in feed.pending.take():
                self._add(feed, "gap", each.key, each.range, each.event_id, each.since_ns)
            for kind in tuple(feed.episodes):
                if connection not in self._incidents[kind]:
                    self._update_incident(connection, feed, kind, feed.episodes[kind].newest_ns)
                self._close(connection, kind, "the recorder stopped")

    def _follow(self, feed: _SequencedFeed, message: NumberedMessage, at_ns: int) -> None:
        key, number = message.key, message.number
        if message.mark == "unread":
            feed.unread += number
            return
        if message.mark == "restart":
            self._restart(feed, key)
            return
        first = number if message.first is None else message.first
        feed.is_ranged |= message.first is not None
        sequence = feed.sequences.pop(key, None)
        if sequence is None:
            if len(feed.sequences) >= MAX_KEYS:
                del feed.sequences[next(iter(feed.sequences))]
                if feed.overflow == "none":
                    feed.overflow = "found"
            feed.sequences[key] = KeySequence(number, message.connection_id, feed.unread)
            # A key that was forgotten for others may still have pending ranges
            feed.pending.give_up(key)
            return
        feed.sequences[key] = sequence
        # It repeats where the peer stands, or comes late: it is no message of the sequence itself
        if message.mark == "heartbeat" and number <= sequence.newest:
            return
        unread = feed.unread - sequence.unread
        sequence.unread = feed.unread
        newest = sequence.newest
        match sequence.follow(first, number, message.connection_id):
            case "gap" if unread >= first - newest - 1:
                # The messages that could not be read may have had these numbers
                sequence.forget_last_gap()
            case "gap":
                feed.pending.add(MissingRange(key, sequence.last_gap, message.id, at_ns))
                feed.unread_in_gaps += unread
            case "jump":
                feed.pending.give_up(key)
                episode = feed.episodes.setdefault("gap", Episode(at_ns))
                episode.add_jump(key, newest, first)
                episode.newest_ns = at_ns
                episode.add_evidence(message.id)
            case "base":
                feed.pending.give_up(key)
            case "late":
                if not feed.pending.arrive(key, first, number) and (reported := feed.episodes.get("gap")) is not None:
                    reported.arrived += 1
                self._add(feed, "reorder", key, (first, number), message.id, at_ns)
            case "before":
                self._add(feed, "reorder", key, (first, number), message.id, at_ns)
            case "duplicate":
                self._add(feed, "duplicate", key, (first, number), message.id, at_ns)
            case "restart":
                feed.pending.give_up(key)
                episode = feed.episodes.setdefault("gap", Episode(at_ns))
                episode.restarts += 1
                episode.newest_ns = at_ns
                episode.add_evidence(message.id)

    @staticmethod
    def _restart(feed: _SequencedFeed, key: str) -> None:
        """Let the next number of a key start a new sequence; without a key, the next one of each."""
        for each in [key] if key else list(feed.sequences):
            feed.sequences.pop(each, None)
            feed.pending.give_up(each)

    def _overflow_events(self, ts_ns: int, mono_ns: int) -> Iterator[Event]:
        """Report once per connection that not all of its keys can be followed."""
        for feed in self._feeds.values():
            if feed.overflow == "found":
                feed.overflow = "reported"
                error = f"more than {MAX_KEYS:,} sequence keys: gaps of the least recently used ones are not detected"
                yield Event(feed.source, "error.occurred", ts_ns, mono_ns, error_type="too_many_keys", error=error)

    def _settle_pending(self, connection: str, feed: _SequencedFeed, mono_ns: int) -> None:
        """Turn what has been missing for the grace into gaps."""
        for each in feed.pending.take(mono_ns - self._threshold_ns(connection, "gap", "grace")):
            self._add(feed, "gap", each.key, each.range, each.event_id, mono_ns)
        if feed.unread_in_gaps and (episode := feed.episodes.get("gap")) is not None:
            episode.unread += feed.unread_in_gaps
            feed.unread_in_gaps = 0

    @staticmethod
    def _add(feed: _SequencedFeed, kind: SequenceKind, key: str, found: Range, event_id: int, at_ns: int) -> None:
        episode = feed.episodes.setdefault(kind, Episode(at_ns, is_ranged=feed.is_ranged))
        episode.add(key, found, event_id, at_ns)

    def _update_incident(self, connection: str, feed: _SequencedFeed, kind: SequenceKind, mono_ns: int) -> None:
        """Open the incident of an episode, or close it when nothing was added for a while."""
        episode = feed.episodes[kind]
        calm_ns = self._threshold_ns(connection, kind, "calm")
        if not self._is_watched(connection, kind):
            del feed.episodes[kind]
        elif mono_ns - episode.newest_ns > calm_ns:
            self._close(connection, kind, f"none for {seconds(calm_ns)}")
        elif connection not in self._incidents[kind]:
            if not episode.has_leap and episode.numbers < self._expectation(connection).threshold(KINDS[kind], "opens"):
                return
            facts = episode.facts(_COUNT_KEYS[kind])
            self._incidents[kind].open(feed.source, _sentence(kind, episode), episode.evidence, facts)
        else:
            self._incidents[kind].update(connection, _sentence(kind, episode))

    def _close(self, connection: str, kind: SequenceKind, why: str) -> None:
        episode = self._feeds[connection].episodes.pop(kind, None)
        if episode is not None:
            facts = episode.facts(_COUNT_KEYS[kind])
            self._incidents[kind].close(connection, f"{_sentence(kind, episode)}; {why}", facts)

    def _expectation(self, connection: str) -> Expectation:
        return self._expectations.get(connection, NO_EXPECTATION)

    def _threshold_ns(self, connection: str, kind: SequenceKind, name: str) -> int:
        return self._expectation(connection).threshold_ns(KINDS[kind], name)

    def _is_watched(self, connection: str, kind: SequenceKind) -> bool:
        expectation = self._expectations.get(connection)
        return expectation is not None and kind not in expectation.silenced


def _sentence(kind: SequenceKind, episode: Episode) -> str:
    """Format the reason of an incident: ``3 missing messages: BTC 5-7``."""
    # A message that covers several numbers leaves open how many messages are missing
    noun = "number" if episode.is_ranged else "message"
    parts = [f"{counted(episode.numbers, f'{_ADJECTIVES[kind]} {noun}')}: {episode.shown()}"] if episode.numbers else []
    if episode.arrived:
        parts.append(f"{episode.arrived:,} came late")
    if episode.restarts:
        parts.append(f"sequence numbers restarted {counted(episode.restarts, 'time')} within a session")
    if episode.jumps:
        key, before, after = episode.first_jump
        more = f", and {counted(episode.jumps - 1, 'jump')} more" if episode.jumps > 1 else ""
        of_key = f" for {key}" if key else ""
        parts.append(f"sequence numbers{of_key} jumped from {before:,} to {after:,}{more}")
    if episode.unread:
        parts.append(f"{counted(episode.unread, 'message')} could not be read and may be among them")
    return "; ".join(parts)


# Missing ranges remembered per key; older ones are given up. A feed of ten thousand keys with holes everywhere stays
# below 300 MB
MAX_RANGES = 200
# A number this far below the newest is no late message: the peer counts from the start again
RESTART_DISTANCE = 1_000
# Nor are this many numbers missing messages: something else is counted from there on
JUMP_DISTANCE = 1_000_000

SequenceResult = Literal["next", "base", "gap", "jump", "duplicate", "late", "before", "restart"]
# First and last number, inclusive
Range = tuple[int, int]


class KeySequence:
    """The sequence numbers of one key, which rise by one; a new session may continue them or start anew."""

    __slots__ = ("_first", "_missing", "_session", "newest", "unread")

    def __init__(self, number: int, session: str, unread: int = 0) -> None:
        self.newest = number
        # What came before this number was not seen, so a smaller one is out of order, and no duplicate
        self._first = number
        # Messages of the connection that could not be read before the newest number came
        self.unread = unread
        self._session = session
        # Ascending
        self._missing: list[Range] = []

    def follow(self, first: int, number: int, session: str) -> SequenceResult:
        """Take the numbers of the next message; after a ``gap``, ``last_gap`` is what is missing.

        A range may begin with numbers that came before, as the first one after a snapshot does.
        """
        if first <= self.newest + 1 <= number:
            self.newest = number
            self._session = session
            return "next"
        if session != self._session:
            self._start(number, session)
            return "base"
        if number > self.newest:
            if first - self.newest > JUMP_DISTANCE:
                self._start(number, session)
                return "jump"
            self._missing.append((self.newest + 1, first - 1))
            del self._missing[:-MAX_RANGES]
            self.newest = number
            return "gap"
        if self._fill(first, number):
            return "late"
        if self.newest - number > RESTART_DISTANCE:
            self._start(number, session)
            return "restart"
        return "before" if number < self._first else "duplicate"

    @property
    def last_gap(self) -> Range:
        """The newest range that is missing."""
        return self._missing[-1]

    def forget_last_gap(self) -> None:
        """Take the newest missing range as received."""
        del self._missing[-1:]

    def _start(self, number: int, session: str) -> None:
        self.newest = self._first = number
        self._session = session
        self._missing.clear()

    def _fill(self, first: int, last: int) -> bool:
        """Remove numbers from a missing range; return whether all of them were missing."""
        place = bisect_right(self._missing, first, key=itemgetter(0)) - 1
        if place < 0 or self._missing[place][1] < last:
            return False
        start, end = self._missing[place]
        self._missing[place : place + 1] = _rest_of((start, end), first, last)
        return True


def _rest_of(missing: Range, first: int, last: int) -> list[Range]:
    """Return what is left of a range without the numbers from ``first`` to ``last`` in it."""
    return [each for each in ((missing[0], first - 1), (last + 1, missing[1])) if each[0] <= each[1]]


class MissingRange(NamedTuple):
    """Numbers that did not come when it was their turn."""

    key: str
    range: Range
    event_id: int
    """The message that came instead."""
    since_ns: int
    """Monotonic time of that message."""


class PendingRanges:
    """Missing numbers that may still come, until the grace is over; at most ``MAX_RANGES`` ranges per key."""

    def __init__(self) -> None:
        # By key; ascending by number, and so by time
        self._by_key: dict[str, list[MissingRange]] = {}
        # Cannot come any more; returned once the grace of the ranges missed at the same time is over
        self._given_up: list[MissingRange] = []

    def add(self, missing: MissingRange) -> None:
        """Wait for numbers above all that are pending under their key."""
        of_key = self._by_key.setdefault(missing.key, [])
        of_key.append(missing)
        if len(of_key) > MAX_RANGES:
            self._given_up.append(of_key.pop(0))

    def arrive(self, key: str, first: int, last: int) -> bool:
        """Remove numbers that came; return whether they were pending."""
        of_key = self._by_key.get(key, [])
        place = bisect_right(of_key, first, key=_first) - 1
        if place < 0 or of_key[place].range[1] < last:
            return False
        missing = of_key[place]
        of_key[place : place + 1] = [missing._replace(range=each) for each in _rest_of(missing.range, first, last)]
        return True

    def give_up(self, key: str) -> None:
        """Stop waiting for a key that counts anew: numbers missing before that do not come."""
        self._given_up += self._by_key.pop(key, [])

    def take(self, since_ns: int | None = None) -> list[MissingRange]:
        """Remove and return, by event, the ranges missing since ``since_ns`` (monotonic) or longer; None: all."""
        taken = [each for each in self._given_up if since_ns is None or each.since_ns <= since_ns]
        self._given_up = [each for each in self._given_up if since_ns is not None and each.since_ns > since_ns]
        for key, of_key in list(self._by_key.items()):
            number = len(of_key) if since_ns is None else bisect_right(of_key, since_ns, key=_since)
            taken += of_key[:number]
            del of_key[:number]
            if not of_key:
                del self._by_key[key]
        return sorted(taken, key=lambda each: each.event_id)


def _first(missing: MissingRange) -> int:
    return missing.range[0]


def _since(missing: MissingRange) -> int:
    return missing.since_ns


# Listed in the facts of an incident; numbers beyond are counted only
MAX_LISTED_RANGES = 1_000
# Ranges of a key, and keys, in the sentence of an incident
SHOWN_RANGES = 3


@dataclass(slots=True)
class Episode:
    """What one incident collects: numbers that were missing, came twice or came late, until none came for a while."""

    newest_ns: int
    """Monotonic time of the newest finding."""
    numbers: int = 0
    ranges: dict[str, list[Range]] = field(default_factory=dict)
    """By key; adjacent ranges are joined."""
    listed: int = 0
    """Ranges in ``ranges``."""
    unlisted: int = 0
    """Numbers beyond ``MAX_LISTED_RANGES``."""
    arrived: int = 0
    """Numbers reported as missing that came later."""
    restarts: int = 0
    """Times the peer started to count anew within a session."""
    jumps: int = 0
    """Times the numbers rose by more than ``JUMP_DISTANCE``."""
    first_jump: tuple[str, int, int] = ("", 0, 0)
    """Key, and the numbers before and after."""
    unread: int = 0
    """Messages that could not be read where numbers are missing."""
    is_ranged: bool = False
    """Whether messages cover several numbers each."""
    evidence: list[int] = field(default_factory=list)
    """Event ids, the first ones."""

    def add(self, key: str, found: Range, event_id: int, at_ns: int) -> None:
        """Add a range of numbers, with the event that shows it."""
        first, last = found
        self.newest_ns = max(self.newest_ns, at_ns)
        self.numbers += last - first + 1
        self.add_evidence(event_id)
        ranges = self.ranges.get(key, ())
        if ranges and ranges[-1][1] + 1 == first:
            self.ranges[key][-1] = (ranges[-1][0], last)
        elif self.listed < MAX_LISTED_RANGES:
            self.listed += 1
            self.ranges.setdefault(key, []).append(found)
        else:
            self.unlisted += last - first + 1

    def add_jump(self, key: str, before: int, after: int) -> None:
        """Add a jump of the numbers."""
        self.jumps += 1
        if self.jumps == 1:
            self.first_jump = (key, before, after)

    def add_evidence(self, event_id: int) -> None:
        """Add an event to the evidence, up to ``MAX_EVIDENCE``."""
        if len(self.evidence) < MAX_EVIDENCE and event_id not in self.evidence:
            self.evidence.append(event_id)

    @property
    def has_leap(self) -> bool:
        """Whether the numbers began anew or jumped."""
        return bool(self.restarts or self.jumps)

    def facts(self, count_key: str) -> dict[str, Json]:
        """Return the facts for ``meta``, with the count of numbers under ``count_key``; counts of 0 are left out."""
        listed: dict[str, Json] = {key: [[*each] for each in ranges] for key, ranges in self.ranges.items()}
        counts = {
            count_key: self.numbers,
            "unlisted": self.unlisted,
            "arrived": self.arrived,
            "restarts": self.restarts,
            "jumps": self.jumps,
            "unread": self.unread,
        }
        return {**{name: number for name, number in counts.items() if number}, "ranges": listed}

    def shown(self) -> str:
        """Format the first ranges for a sentence: ``BTC 5-7, 9``."""
        texts: list[str] = []
        for key, ranges in self.ranges.items():
            numbers = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges[:SHOWN_RANGES])
            texts.append(f"{key} {numbers}".strip())
        rest = self.listed - sum(len(ranges[:SHOWN_RANGES]) for ranges in list(self.ranges.values())[:SHOWN_RANGES])
        return "; ".join(texts[:SHOWN_RANGES]) + (f" and {rest:,} more" if rest > 0 else "")


@dataclass(slots=True)
class _SequencedFeed:
    """The sequence numbers of one connection."""

    source: Source = RECORDER
    sequences: dict[str, KeySequence] = field(default_factory=dict)
    """By key, the one heard of longest ago first."""
    pending: PendingRanges = field(default_factory=PendingRanges)
    episodes: dict[SequenceKind, Episode] = field(default_factory=dict)
    """One for each kind that has an incident, or is about to."""
    overflow: Literal["none", "found", "reported"] = "none"
    """Whether keys were forgotten for others."""
    unread: int = 0
    """Messages that could not be read; each may have had a number of any key."""
    newest_ns: int = 0
    """Monotonic time of the newest message with a number."""
    unread_in_gaps: int = 0
    """Of these, those between the numbers around a gap that is not reported yet."""
    is_ranged: bool = False
    """Whether messages cover several numbers each."""
