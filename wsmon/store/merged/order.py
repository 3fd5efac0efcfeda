"""The order of the events of several recordings: one range of ids without gaps, by wall time.

An event of a recording keeps its place among the events of its recording, also where a clock was set back. Ids of the
order are cut into slices, at wall times; the order inside a slice is read from the times of its events when it is first
asked for. So a store of gigabytes is opened in a second, and 10 million events cost 10 MB: a byte says which recording
an event is from, and its number there follows from counting.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from threading import Lock
from typing import NamedTuple

from wsmon.errors import StoreError
from wsmon.model.ranges import StoreBounds

# Events in a slice, about: the times of so many are read in some milliseconds
SLICE = 4_096
# A byte tells recordings apart
MOST_RECORDINGS = 256
# Slices whose places are in memory, 4 bytes an event
_HELD_SLICES = 256

# Reads the wall times of a closed range of ids of a recording, by its number; -1 = no event has this id
ReadTimes = Callable[[int, int, int], "array[int]"]
# Finds the first id of a recording, by its number, at or after a wall time
IdAt = Callable[[int, int], int]


class Place(NamedTuple):
    """An event of one of the recordings."""

    recording: int
    """Its number, in the order of the command line."""
    id: int
    """The id that it has there."""


class MergedOrder:
    """Ids from 1 on for the events of several recordings; all views of these recordings share one. Thread-safe.

    Ids never change. Events that are committed later come behind all others, those of one look at the recordings by
    their times.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """``names`` are those of the recordings."""
        self._names = tuple(names)
        # Guards everything below
        self._lock = Lock()
        # The first id of each slice, and one behind the last
        self._starts = array("q", [1])
        # For each recording its first id in each slice, and one behind the last
        self._cuts: tuple[array[int], ...] = ()
        # Slices whose order was read: the number of the recording of each event
        self._owners: dict[int, bytes] = {}
        # By slice and recording: where in the slice its events are
        self._positions: dict[tuple[int, int], array[int]] = {}

    @property
    def last_id(self) -> int:
        """The newest id; 0 = there is none."""
        with self._lock:
            return self._starts[-1] - 1

    def extend(self, bounds: Sequence[StoreBounds], read_times: ReadTimes, id_at: IdAt) -> None:
        """Number what the recordings hold beyond what is known; raises ``StoreError`` where one was replaced."""
        with self._lock:
            if not self._cuts:
                self._begin(bounds, read_times, id_at)
                return
            ends = [max(each.last_id + 1, cuts[-1]) for each, cuts in zip(bounds, self._cuts, strict=True)]
            for name, each, cuts in zip(self._names, bounds, self._cuts, strict=True):
                if each.last_id + 1 < cuts[-1]:
                    raise StoreError(
                        f"the recording {name} was replaced by a new one while it was read", "open the recordings again"
                    )
            if any(end > cuts[-1] for end, cuts in zip(ends, self._cuts, strict=True)):
                self._add_slice(ends)

    def place(self, event_id: int, read_times: ReadTimes) -> Place:
        """Return which event an id is; the id is from 1 to ``last_id``."""
        with self._lock:
            number = bisect_right(self._starts, event_id) - 1
            offset = event_id - self._starts[number]
            if (single := self._single(number)) is not None:
                return Place(single, self._cuts[single][number] + offset)
            owners = self._owners_of(number, read_times)
            recording = owners[offset]
            return Place(recording, self._cuts[recording][number] + owners.count(recording, 0, offset))

    def places_from(self, event_id: int, read_times: ReadTimes) -> tuple[int, ...]:
        """Return for each recording its first id at or behind an id; an id may be beyond both ends."""
        with self._lock:
            if event_id >= self._starts[-1]:
                return tuple(cuts[-1] for cuts in self._cuts)
            number = bisect_right(self._starts, max(event_id, 1)) - 1
            offset = max(event_id, 1) - self._starts[number]
            if (single := self._single(number)) is not None:
                return tuple(cuts[number] + offset * (each == single) for each, cuts in enumerate(self._cuts))
            owners = self._owners_of(number, read_times)
            return tuple(cuts[number] + owners.count(each, 0, offset) for each, cuts in enumerate(self._cuts))

    def ids(self, recording: int, local_ids: Sequence[int], read_times: ReadTimes) -> array[int]:
        """Return the ids of events of a recording; 0 = not known, because it is newer or was pruned at the start."""
        found = array("q")
        at = 0
        with self._lock:
            cuts = self._cuts[recording]
            while at < len(local_ids):
                if not cuts[0] <= local_ids[at] < cuts[-1]:
                    found.append(0)
                    at += 1
                    continue
                number = bisect_right(cuts, local_ids[at]) - 1
                low, high, start = cuts[number], cuts[number + 1], self._starts[number]
                # Those that follow and are in the same slice; ids mostly ascend
                end = at + 1
                while end < len(local_ids) and low <= local_ids[end] < high:
                    end += 1
                positions = self._positions_of(number, recording, read_times)
                found.extend([start + positions[each - low] for each in local_ids[at:end]])
                at = end
        return found

    def _begin(self, bounds: Sequence[StoreBounds], read_times: ReadTimes, id_at: IdAt) -> None:
        """Cut what there is into slices: at the time of every so many events of each recording."""
        first_ids = [each.oldest_id or each.last_id + 1 for each in bounds]
        self._cuts = tuple(array("q", [first_id]) for first_id in first_ids)
        ends = [each.last_id + 1 for each in bounds]
        step = max(1, SLICE // len(bounds))
        times: set[int] = set()
        for number, (first_id, end) in enumerate(zip(first_ids, ends, strict=True)):
            for sample in range(first_id + step, end, step):
                times.update(each for each in read_times(number, sample, sample) if each >= 0)
        for ts_ns in sorted(times):
            self._add_slice(
                [
                    min(end, max(cuts[-1], id_at(number, ts_ns)))
                    for number, (end, cuts) in enumerate(zip(ends, self._cuts, strict=True))
                ]
            )
        self._add_slice(ends)

    def _add_slice(self, ends: Sequence[int]) -> None:
        """Add the events of each recording up to these ids, not included; nothing where there are none."""
        added = [end - cuts[-1] for end, cuts in zip(ends, self._cuts, strict=True)]
        if not sum(added):
            return
        single = self._single(len(self._starts) - 2) if len(self._starts) > 1 else None
        if single is not None and added[single] == sum(added):
            # A recording that goes on alone would leave a slice for every look at it
            self._starts[-1] += added[single]
            self._cuts[single][-1] += added[single]
            return
        self._starts.append(self._starts[-1] + sum(added))
        for end, cuts in zip(ends, self._cuts, strict=True):
            cuts.append(end)

    def _single(self, number: int) -> int | None:
        """Return the recording that a slice has all its events of; None where there are several."""
        events = self._starts[number + 1] - self._starts[number]
        return next((each for each, cuts in enumerate(self._cuts) if cuts[number + 1] - cuts[number] == events), None)

    def _owners_of(self, number: int, read_times: ReadTimes) -> bytes:
        if (known := self._owners.get(number)) is None:
            known = self._owners[number] = merged_order(
                [
                    read_times(recording, cuts[number], cuts[number + 1] - 1) if cuts[number] < cuts[number + 1] else ()
                    for recording, cuts in enumerate(self._cuts)
                ]
            )
        return known

    def _positions_of(self, number: int, recording: int, read_times: ReadTimes) -> Sequence[int]:
        if self._single(number) is not None:
            return range(self._starts[number + 1] - self._starts[number])
        if (known := self._positions.get((number, recording))) is None:
            if len(self._positions) >= _HELD_SLICES * len(self._cuts):
                self._positions.clear()
            owners = self._owners_of(number, read_times)
            known = array("L", [place for place, each in enumerate(owners) if each == recording])
            self._positions[number, recording] = known
        return known


def merged_order(times: Sequence[Sequence[int]]) -> bytes:
    """Return the recording of each event, in order of time; of equal times, that of the first recording comes first.

    A time that is less than one before it in its recording counts as that one, and so does -1.
    """
    merged: list[int] = []
    owners = bytearray()
    for recording, each in enumerate(times):
        merged += accumulate(each, max)
        owners += bytes([recording]) * len(each)
    order = sorted(range(len(merged)), key=merged.__getitem__)
    return bytes(map(owners.__getitem__, order))
