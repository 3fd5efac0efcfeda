"""Reads the index of texts: the ranges of ids in which a search has to look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from struct import unpack

from wsmon.store.marks import PAGES, SLOTS_A_PAGE
from wsmon.store.sieve import Sieve, blocks

_HAS_INDEX = "SELECT count(*) FROM sqlite_schema WHERE name = 'search_segment'"
_SEGMENTS = """
SELECT first_id, last_id, first_ns, last_ns, starts FROM search_segment
WHERE first_id BETWEEN (SELECT coalesce(max(first_id), 0) FROM search_segment WHERE first_id <= ?) AND ?
ORDER BY first_id
"""
_MASK = "SELECT substr(masks, ?, 8) FROM search_page WHERE id = ?"

Ranges = list[tuple[int, int]]
# closed, ascending, apart from each other


class Candidates:
    """The index of one connection to a store; a store of an older wsmon has none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (tables,) = connection.execute(_HAS_INDEX).fetchone()
        self.is_there = bool(tables)

    def ranges(self, sieve: Sieve, first_id: int, last_id: int) -> Ranges:
        """Where in a closed range of ids a match can be; what is not indexed is all let through."""
        found: Ranges = []
        next_id = first_id
        for segment in self._connection.execute(_SEGMENTS, (first_id, last_id)).fetchall():
            segment_first, segment_last, first_ns, last_ns, starts = segment
            if segment_last < next_id:
                continue
            if segment_first > next_id:
                _add(found, next_id, min(segment_first - 1, last_id))
            for low, high in self._let_through(sieve, segment_first, segment_last, first_ns, last_ns, starts):
                if high >= first_id and low <= last_id:
                    _add(found, max(low, first_id), min(high, last_id))
            next_id = segment_last + 1
        if next_id <= last_id:
            _add(found, next_id, last_id)
        return found

    def _let_through(
        self, sieve: Sieve, segment_first: int, segment_last: int, first_ns: int, last_ns: int, starts: bytes
    ) -> Iterator[tuple[int, int]]:
        mask = blocks(sieve, lambda mark: self._mask(segment_first, mark), first_ns, last_ns)
        if not mask:
            return
        places = [segment_first + start for start in unpack(f"<{len(starts) // 4}I", starts)]
        for number, (low, after) in enumerate(zip(places, (*places[1:], segment_last + 1), strict=True)):
            if mask >> number & 1:
                yield low, after - 1

    def _mask(self, segment_first: int, mark: int) -> int:
        page, slot = divmod(mark, SLOTS_A_PAGE)
        row = self._connection.execute(_MASK, (8 * slot + 1, segment_first * PAGES + page)).fetchone()
        return int.from_bytes(row[0], "little") if row is not None else 0


def _add(ranges: Ranges, low: int, high: int) -> None:
    """Put a range behind the others, or make the last one longer."""
    if ranges and ranges[-1][1] == low - 1:
        ranges[-1] = (ranges[-1][0], high)
    else:
        ranges.append((low, high))
