"""Finds message types that are new, and those that came all the time and no longer do.

What is usual is learned for ten minutes and a thousand messages; until then nothing is new and nothing is missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model.detectors.detector import IncidentDetector
from wsmon.model.detectors.watched import Traffic
from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Event, Source
from wsmon.model.statuses import OPEN

LEARNED_MESSAGES = 1_000
LEARNED_NS = 600 * SECOND_NS
MOST_TYPES = 100
# followed on a connection, as many as a bucket of the statistics tells apart
REGULAR_SIGHTINGS = 20
# batches that had it: a type with fewer comes when it likes
TIMES_MEAN = 10
TIMES_LONGEST = 3
# gaps: bursts have a short mean, and long pauses between them
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
    # between sessions: nobody could see it then

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
    # new since the last look
    missed: set[str] = field(default_factory=set)
    is_told: bool = False
    # the open incident is about fresh ones
    closed_ns: int | None = None
    # between sessions, since when

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
