"""The order of the events of several recordings: one range of ids without gaps, by wall time.

An event of a recording keeps its place among the events of its recording, also where a clock was set back. The ids are
in slices. A slice that is asked for is split at wall times until it is small, and its order is read from the times of
its events then. So gigabytes are opened at once, and what was asked for costs a byte an event: it says which recording
an event is from, and its number there follows from counting.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from threading import Lock
from typing import NamedTuple, Protocol

from wsmon.errors import StoreError
from wsmon.model.ranges import StoreBounds

# Most events in a slice whose order is read: their times take some milliseconds
SLICE = 4_096
# The screen has five views of each recording, of up to three files: together fewer than the 1,024 that a process may
# have open by default. A byte would tell 256 apart.
MOST_RECORDINGS = 64
# Slices whose places are in memory, 4 bytes an event
_HELD_SLICES = 256


class TimeReader(Protocol):
    """Reads times of the recordings, which have numbers; belongs to the thread that asks."""

    def times(self, recording: int, first_id: int, last_id: int) -> Sequence[int]:
        """Return the wall times of a closed range of ids, one for each; -1 where no event has the id."""
        ...

    def time_from(self, recording: int, event_id: int) -> int:
        """Return the wall time of an event, or of the next one that there is; 0 where there is none."""
        ...

    def id_at(self, recording: int, ts_ns: int) -> int:
        """Return the first id at or after a wall time; the one behind the newest where there is none."""
        ...


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
        # Empty before the first check
        self._store_ids: tuple[str, ...] = ()
        # The first id of each slice, and one behind the last
        self._starts = array("q", [1])
        # For each recording its first id in each slice, and one behind the last
        self._cuts: tuple[array[int], ...] = ()
        # Slices whose order was read, by their first id: the number of the recording of each event
        self._owners: dict[int, bytes] = {}
        # By slice and recording: where in the slice its events are
        self._positions: dict[tuple[int, int], array[int]] = {}

    @property
    def last_id(self) -> int:
        """The newest id; 0 = there is none."""
        with self._lock:
            return self._starts[-1] - 1

    @property
    def first_ids(self) -> tuple[int, ...]:
        """The first id of each recording that is numbered."""
        with self._lock:
            return tuple(cuts[0] for cuts in self._cuts)

    def check(self, store_ids: Sequence[str]) -> None:
        """Raise ``StoreError`` where a recording is another one than at the first call: its ids are of other events."""
        with self._lock:
            known = self._store_ids = self._store_ids or tuple(store_ids)
        for name, before, now in zip(self._names, known, store_ids, strict=True):
            if before != now:
                what = f"the recording {name} was replaced by another one while it was read"
                raise StoreError(what, "open the recordings again")

    def extend(self, bounds: Sequence[StoreBounds]) -> None:
        """Number what the recordings hold beyond what is known; another thread may have seen more already."""
        with self._lock:
            if not self._cuts:
                self._cuts = tuple(array("q", [each.oldest_id or each.last_id + 1]) for each in bounds)
            self._add_slice([max(each.last_id + 1, cuts[-1]) for each, cuts in zip(bounds, self._cuts, strict=True)])

    def place(self, event_id: int, reader: TimeReader) -> Place:
        """Return which event an id is; the id is from 1 to ``last_id``."""
        with self._lock:
            number = self._slice_of(event_id, reader)
            offset = event_id - self._starts[number]
            if (single := self._single(number)) is not None:
                return Place(single, self._cuts[single][number] + offset)
            owners = self._owners_of(number, reader)
            recording = owners[offset]
            return Place(recording, self._cuts[recording][number] + owners.count(recording, 0, offset))

    def places_from(self, event_id: int, reader: TimeReader) -> tuple[int, ...]:
        """Return for each recording its first id at or behind an id; an id may be beyond both ends."""
        with self._lock:
            if event_id >= self._starts[-1]:
                return tuple(cuts[-1] for cuts in self._cuts)
            if event_id <= 1:
                return tuple(cuts[0] for cuts in self._cuts)
            number = self._slice_of(event_id, reader)
            offset = event_id - self._starts[number]
            if (single := self._single(number)) is not None:
                return tuple(cuts[number] + offset * (each == single) for each, cuts in enumerate(self._cuts))
            owners = self._owners_of(number, reader)
            return tuple(cuts[number] + owners.count(each, 0, offset) for each, cuts in enumerate(self._cuts))

    def ids(self, recording: int, own_ids: Sequence[int], reader: TimeReader) -> array[int]:
        """Return the ids of events of a recording; 0 = not known, because it is newer or was pruned at the start."""
        found = array("q")
        at = 0
        with self._lock:
            cuts = self._cuts[recording]
            while at < len(own_ids):
                if not cuts[0] <= own_ids[at] < cuts[-1]:
                    found.append(0)
                    at += 1
                    continue
                number = self._slice_of_own(recording, own_ids[at], reader)
                low, high, start = cuts[number], cuts[number + 1], self._starts[number]
                # Those that follow and are in the same slice; ids mostly ascend
                end = at + 1
                while end < len(own_ids) and low <= own_ids[end] < high:
                    end += 1
                positions = self._positions_of(number, recording, reader)
                found.extend([start + positions[each - low] for each in own_ids[at:end]])
                at = end
        return found

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

    def _slice_of(self, event_id: int, reader: TimeReader) -> int:
        """Return the number of the slice of an id, which is small."""
        while True:
            number = bisect_right(self._starts, event_id) - 1
            if not self._split(number, reader):
                return number

    def _slice_of_own(self, recording: int, own_id: int, reader: TimeReader) -> int:
        """Return the number of the slice of an event by its own id, which is small."""
        while True:
            number = bisect_right(self._cuts[recording], own_id) - 1
            if not self._split(number, reader):
                return number

    def _split(self, number: int, reader: TimeReader) -> bool:
        """Split a large slice in two, at a wall time; return whether it was.

        Not one whose order was read, since ids of it are known; nor one of a single recording, which needs no times;
        nor one whose events all have the same time.
        """
        start, end = self._starts[number], self._starts[number + 1]
        if end - start <= SLICE or start in self._owners or self._single(number) is not None:
            return False
        counts = [cuts[number + 1] - cuts[number] for cuts in self._cuts]
        largest = counts.index(max(counts))
        middle = self._cuts[largest][number] + counts[largest] // 2
        ts_ns = reader.time_from(largest, middle)
        # All events of the first half may have the same time
        for at_ns in (ts_ns, ts_ns + 1):
            found = [
                min(cuts[number + 1], max(cuts[number], reader.id_at(recording, at_ns)))
                for recording, cuts in enumerate(self._cuts)
            ]
            size = sum(own - cuts[number] for own, cuts in zip(found, self._cuts, strict=True))
            if 0 < size < end - start:
                self._starts.insert(number + 1, start + size)
                for own, cuts in zip(found, self._cuts, strict=True):
                    cuts.insert(number + 1, own)
                return True
        return False

    def _single(self, number: int) -> int | None:
        """Return the recording that a slice has all its events of; None where there are several."""
        events = self._starts[number + 1] - self._starts[number]
        return next((each for each, cuts in enumerate(self._cuts) if cuts[number + 1] - cuts[number] == events), None)

    def _owners_of(self, number: int, reader: TimeReader) -> bytes:
        start = self._starts[number]
        if (known := self._owners.get(start)) is None:
            known = self._owners[start] = merged_order(
                [
                    reader.times(each, cuts[number], cuts[number + 1] - 1) if cuts[number] < cuts[number + 1] else ()
                    for each, cuts in enumerate(self._cuts)
                ]
            )
        return known

    def _positions_of(self, number: int, recording: int, reader: TimeReader) -> Sequence[int]:
        start = self._starts[number]
        if self._single(number) is not None:
            return range(self._starts[number + 1] - start)
        if (known := self._positions.get((start, recording))) is None:
            if len(self._positions) >= _HELD_SLICES * len(self._cuts):
                self._positions.clear()
            owners = self._owners_of(number, reader)
            known = array("L", [place for place, each in enumerate(owners) if each == recording])
            self._positions[start, recording] = known
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
