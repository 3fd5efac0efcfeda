"""Message matching: which messages of two streams are the same by a key, which side had each first, and by how much.

Messages of one key belong together while each comes within a window of time after the one before, on either side. One
on each side is a match whose lead is measured. A key that comes more often cannot be told apart: it is counted, and no
lead is measured. What only one side has counts as missing on the other only where the other was recorded all around it.

In memory are the keys of the last two windows, at most ``MOST_OPEN`` of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from wsmon.model.histogram import bucket_index, quantiles
from wsmon.model.statistics import Summary
from wsmon.model.units import MS_NS

# Keys in memory, about 350 bytes each: 5 s of 20,000 different messages a second on both sides
MOST_OPEN = 200_000
# Of what only one side has
MOST_EXAMPLES = 10

# The window divided by this is more than what lies between the messages of most pairs
_SLACK = 8

# Before and after all times
_LEAST_NS, _GREATEST_NS = -(2**63), 2**63

# Half-open ranges of time in nanoseconds, ascending and apart
Ranges: TypeAlias = Sequence[tuple[int, int]]
# Time in nanoseconds, 0 = side A or 1 = side B, event id, and key
Arrival: TypeAlias = tuple[int, int, int, bytes]


class Example(NamedTuple):
    """A message that only one side has."""

    event_id: int
    at_ns: int
    """On the time axis of the comparison."""


@dataclass(slots=True)
class SideMatches:
    """What became of the messages of one side; all counts but ``while_down`` and ``repeated`` add up to them."""

    messages: int = 0
    matched: int = 0
    """The other side has one, too."""
    more_often: int = 0
    """Beyond the number of times that the other side has the same key."""
    only: int = 0
    """The other side does not have the key, and was recorded all around."""
    near_edge: int = 0
    """Without a match, but so near a time without recording that the match may lie there."""
    not_recorded: int = 0
    """Without a match, at a time at which the other side was not recorded."""
    crowded: int = 0
    """Without a match when their key had to be forgotten: more keys than fit came within the window."""
    late: int = 0
    """More than the window behind a later one: a clock was set back, or they were reported late."""
    while_down: int | None = 0
    """Of ``only``, those that came while the other side was not connected; None where that is not known."""
    repeated: int = 0
    """Of keys that came more than once on this side."""
    leads: Counter[int] = field(default_factory=Counter)
    """Of the messages that this side had first: milliseconds, as counts by bucket."""
    lead_sum_ms: float = 0.0
    max_lead_ns: int = 0
    max_lead_ids: tuple[int, int] = (0, 0)
    """The events of the greatest lead on side A and B."""
    examples: list[Example] = field(default_factory=list)
    """The first of ``only``."""

    @property
    def first(self) -> int:
        """Matches that this side had first, by any time."""
        return sum(self.leads.values())

    @property
    def lead_ms(self) -> Summary | None:
        """By how much this side was first; None where it never was."""
        first = self.first
        if not first:
            return None
        greatest = self.max_lead_ns / MS_NS
        p50, p95, p99 = (min(value, greatest) for value in quantiles(self.leads, (0.5, 0.95, 0.99)))
        return Summary(first, self.lead_sum_ms / first, p50, p95, p99, greatest)


@dataclass(slots=True)
class Matching:
    """What matching two streams found."""

    a: SideMatches = field(default_factory=SideMatches)
    b: SideMatches = field(default_factory=SideMatches)
    same_time: int = 0
    """Matches that both sides had at the same nanosecond."""
    forgotten: int = 0
    """Keys forgotten before the window had passed."""

    @property
    def measured(self) -> int:
        """Matches whose lead is measured."""
        return self.a.first + self.b.first + self.same_time


@dataclass(frozen=True, slots=True)
class RecordedTimes:
    """When a side was recorded, and when it was connected, on the time axis of the comparison."""

    recorded: Ranges
    connected: Ranges | None
    """None where that is not known."""


# The messages of one key that belong together, as one list, since there is one for nearly every message: the times of
# the first and the last of them, and of each side how many there are, with the time and the id of its first
_Group: TypeAlias = list[int]
_FIRST, _LAST, _COUNT, _TIME, _ID = 0, 1, 2, 4, 6


class MessageMatcher:
    """Matches messages of two sides as they come, in the order of time."""

    def __init__(self, window_ns: int, a: RecordedTimes, b: RecordedTimes, most_open: int = MOST_OPEN) -> None:
        self._window_ns = window_ns
        self._most_open = most_open
        # Side by side: of the messages of A, B decides what is missing
        others = (b, a)
        self._recorded = tuple(other.recorded for other in others)
        self._judged = tuple(_shrunk(other.recorded, window_ns) for other in others)
        self._connected = tuple(other.connected for other in others)
        self._found = Matching()
        self._sides = (self._found.a, self._found.b)
        for side, other in zip(self._sides, others, strict=True):
            side.while_down = None if other.connected is None else 0
        self._open: dict[bytes, _Group] = {}
        # One entry for each open group: a time from which on it may be over
        self._due: deque[tuple[int, bytes]] = deque()
        self._now_ns = _LEAST_NS

    def feed(self, arrivals: Iterable[Arrival]) -> None:
        """Take messages; a time that is before an earlier one counts as late where it is the window behind."""
        window_ns, groups, due, sides = self._window_ns, self._open, self._due, self._sides
        now_ns = self._now_ns
        # A little later than the window: most pairs are over then, and are looked at once
        look_after_ns = window_ns + window_ns // _SLACK
        for at_ns, side, event_id, key in arrivals:
            sides[side].messages += 1
            if at_ns > now_ns:
                now_ns = at_ns
                while due and due[0][0] < now_ns - look_after_ns:
                    self._look_at(now_ns)
            elif at_ns < now_ns - window_ns:
                sides[side].late += 1
                continue
            group = groups.get(key)
            if group is None or at_ns - group[_LAST] > window_ns:
                if group is None:
                    due.append((at_ns, key))
                else:
                    # Its entry in the queue is for the group that takes its place
                    self._close(group)
                group = groups[key] = [at_ns, at_ns, 0, 0, 0, 0, 0, 0]
                if len(groups) > self._most_open:
                    self._forget_one()
            elif at_ns > group[_LAST]:
                group[_LAST] = at_ns
            elif at_ns < group[_FIRST]:
                group[_FIRST] = at_ns
            if not group[_COUNT + side]:
                group[_TIME + side] = at_ns
                group[_ID + side] = event_id
            group[_COUNT + side] += 1
        self._now_ns = now_ns

    def finish(self) -> Matching:
        """Close what is open; return what was found."""
        for group in self._open.values():
            self._close(group)
        self._open.clear()
        self._due.clear()
        return self._found

    def _look_at(self, now_ns: int) -> None:
        """Close the group that is due next, or put it off where it has gone on."""
        _, key = self._due.popleft()
        group = self._open[key]
        if group[_LAST] < now_ns - self._window_ns:
            del self._open[key]
            self._close(group)
        else:
            self._due.append((group[_LAST], key))

    def _forget_one(self) -> None:
        _, key = self._due.popleft()
        self._found.forgotten += 1
        self._close(self._open.pop(key), is_early=True)

    def _close(self, group: _Group, *, is_early: bool = False) -> None:
        counts = group[_COUNT : _COUNT + 2]
        if counts == [1, 1]:
            self._measure(group)
            return
        matched = min(counts)
        for side, count in enumerate(counts):
            found = self._sides[side]
            found.matched += matched
            if count > 1:
                found.repeated += count
            if count > matched:
                self._count_rest(group, side, count - matched, is_early=is_early)

    def _measure(self, group: _Group) -> None:
        self._found.a.matched += 1
        self._found.b.matched += 1
        lead_ns = group[_TIME + 1] - group[_TIME]
        if not lead_ns:
            self._found.same_time += 1
            return
        ahead = self._sides[lead_ns < 0]
        lead_ns = abs(lead_ns)
        lead_ms = lead_ns / MS_NS
        ahead.leads[bucket_index(lead_ms)] += 1
        ahead.lead_sum_ms += lead_ms
        if lead_ns > ahead.max_lead_ns:
            ahead.max_lead_ns = lead_ns
            ahead.max_lead_ids = (group[_ID], group[_ID + 1])

    def _count_rest(self, group: _Group, side: int, count: int, *, is_early: bool) -> None:
        """Count the messages of a group that the other side does not have."""
        found = self._sides[side]
        if is_early:
            found.crowded += count
        elif not is_within(self._judged[side], group[_FIRST], group[_LAST]):
            if is_within(self._recorded[side], group[_FIRST], group[_LAST]):
                found.near_edge += count
            else:
                found.not_recorded += count
        elif group[_COUNT + 1 - side]:
            found.more_often += count
        else:
            found.only += count
            if len(found.examples) < MOST_EXAMPLES:
                found.examples.append(Example(group[_ID + side], group[_TIME + side]))
            connected = self._connected[side]
            if connected is not None and not is_within(connected, group[_FIRST], group[_FIRST]):
                assert found.while_down is not None
                found.while_down += count


def in_order(a: Iterator[Sequence[Arrival]], b: Iterator[Sequence[Arrival]]) -> Iterator[list[Arrival]]:
    """Yield the messages of two streams, which come in pieces, in the order of time; little of them is in memory.

    Messages of a stream that are not in order themselves are so within a piece.
    """
    held: list[Arrival] = []
    streams = {0: a, 1: b}
    reached_ns = {0: _LEAST_NS, 1: _LEAST_NS}
    while streams:
        # The stream that is behind decides how much of the other one can be used
        side = min(streams, key=reached_ns.__getitem__)
        piece = next(streams[side], None)
        if piece is None:
            del streams[side]
        elif piece:
            held += piece
            reached_ns[side] = max(reached_ns[side], max(piece)[0])
        held.sort()
        limit_ns = min((reached_ns[each] for each in streams), default=None)
        ready = len(held) if limit_ns is None else bisect_left(held, (limit_ns,))
        yield held[:ready]
        del held[:ready]


def is_within(ranges: Ranges, first_ns: int, last_ns: int) -> bool:
    """Return whether one of the ranges holds both times and all between."""
    at = bisect_right(ranges, (first_ns, _GREATEST_NS)) - 1
    return at >= 0 and last_ns < ranges[at][1]


def joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return ranges in order, with those that touch or overlap made one; empty ones are left out."""
    found: list[tuple[int, int]] = []
    for start_ns, end_ns in sorted(ranges):
        if end_ns <= start_ns:
            continue
        if found and start_ns <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_ns)
        else:
            found.append((start_ns, end_ns))
    return found


def clipped(ranges: Ranges, start_ns: int, end_ns: int) -> Ranges:
    """Return the parts of ranges between two times."""
    return joined((max(start, start_ns), min(end, end_ns)) for start, end in ranges)


def _shrunk(ranges: Ranges, by_ns: int) -> Ranges:
    return [(start + by_ns, end - by_ns) for start, end in ranges if end - start > 2 * by_ns]
