"""Finds gaps, duplicates and reorders in the sequence numbers of messages, to the last number, by key.

A number that is missing for a second is a gap; one that comes before is only out of order. After a reconnect the first
number of a key begins anew, unless it goes on: what was missed while nobody listened is no gap of the feed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, Literal, NamedTuple, get_args

from wsmon.model.detectors.base import MOST_EVIDENCE, Expectation, Incidents, NumberedMessage, Traffic, counted
from wsmon.model.events import RECORDER, Event, Json, Source
from wsmon.model.units import SECOND_NS

# The sequence numbers of one key: which are missing, came twice or came late, to the last one.

# Of missing numbers that may still come; older ones are given up. A feed of ten thousand keys with holes everywhere
# stays below 300 MB
MOST_RANGES = 200
# A number so far below the newest is no late message: the peer counts anew
RESTART_DISTANCE = 1_000

SequenceResult = Literal["next", "base", "gap", "duplicate", "late", "restart"]
# First and last, both missing
Range = tuple[int, int]


class KeySequence:
    """Follows numbers that should rise by one; a new session may go on or begin anew."""

    __slots__ = ("_missing", "_session", "newest")

    def __init__(self, number: int, session: str) -> None:
        self.newest = number
        self._session = session
        # Ascending
        self._missing: list[Range] = []

    def follow(self, number: int, session: str) -> SequenceResult:
        """Take the next number that came; after a ``gap``, ``last_gap`` says what is missing."""
        if number == self.newest + 1:
            self.newest = number
            self._session = session
            return "next"
        if session != self._session:
            self._begin(number, session)
            return "base"
        if number > self.newest:
            self._missing.append((self.newest + 1, number - 1))
            del self._missing[:-MOST_RANGES]
            self.newest = number
            return "gap"
        if self._fill(number):
            return "late"
        if self.newest - number > RESTART_DISTANCE:
            self._begin(number, session)
            return "restart"
        return "duplicate"

    @property
    def last_gap(self) -> Range:
        """The newest range that is missing."""
        return self._missing[-1]

    def _begin(self, number: int, session: str) -> None:
        self.newest = number
        self._session = session
        self._missing.clear()

    def _fill(self, number: int) -> bool:
        """Whether the number was missing; it no longer is."""
        place = bisect_right(self._missing, number, key=itemgetter(0)) - 1
        if place < 0 or self._missing[place][1] < number:
            return False
        first, last = self._missing[place]
        rest = [(first, number - 1), (number + 1, last)]
        self._missing[place : place + 1] = [each for each in rest if each[0] <= each[1]]
        return True


# Missing numbers that may still come: by key, each waited for as long as the grace lasts.


class MissingRange(NamedTuple):
    """Numbers that did not come when it was their turn."""

    key: str
    range: Range
    event_id: int
    """Of the message that came instead."""
    since_ns: int


class PendingRanges:
    """What is missing, in the order in which it was missed; a key has at most ``MOST_RANGES``."""

    def __init__(self) -> None:
        self._of: dict[str, list[MissingRange]] = {}
        # by key; rising, by number as by time
        # Cannot come any more; told when the time of the others is over as well
        self._given_up: list[MissingRange] = []

    def add(self, missing: MissingRange) -> None:
        """Wait for numbers above all that are waited for."""
        of = self._of.setdefault(missing.key, [])
        of.append(missing)
        if len(of) > MOST_RANGES:
            self._given_up.append(of.pop(0))

    def arrive(self, key: str, number: int) -> bool:
        """Whether a number was still waited for; it no longer is."""
        of = self._of.get(key, [])
        place = bisect_right(of, number, key=_first) - 1
        if place < 0 or of[place].range[1] < number:
            return False
        missing = of[place]
        first, last = missing.range
        rest = [(first, number - 1), (number + 1, last)]
        of[place : place + 1] = [missing._replace(range=each) for each in rest if each[0] <= each[1]]
        return True

    def give_up(self, key: str) -> None:
        """A key counts anew: what was missing of it before does not come."""
        self._given_up += self._of.pop(key, [])

    def take(self, since_ns: int | None = None) -> list[MissingRange]:
        """Wait no longer for what was missed by a (monotonic) time, or for anything; in the order of the messages."""
        over = [each for each in self._given_up if since_ns is None or each.since_ns <= since_ns]
        self._given_up = [each for each in self._given_up if since_ns is not None and each.since_ns > since_ns]
        for key, of in list(self._of.items()):
            number = len(of) if since_ns is None else bisect_right(of, since_ns, key=_since)
            over += of[:number]
            del of[:number]
            if not of:
                del self._of[key]
        return sorted(over, key=lambda each: each.event_id)


def _first(missing: MissingRange) -> int:
    return missing.range[0]


def _since(missing: MissingRange) -> int:
    return missing.since_ns


# What one incident about sequence numbers has gathered: how many numbers, which ranges by key, what proves it.

# Listed in an incident; numbers beyond are counted
MOST_LISTED_RANGES = 1_000
# In a sentence
SHOWN_RANGES = 3


@dataclass(slots=True)
class Episode:
    """Numbers that were missing, came twice or came late, until there are no more for a while."""

    newest_ns: int
    """monotonic: when the newest was found."""
    numbers: int = 0
    ranges: dict[str, list[Range]] = field(default_factory=dict)
    """By key; two that touch are one."""
    listed: int = 0
    unlisted: int = 0
    """Numbers past the most ranges."""
    arrived: int = 0
    """Numbers told as missing that came all the same."""
    restarts: int = 0
    """Times the peer began to count anew within a session."""
    evidence: list[int] = field(default_factory=list)
    """Event ids, the first ones."""

    def add(self, key: str, found: Range, event_id: int, at_ns: int) -> None:
        """Take a range of numbers."""
        first, last = found
        self.newest_ns = max(self.newest_ns, at_ns)
        self.numbers += last - first + 1
        self.prove(event_id)
        ranges = self.ranges.get(key, ())
        if ranges and ranges[-1][1] + 1 == first:
            self.ranges[key][-1] = (ranges[-1][0], last)
        elif self.listed < MOST_LISTED_RANGES:
            self.listed += 1
            self.ranges.setdefault(key, []).append(found)
        else:
            self.unlisted += last - first + 1

    def prove(self, event_id: int) -> None:
        """Name an event, while there is room."""
        if len(self.evidence) < MOST_EVIDENCE and event_id not in self.evidence:
            self.evidence.append(event_id)

    def facts(self, what: str) -> dict[str, Json]:
        """For ``meta``, the numbers counted as ``what``; what does not apply is absent."""
        listed: dict[str, Json] = {key: [[*each] for each in ranges] for key, ranges in self.ranges.items()}
        counts = {
            what: self.numbers,
            "unlisted": self.unlisted,
            "arrived": self.arrived,
            "restarts": self.restarts,
        }
        return {**{name: number for name, number in counts.items() if number}, "ranges": listed}

    def shown(self) -> str:
        """The first ranges, for a sentence: ``BTC 5-7, 9``."""
        texts: list[str] = []
        for key, ranges in self.ranges.items():
            numbers = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges[:SHOWN_RANGES])
            texts.append(f"{key} {numbers}".strip())
        rest = self.listed - sum(len(ranges[:SHOWN_RANGES]) for ranges in list(self.ranges.values())[:SHOWN_RANGES])
        return "; ".join(texts[:SHOWN_RANGES]) + (f" and {rest:,} more" if rest > 0 else "")


# How late a number may be before it counts as missing
GRACE_NS = SECOND_NS
# Without another one, an incident is over
QUIET_NS = 60 * SECOND_NS
# Followed on a connection: beyond, the one heard of longest ago begins anew when it comes again
MOST_KEYS = 10_000

SequenceKind = Literal["gap", "duplicate", "reorder"]
KINDS: Final[tuple[SequenceKind, ...]] = get_args(SequenceKind)
_SAID: Final[Mapping[SequenceKind, str]] = {
    "gap": "missing",
    "duplicate": "more than once",
    "reorder": "out of order",
}
_COUNTED: Final[Mapping[SequenceKind, str]] = {"gap": "missing", "duplicate": "duplicates", "reorder": "reordered"}


@dataclass(slots=True)
class _Feed:
    """The sequence numbers of one connection."""

    source: Source = RECORDER
    numberings: dict[str, KeySequence] = field(default_factory=dict)
    """By key, the one that was heard of longest ago first."""
    waiting: PendingRanges = field(default_factory=PendingRanges)
    episodes: dict[SequenceKind, Episode] = field(default_factory=dict)
    overflow: Literal["none", "found", "told"] = "none"
    """Whether keys were forgotten for others."""


class SequenceDetector:
    """Opens ``gap``, ``duplicate`` and ``reorder``, one of each a connection; each ends after a minute without more."""

    reads_traffic = True

    def __init__(self) -> None:
        self._feeds: dict[str, _Feed] = {}
        self._incidents = {kind: Incidents(kind, 'sequence.path = ""') for kind in KINDS}
        self._expectations: Mapping[str, Expectation] = {}

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Know the connections that are watched; replaces what was known."""
        self._expectations = dict(expectations)
        for connection in list(self._feeds):
            for kind in KINDS:
                if not self._is_watched(connection, kind):
                    self._close(connection, kind, "it is no longer watched")
            if connection not in self._expectations:
                del self._feeds[connection]

    def observe(self, event: Event) -> None:
        """See the ids of incidents."""
        if event.name == "incident.opened":
            for incidents in self._incidents.values():
                incidents.observe(event)

    def observe_traffic(self, traffic: Traffic) -> None:
        """Follow the numbers of a batch."""
        if not traffic.numbered or traffic.source.connection not in self._expectations:
            return
        feed = self._feeds.setdefault(traffic.source.connection, _Feed())
        feed.source = traffic.source
        for each in traffic.numbered:
            self._follow(feed, each, traffic.newest_data_ns or 0)

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What is missing by now, and what is over."""
        for connection, feed in self._feeds.items():
            self._settle(feed, mono_ns)
            for kind in tuple(feed.episodes):
                self._tell(connection, feed, kind, mono_ns)
        found = (event for kind in KINDS for event in self._incidents[kind].take(ts_ns, mono_ns))
        return (*self._limits(ts_ns, mono_ns), *found)

    def end(self) -> None:
        """The recorder ends: what is missing will not come."""
        for connection, feed in self._feeds.items():
            for each in feed.waiting.take():
                self._add(feed, "gap", each.key, each.range, each.event_id, each.since_ns)
            for kind in tuple(feed.episodes):
                if connection not in self._incidents[kind]:
                    self._tell(connection, feed, kind, feed.episodes[kind].newest_ns)
                self._close(connection, kind, "the recorder ended")

    def _follow(self, feed: _Feed, message: NumberedMessage, at_ns: int) -> None:
        key, number = message.key, message.number
        numbering = feed.numberings.pop(key, None)
        if numbering is None:
            if len(feed.numberings) >= MOST_KEYS:
                del feed.numberings[next(iter(feed.numberings))]
                if feed.overflow == "none":
                    feed.overflow = "found"
            feed.numberings[key] = KeySequence(number, message.connection_id)
            feed.waiting.give_up(key)  # where it was forgotten for others
            return
        feed.numberings[key] = numbering
        match numbering.follow(number, message.connection_id):
            case "gap":
                feed.waiting.add(MissingRange(key, numbering.last_gap, message.id, at_ns))
            case "base":
                feed.waiting.give_up(key)
            case "late":
                if not feed.waiting.arrive(key, number) and (told := feed.episodes.get("gap")) is not None:
                    told.arrived += 1
                self._add(feed, "reorder", key, (number, number), message.id, at_ns)
            case "duplicate":
                self._add(feed, "duplicate", key, (number, number), message.id, at_ns)
            case "restart":
                feed.waiting.give_up(key)
                episode = feed.episodes.setdefault("gap", Episode(at_ns))
                episode.restarts += 1
                episode.newest_ns = at_ns
                episode.prove(message.id)

    def _limits(self, ts_ns: int, mono_ns: int) -> Iterator[Event]:
        """Once a connection: that not all of its keys can be followed."""
        for feed in self._feeds.values():
            if feed.overflow == "found":
                feed.overflow = "told"
                error = f"more than {MOST_KEYS:,} sequence keys: gaps of those not heard of for longest are not seen"
                yield Event(feed.source, "error.occurred", ts_ns, mono_ns, error_type="too_many_keys", error=error)

    def _settle(self, feed: _Feed, mono_ns: int) -> None:
        """What has been missing for long enough is a gap."""
        for each in feed.waiting.take(mono_ns - GRACE_NS):
            self._add(feed, "gap", each.key, each.range, each.event_id, mono_ns)

    @staticmethod
    def _add(feed: _Feed, kind: SequenceKind, key: str, found: Range, event_id: int, at_ns: int) -> None:
        feed.episodes.setdefault(kind, Episode(at_ns)).add(key, found, event_id, at_ns)

    def _tell(self, connection: str, feed: _Feed, kind: SequenceKind, mono_ns: int) -> None:
        episode = feed.episodes[kind]
        if not self._is_watched(connection, kind):
            del feed.episodes[kind]
        elif mono_ns - episode.newest_ns > QUIET_NS:
            self._close(connection, kind, "none for a minute")
        elif connection not in self._incidents[kind]:
            facts = episode.facts(_COUNTED[kind])
            self._incidents[kind].open(feed.source, _sentence(kind, episode), episode.evidence, facts)

    def _close(self, connection: str, kind: SequenceKind, why: str) -> None:
        episode = self._feeds[connection].episodes.pop(kind, None)
        if episode is not None:
            self._incidents[kind].close(connection, f"{_sentence(kind, episode)}; {why}", episode.facts(_COUNTED[kind]))

    def _is_watched(self, connection: str, kind: SequenceKind) -> bool:
        expectation = self._expectations.get(connection)
        return expectation is not None and kind not in expectation.silenced


def _sentence(kind: SequenceKind, episode: Episode) -> str:
    """``3 messages missing: BTC 5-7``."""
    parts = [f"{counted(episode.numbers, 'message')} {_SAID[kind]}: {episode.shown()}"] if episode.numbers else []
    if episode.arrived:
        parts.append(f"{episode.arrived:,} came late")
    if episode.restarts:
        parts.append(f"the numbers began anew {counted(episode.restarts, 'time')} within a session")
    return "; ".join(parts)
