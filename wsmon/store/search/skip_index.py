"""Skip index: build the marks of blocks of events behind the writer, and find the ranges of ids that can match.

Commits of events do not wait for it: the writer indexes between them. It indexes what the event table holds, never what
was redacted. A segment of 64 blocks is written at once, and its row says up to which id the index goes; a segment that
was incomplete when a recorder ended is built again by the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from struct import pack, unpack

import msgspec

from wsmon.store.schema import META_OLDEST_ID
from wsmon.store.search.block_filter import (
    BLOCKS,
    PAGES,
    SLOTS_A_PAGE,
    BlockFilter,
    backslash_marks,
    matching_blocks,
    name_marks,
    source_marks,
    text_marks,
    tokens_of,
)
from wsmon.store.transactions import transaction
from wsmon.store.validation import Id, Ns, checked, meta_value

# A block has fewer events where they have many tokens: with most of the marks, it would pass every search
BLOCK_EVENTS = 256
BLOCK_TOKENS = 800
# Events and bytes that are cut into tokens at a time; the number of tokens is checked between these steps
STEP_EVENTS = 16
STEP_BYTES = 16 * 1024

# Columns that are searched beside the payload, and that differ within a session
TEXT_COLUMNS = ("type", "topic", "ref", "reason", "error_type", "error", "span_id", "parent_id")
_OTHER_TEXTS = " || ' ' || ".join(f"coalesce({column}, '')" for column in TEXT_COLUMNS)
_ROWS = f"""
SELECT id, ts_ns, source, name, coalesce(CAST(payload AS BLOB), x''),
    CASE WHEN coalesce({", ".join(TEXT_COLUMNS)}) IS NULL THEN x'' ELSE CAST({_OTHER_TEXTS} AS BLOB) END
FROM event WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?
"""
_INDEXED_TO = "SELECT coalesce(max(last_id), 0) FROM search_segment"
_FIRST_KEPT = "SELECT coalesce(min(first_id), ?) FROM search_segment WHERE last_id >= ?"
_INSERT_SEGMENT = """
INSERT INTO search_segment (first_id, last_id, first_ns, last_ns, starts) VALUES (?, ?, ?, ?, ?)
"""
_INSERT_PAGE = "INSERT INTO search_page (id, masks) VALUES (?, ?)"

_Row = tuple[Id, Ns, Id, int, bytes, bytes]


@dataclass(slots=True)
class _SegmentBuilder:
    """The segment that is being built."""

    starts: list[int] = field(default_factory=list)
    """First id of each block."""
    last_id: int = 0
    first_ns: int = 0
    last_ns: int = 0
    """Least and greatest wall time, which need not be those of the first and last event: clocks step back."""
    masks: list[int] = field(default_factory=lambda: [0] * (PAGES * SLOTS_A_PAGE))
    """The blocks with each mark, as bits."""


class SearchIndexer:
    """Indexes one store; used by the thread that writes it, between two commits."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        ((indexed_id,),) = checked(connection.execute(_INDEXED_TO), tuple[Id])
        self._next_id = indexed_id + 1
        self._segment = _SegmentBuilder()

    def index(self, last_id: int, is_over: Callable[[], bool]) -> bool:
        """Index events up to ``last_id`` until ``is_over`` (called after each block); returns whether more is to do.

        Raises ``StoreError`` where the segment cannot be written; the next call tries again.
        """
        while True:
            if len(self._segment.starts) == BLOCKS:
                self._write()
            self._next_id = max(self._next_id, meta_value(self._connection, META_OLDEST_ID))
            if self._next_id + BLOCK_EVENTS - 1 > last_id:
                return False
            if not self._add_block(last_id):
                return False
            if is_over():
                return True

    def _add_block(self, last_id: int) -> bool:
        """Add the next block; ``False`` where there are too few events for one."""
        marks: set[int] = set()
        tokens: set[bytes] = set()
        sources, names = set(), set()
        block_last, times = 0, []
        for rows in self._steps(last_id):
            texts = [text for row in rows for text in row[4:] if text]
            tokens.update(tokens_of(b" ".join(texts)))
            marks |= backslash_marks(texts)
            for event_id, ts_ns, source, name, _, _ in rows:
                sources.add(source)
                names.add(name)
                times.append(ts_ns)
                block_last = event_id
            if len(tokens) >= BLOCK_TOKENS:
                break
        if len(times) < BLOCK_EVENTS and len(tokens) < BLOCK_TOKENS:
            return False
        marks |= text_marks(tokens)
        marks.update(*map(source_marks, sources), *map(name_marks, names))
        self._take(marks, block_last, min(times), max(times))
        return True

    def _take(self, marks: set[int], last_id: int, first_ns: int, last_ns: int) -> None:
        segment = self._segment
        bit = 1 << len(segment.starts)
        masks = segment.masks
        for mark in marks:
            masks[mark] |= bit
        is_first = not segment.starts
        segment.first_ns = first_ns if is_first else min(segment.first_ns, first_ns)
        segment.last_ns = last_ns if is_first else max(segment.last_ns, last_ns)
        segment.starts.append(self._next_id)
        segment.last_id = last_id
        self._next_id = last_id + 1

    def _steps(self, last_id: int) -> Iterator[list[_Row]]:
        """Yield the rows of the next block, some at a time: payloads may be large, and few are in memory at once."""
        cursor = self._connection.execute(_ROWS, (self._next_id, last_id, BLOCK_EVENTS))
        rows: list[_Row] = []
        size_bytes = 0
        try:
            for row in cursor:
                rows.append(row)
                size_bytes += len(row[4])
                if len(rows) >= STEP_EVENTS or size_bytes >= STEP_BYTES:
                    yield checked(rows, _Row)
                    rows, size_bytes = [], 0
            if rows:
                yield checked(rows, _Row)
        finally:
            cursor.close()

    def _write(self) -> None:
        segment = self._segment
        first_id = segment.starts[0]
        starts = pack(f"<{len(segment.starts)}I", *(start - first_id for start in segment.starts))
        pages = []
        for page in range(PAGES):
            masks = segment.masks[page * SLOTS_A_PAGE : (page + 1) * SLOTS_A_PAGE]
            if any(masks):
                pages.append((first_id * PAGES + page, pack(f"<{SLOTS_A_PAGE}Q", *masks)))
        with transaction(self._connection, self._path) as connection:
            connection.execute(_INSERT_SEGMENT, (first_id, segment.last_id, segment.first_ns, segment.last_ns, starts))
            connection.executemany(_INSERT_PAGE, pages)
        self._segment = _SegmentBuilder()


def forget_segments(connection: sqlite3.Connection, oldest_id: int) -> None:
    """Delete the segments all of whose events are older than an id, within the caller's transaction."""
    ((first_kept,),) = checked(connection.execute(_FIRST_KEPT, (oldest_id, oldest_id)), tuple[Id])
    connection.execute("DELETE FROM search_segment WHERE first_id < ?", (first_kept,))
    connection.execute("DELETE FROM search_page WHERE id < ?", (first_kept * PAGES,))


_HAS_INDEX = "SELECT count(*) FROM sqlite_schema WHERE name = 'search_segment'"
_SEGMENTS = """
SELECT first_id, last_id, first_ns, last_ns, starts FROM search_segment
WHERE first_id BETWEEN (SELECT coalesce(max(first_id), 0) FROM search_segment WHERE first_id <= ?) AND ?
ORDER BY first_id
"""
_MASK = "SELECT substr(masks, ?, 8) FROM search_page WHERE id = ?"

# Closed, ascending, apart from each other
Ranges = list[tuple[int, int]]


class SkipIndex:
    """Reads the index; a store with an older schema has none (``exists``)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (tables,) = connection.execute(_HAS_INDEX).fetchone()
        self.exists = bool(tables)

    def candidates(self, block_filter: BlockFilter, first_id: int, last_id: int) -> Ranges:
        """The ranges of ids in a closed range that can contain a match; ids without an index are included."""
        found: Ranges = []
        next_id = first_id
        rows = self._connection.execute(_SEGMENTS, (first_id, last_id))
        for segment_first, segment_last, *known in checked(rows, tuple[Id, Id, Ns, Ns, bytes]):
            if segment_last < next_id:
                continue
            if segment_first > next_id:
                _add(found, next_id, min(segment_first - 1, last_id))
            segment = _StoredSegment(self._connection, segment_first, segment_last, *known)
            for low, high in segment.let_through(block_filter):
                if high >= first_id and low <= last_id:
                    _add(found, max(low, first_id), min(high, last_id))
            next_id = segment_last + 1
        if next_id <= last_id:
            _add(found, next_id, last_id)
        return found


@dataclass(frozen=True, slots=True)
class _StoredSegment:
    """A segment of the index, as a block filter reads it."""

    connection: sqlite3.Connection
    first_id: int
    last_id: int
    first_ns: int
    last_ns: int
    starts: bytes

    def let_through(self, block_filter: BlockFilter) -> Iterator[tuple[int, int]]:
        """Yield the ranges of ids of the blocks that pass a block filter."""
        if mask := matching_blocks(block_filter, self):
            yield from (each for number, each in enumerate(self._blocks()) if mask >> number & 1)

    def mask(self, mark: int) -> int:
        """Which blocks have a mark."""
        page, slot = divmod(mark, SLOTS_A_PAGE)
        row = self.connection.execute(_MASK, (8 * slot + 1, self.first_id * PAGES + page)).fetchone()
        if row is not None and not isinstance(row[0], bytes):
            raise msgspec.ValidationError("the masks of the search index are no bytes")
        return int.from_bytes(row[0], "little") if row is not None else 0

    def _blocks(self) -> Iterator[tuple[int, int]]:
        if len(self.starts) % 4:
            raise msgspec.ValidationError("the search index has a block without a start")
        starts = unpack(f"<{len(self.starts) // 4}I", self.starts)
        places = (*(self.first_id + start for start in starts), self.last_id + 1)
        return ((low, after - 1) for low, after in pairwise(places))


def _add(ranges: Ranges, low: int, high: int) -> None:
    """Append a range, or extend the last one where it is adjacent."""
    if ranges and ranges[-1][1] == low - 1:
        ranges[-1] = (ranges[-1][0], high)
    else:
        ranges.append((low, high))
