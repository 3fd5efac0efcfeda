"""Finds gaps, duplicates and reorders in the sequence numbers of messages, to the last number, by key.

A number that is missing for a second is a gap; one that comes before is only out of order. After a reconnect the first
number of a key begins anew, unless it goes on: what was missed while nobody listened is no gap of the feed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from wsmon.model.detectors.base import Incidents
from wsmon.model.detectors.detector import counted
from wsmon.model.detectors.episode import Episode
from wsmon.model.detectors.numbering import Numbering, Range
from wsmon.model.detectors.waiting import Missing, Waiting
from wsmon.model.detectors.watched import Expectation, Numbered, Traffic
from wsmon.model.durations import SECOND_NS
from wsmon.model.events import RECORDER, Event, Source

GRACE_NS = SECOND_NS
# how late a number may be before it counts as missing
QUIET_NS = 60 * SECOND_NS
# without another one, an incident is over
MOST_KEYS = 10_000
# followed on a connection: beyond, the one heard of longest ago begins anew when it comes again

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
    numberings: dict[str, Numbering] = field(default_factory=dict)
    # by key, the one that was heard of longest ago first
    waiting: Waiting = field(default_factory=Waiting)
    episodes: dict[SequenceKind, Episode] = field(default_factory=dict)
    overflow: Literal["none", "found", "told"] = "none"
    # whether keys were forgotten for others


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

    def _follow(self, feed: _Feed, message: Numbered, at_ns: int) -> None:
        key, number = message.key, message.number
        numbering = feed.numberings.pop(key, None)
        if numbering is None:
            if len(feed.numberings) >= MOST_KEYS:
                del feed.numberings[next(iter(feed.numberings))]
                if feed.overflow == "none":
                    feed.overflow = "found"
            feed.numberings[key] = Numbering(number, message.connection_id)
            feed.waiting.give_up(key)  # where it was forgotten for others
            return
        feed.numberings[key] = numbering
        match numbering.follow(number, message.connection_id):
            case "gap":
                feed.waiting.add(Missing(key, numbering.last_gap, message.id, at_ns))
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
