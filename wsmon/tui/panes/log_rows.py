"""Which event is on which row of the log: all of them, or those that match; never the events themselves."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Protocol


class Rows(Protocol):
    """Ids in ascending order, one a row."""

    def __len__(self) -> int: ...

    def id_at(self, row: int) -> int:
        """The id on a row; raises ``IndexError`` outside."""
        ...

    def row_of(self, event_id: int) -> int:
        """The row of the first id that is not smaller; ``len`` where there is none."""
        ...


class AllRows:
    """Every event kept: ids have no holes, so a row is a subtraction."""

    __slots__ = ("_count", "_oldest_id")

    def __init__(self, oldest_id: int, last_id: int) -> None:
        self._oldest_id = oldest_id
        self._count = last_id - oldest_id + 1 if oldest_id else 0

    def __len__(self) -> int:
        return self._count

    def id_at(self, row: int) -> int:
        if not 0 <= row < self._count:
            raise IndexError(row)
        return self._oldest_id + row

    def row_of(self, event_id: int) -> int:
        return min(max(0, event_id - self._oldest_id), self._count)


class MatchRows:
    """The matches of a query, 8 bytes each, in the range of ids that was searched so far.

    The range grows at both ends: new events are searched as they come, old ones newest first. ``_older`` is kept in
    descending order, so that both ends grow by appending.
    """

    __slots__ = ("_dropped", "_newer", "_older", "searched_from", "searched_to")

    def __init__(self, newest_id: int) -> None:
        """Nothing is searched yet; the first range given must end at ``newest_id`` or begin after it."""
        self.searched_from = newest_id + 1
        self.searched_to = newest_id
        self._older = array("q")
        self._newer = array("q")
        self._dropped = 0
        # ids at the front of _newer that are no longer kept

    def __len__(self) -> int:
        return len(self._older) + len(self._newer) - self._dropped

    @property
    def searched(self) -> int:
        """How many events were looked at."""
        return self.searched_to - self.searched_from + 1

    def id_at(self, row: int) -> int:
        if not 0 <= row < len(self):
            raise IndexError(row)
        older = len(self._older)
        return self._older[older - 1 - row] if row < older else self._newer[row - older + self._dropped]

    def row_of(self, event_id: int) -> int:
        if self._older and event_id <= self._older[0]:
            last = len(self._older) - 1
            return bisect_left(range(last + 1), event_id, key=lambda row: self._older[last - row])
        newer = bisect_left(self._newer, event_id, self._dropped) - self._dropped
        return len(self._older) + newer

    def prepend(self, ids: array[int], searched_from: int, searched_to: int) -> None:
        """Add the matches of a range that ends where the searched one begins."""
        if searched_to != self.searched_from - 1:
            raise ValueError(f"ids up to {searched_to} do not join {self.searched_from}")
        self._older.extend(reversed(ids))
        self.searched_from = searched_from

    def append(self, ids: array[int], searched_from: int, searched_to: int) -> None:
        """Add the matches of a range that begins where the searched one ends."""
        if searched_from != self.searched_to + 1:
            raise ValueError(f"ids from {searched_from} do not join {self.searched_to}")
        self._newer.extend(ids)
        self.searched_to = searched_to

    def prune(self, oldest_id: int) -> None:
        """Forget the ids that are no longer kept."""
        gone = self.row_of(oldest_id)
        from_older = min(gone, len(self._older))
        if from_older:
            del self._older[-from_older:]
        self._dropped += gone - from_older
        self.searched_from = max(self.searched_from, oldest_id)
        self.searched_to = max(self.searched_to, oldest_id - 1)
        if self._dropped > len(self._newer) // 2:
            del self._newer[: self._dropped]
            self._dropped = 0
