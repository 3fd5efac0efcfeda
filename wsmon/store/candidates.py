"""Reads the index of texts: the ranges of ids in which a search has to look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from struct import unpack

from wsmon.store.marks import PAGES, SLOTS_A_PAGE
from wsmon.store.search.block_filter import Holding, Sieve, blocks

MOST_TEXT_BYTES = 16 * 1024 * 1024
# of a block, read together; the rows of a larger one are looked at one by one
TRIED_BLOCKS = 8
# of a segment: where most of these have what is asked for, the others are not asked
_SEPARATOR = "\x01"
# between the texts of rows: in few sets of characters; a text, since SQLite is quicker with it than with a blob

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
        for segment_first, segment_last, *known in self._connection.execute(_SEGMENTS, (first_id, last_id)).fetchall():
            if segment_last < next_id:
                continue
            if segment_first > next_id:
                _add(found, next_id, min(segment_first - 1, last_id))
            segment = _Segment(self._connection, segment_first, segment_last, *known)
            for low, high in segment.let_through(sieve):
                if high >= first_id and low <= last_id:
                    _add(found, max(low, first_id), min(high, last_id))
            next_id = segment_last + 1
        if next_id <= last_id:
            _add(found, next_id, last_id)
        return found


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment of the index, as a sieve asks it."""

    connection: sqlite3.Connection
    first_id: int
    last_id: int
    first_ns: int
    last_ns: int
    starts: bytes

    def let_through(self, sieve: Sieve) -> Iterator[tuple[int, int]]:
        """The ranges of ids of the blocks that a sieve lets through."""
        if mask := blocks(sieve, self):
            yield from (each for number, each in enumerate(self._blocks()) if mask >> number & 1)

    def mask(self, mark: int) -> int:
        """Which blocks have a mark."""
        page, slot = divmod(mark, SLOTS_A_PAGE)
        row = self.connection.execute(_MASK, (8 * slot + 1, self.first_id * PAGES + page)).fetchone()
        return int.from_bytes(row[0], "little") if row is not None else 0

    def holding(self, wanted: Holding, among: int) -> int:
        """Which of some blocks have such a text, and all of them where most of the first ones have."""
        texts = ", ".join(f"CAST(group_concat({column}, '{_SEPARATOR}') AS BLOB)" for column in wanted.columns)
        sql = f"SELECT {texts} FROM event WHERE id BETWEEN ? AND ?"
        found = tried = 0
        for number, block in enumerate(self._blocks()):
            bit = 1 << number
            if not among & bit:
                continue
            if tried == TRIED_BLOCKS and found.bit_count() > TRIED_BLOCKS // 2:
                return found | among & -bit
            tried += 1
            if self._has_stretch(sql, block, wanted):
                found |= bit
        return found

    def _has_stretch(self, sql: str, block: tuple[int, int], wanted: Holding) -> bool:
        try:
            with _length_limit(self.connection, MOST_TEXT_BYTES):
                (texts,) = self.connection.execute(sql, block).fetchall()
        except sqlite3.DataError:  # too long: the rows are looked at
            return True
        return any(wanted.stretch.is_in(text) for text in texts if text)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        starts = unpack(f"<{len(self.starts) // 4}I", self.starts)
        places = (*(self.first_id + start for start in starts), self.last_id + 1)
        return ((low, after - 1) for low, after in pairwise(places))


@contextmanager
def _length_limit(connection: sqlite3.Connection, size_bytes: int) -> Iterator[None]:
    """In the block, SQLite makes no longer text."""
    before = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, size_bytes)
    try:
        yield
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


def _add(ranges: Ranges, low: int, high: int) -> None:
    """Put a range behind the others, or make the last one longer."""
    if ranges and ranges[-1][1] == low - 1:
        ranges[-1] = (ranges[-1][0], high)
    else:
        ranges.append((low, high))
