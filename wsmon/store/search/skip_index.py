"""Skip index: build the marks of blocks of events from what the writer commits, and find the ids that can match.

The writer hands over what it committed (``SearchIndexer.feed``), so nothing is read back. What was never handed over,
as the events of an older store, is read from the event table in slices between two commits (``index``). Both ways fill
the same builder. A segment of 64 blocks is written at once; the newest events are in none yet, and are handed over or
read again by the next recorder.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise, repeat
from pathlib import Path
from struct import pack, unpack
from typing import Any

import msgspec

from wsmon.model.block import Block, Committed
from wsmon.model.events import Event
from wsmon.query.predicate import text_of
from wsmon.store.codec import NAME_CODES, storable
from wsmon.store.schema import INDEX_VERSION, META_OLDEST_ID
from wsmon.store.search.block_filter import BLOCKS, BlockFilter, matching_blocks
from wsmon.store.search.marks import PAGES, SLOTS_A_PAGE, name_marks, new_text_marks, source_marks
from wsmon.store.transactions import transaction
from wsmon.store.validation import Id, Ns, checked, meta_value

# A block has fewer events where they have many tokens: with most of the marks, it would pass every search
BLOCK_EVENTS = 256
BLOCK_TOKENS = 800
# Events and characters that are cut into tokens at a time; the number of tokens is checked between these steps
STEP_EVENTS = 16
STEP_CHARS = 16 * 1024
# Blocks whose bits share a byte of each mask
_LANE_BLOCKS = 8

# Columns that are searched beside the payload, and that differ within a session
TEXT_COLUMNS = ("type", "topic", "ref", "reason", "error_type", "error", "span_id", "parent_id")
# Of these, the columns that messages have
_OF_MESSAGES = TEXT_COLUMNS[:3]
_OF_OTHERS = TEXT_COLUMNS[3:]
_AS_BYTES = ", ".join(f"CAST({column} AS BLOB)" for column in _OF_MESSAGES)
_OTHER_TEXTS = " || ' ' || ".join(f"coalesce({column}, '')" for column in _OF_OTHERS)
_ROWS = f"""
SELECT id, ts_ns, source, name, CAST(payload AS BLOB), {_AS_BYTES},
    CASE WHEN coalesce({", ".join(_OF_OTHERS)}) IS NOT NULL THEN CAST({_OTHER_TEXTS} AS BLOB) END
FROM event WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?
"""
_SEGMENT_RANGES = "SELECT first_id, last_id FROM search_segment ORDER BY first_id"
_FIRST_KEPT = "SELECT coalesce(min(first_id), ?) FROM search_segment WHERE last_id >= ?"
_INSERT_SEGMENT = """
INSERT INTO search_segment (first_id, last_id, first_ns, last_ns, starts) VALUES (?, ?, ?, ?, ?)
"""
_INSERT_PAGE = "INSERT INTO search_page (id, masks) VALUES (?, ?)"

_Text = bytes | None
_Row = tuple[Id, Ns, Id, int, _Text, _Text, _Text, _Text, _Text]


@dataclass(slots=True)
class _Waiting:
    """Events that are in no block yet, column by column, in the order of their ids."""

    ids: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    payloads: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """The texts of all other columns of an event, joined."""

    def add_event(self, event_id: int, event: Event, source: int) -> None:
        """Add a committed event, with the texts that its row has."""
        self.ids.append(event_id)
        self.times.append(event.ts_ns)
        self.sources.append(source)
        self.names.append(NAME_CODES[event.name])
        self.payloads.append("" if event.payload is None else text_of(event.payload))
        self.types.append(storable(event.type))
        self.topics.append(storable(event.topic))
        self.refs.append(storable(event.ref))
        if event.reason or event.error_type or event.error or event.span_id or event.parent_id:
            others = (event.reason, event.error_type, event.error, event.span_id, event.parent_id)
            self.others.append(" ".join(map(storable, others)))
        else:
            self.others.append("")

    def add_block(self, first_id: int, block: Block, source: int) -> None:
        """Add the messages of a committed block."""
        count = block.count
        nothing = ("",) * count
        self.ids += range(first_id, first_id + count)
        self.times += repeat(block.ts_ns, count)
        self.sources += repeat(source, count)
        self.names += repeat(NAME_CODES[block.name], count)
        self.payloads += block.texts
        self.types += block.columns.types if block.columns else nothing
        self.topics += block.columns.topics if block.columns else nothing
        self.refs += block.columns.refs if block.columns else nothing
        self.others += nothing

    def add_rows(self, rows: list[Any]) -> None:
        """Add rows of ``_ROWS``."""
        ids, times, sources, names, *texts = zip(*rows, strict=True)
        self.ids += ids
        self.times += times
        self.sources += sources
        self.names += names
        for column, values in zip(self._texts(), texts, strict=True):
            column += ("" if value is None else text_of(value) for value in values)

    def texts(self, first: int, end: int) -> list[str]:
        """The texts of some events; those that are the same for many, once."""
        repeated = {text for column in self._texts()[1:] for text in column[first:end]}
        return [*self.payloads[first:end], *repeated]

    def drop(self, count: int) -> None:
        """Forget the oldest events: they are in a block."""
        for numbers in (self.ids, self.times, self.sources, self.names):
            del numbers[:count]
        for texts in self._texts():
            del texts[:count]

    def _texts(self) -> tuple[list[str], ...]:
        return self.payloads, self.types, self.topics, self.refs, self.others


class _SegmentBuilder:
    """Builds segments of adjacent events, one after the other."""

    def __init__(self, first_id: int) -> None:
        # First id of the next block
        self._next_id = first_id
        self._waiting = _Waiting()
        # Of the waiting events: their texts are marked already
        self._marked = 0
        self._marks = new_text_marks()
        self._begin()

    def _begin(self) -> None:
        # First id of each block
        self._starts: list[int] = []
        self._last_id = 0
        # Least and greatest wall time, which need not be those of the first and last event: clocks step back
        self._first_ns = self._last_ns = 0
        # Of the blocks, eight in each: a byte for each mark, with a bit for each block that has it
        self._lanes = [bytearray(SLOTS_A_PAGE * PAGES) for _ in range(-(-BLOCKS // _LANE_BLOCKS))]

    @property
    def unread_id(self) -> int:
        """The first id that was not added."""
        return self._waiting.ids[-1] + 1 if self._waiting.ids else self._next_id

    @property
    def unwritten_id(self) -> int:
        """The first id that is in no segment that was written."""
        return self._starts[0] if self._starts else self._next_id

    @property
    def waiting_events(self) -> int:
        """Events that were added and are in no block."""
        return len(self._waiting.ids)

    @property
    def is_full(self) -> bool:
        """Whether the segment has all its blocks, and is to be written."""
        return len(self._starts) == BLOCKS

    def skip_to(self, event_id: int) -> None:
        """Go on with a later id, where the events before it are gone."""
        if not self._waiting.ids:
            self._next_id = max(self._next_id, event_id)

    def add_committed(self, committed: Sequence[Committed]) -> None:
        """Add committed events and blocks; those that were added before are left out."""
        unread_id = self.unread_id
        for first_id, event, source in committed:
            if first_id < unread_id:
                continue
            if isinstance(event, Block):
                self._waiting.add_block(first_id, event, source)
            else:
                self._waiting.add_event(first_id, event, source)

    def add_rows(self, rows: list[Any]) -> None:
        """Add rows that were read from the event table."""
        self._waiting.add_rows(rows)

    def add_block(self, *, is_end: bool = False) -> bool:
        """Make the next block; ``False`` where there are too few events for one. At the ``is_end`` few are enough."""
        while end := self._step_end(is_end=is_end):
            tokens = self._marks.add(self._waiting.texts(self._marked, end))
            self._marked = end
            if end == BLOCK_EVENTS or tokens >= BLOCK_TOKENS:
                self._take(end)
                return True
        if is_end and self._marked:
            self._take(self._marked)
            return True
        return False

    def write(self, connection: sqlite3.Connection, path: Path) -> None:
        """Write the segment where it has a block, and begin the next one."""
        if not self._starts:
            return
        first_id = self._starts[0]
        starts = pack(f"<{len(self._starts)}I", *(start - first_id for start in self._starts))
        masks = bytearray(_LANE_BLOCKS * SLOTS_A_PAGE * PAGES)
        for place, lane in enumerate(self._lanes):
            masks[place::_LANE_BLOCKS] = lane
        size = _LANE_BLOCKS * SLOTS_A_PAGE
        pages = ((page, bytes(masks[page * size : (page + 1) * size])) for page in range(PAGES))
        with transaction(connection, path):
            connection.execute(_INSERT_SEGMENT, (first_id, self._last_id, self._first_ns, self._last_ns, starts))
            connection.executemany(
                _INSERT_PAGE, [(first_id * PAGES + page, marks) for page, marks in pages if marks.strip(b"\0")]
            )
        self._begin()

    def _step_end(self, *, is_end: bool) -> int:
        """How many waiting events are marked after the next step; 0 where the events for it are missing."""
        first = self._marked
        end = min(first + STEP_EVENTS, BLOCK_EVENTS)
        lengths = [len(payload) for payload in self._waiting.payloads[first:end]]
        if sum(lengths) >= STEP_CHARS:
            return first + 1 + next(place for place, chars in enumerate(accumulate(lengths)) if chars >= STEP_CHARS)
        return first + len(lengths) if lengths and (is_end or first + len(lengths) == end) else 0

    def _take(self, end: int) -> None:
        """Make a block of the oldest waiting events, whose texts are marked."""
        waiting = self._waiting
        place, bit = divmod(len(self._starts), _LANE_BLOCKS)
        lane = self._lanes[place]
        self._marks.take(lane, 1 << bit)
        sources, names = map(source_marks, set(waiting.sources[:end])), map(name_marks, set(waiting.names[:end]))
        for mark in chain.from_iterable((*sources, *names)):
            lane[mark] |= 1 << bit
        times = waiting.times[:end]
        if self._starts:
            times += (self._first_ns, self._last_ns)
        self._first_ns, self._last_ns = min(times), max(times)
        self._starts.append(self._next_id)
        self._last_id = waiting.ids[end - 1]
        self._next_id = self._last_id + 1
        waiting.drop(end)
        self._marked = 0


class SearchIndexer:
    """Indexes one store; used by the thread that writes it, between two commits."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        # Closed ranges of ids to read, oldest first; a builder is made for the first one when it is read
        self._behind: deque[tuple[int, int]] = deque()
        self._reading: _SegmentBuilder | None = None
        unindexed_id = max(1, meta_value(connection, META_OLDEST_ID))
        for first_id, last_id in checked(connection.execute(_SEGMENT_RANGES), tuple[Id, Id]):
            if first_id > unindexed_id:
                self._behind.append((unindexed_id, first_id - 1))
            unindexed_id = max(unindexed_id, last_id + 1)
        # Of the newest events
        self._builder = _SegmentBuilder(unindexed_id)

    def feed(self, committed: Sequence[Committed]) -> None:
        """Index what was just committed, in the order of ids.

        Where events before it are missing, a few are read at once, and many later, by ``index``. Raises ``StoreError``
        where a segment cannot be written; what was not taken is read later.
        """
        if not committed:
            return
        first_id = committed[0][0]
        most_behind = BLOCKS * BLOCK_EVENTS
        if first_id - self._builder.unread_id > most_behind:
            self._behind.append((self._builder.unwritten_id, first_id - 1))
            self._builder = _SegmentBuilder(first_id)
        # A segment that could not be written holds up what waits
        if self._builder.waiting_events >= most_behind:
            self._read(self._builder, 0, _never)
        if first_id > self._builder.unread_id:
            self._read(self._builder, first_id - 1, _never)
        self._builder.add_committed(committed)
        self._read(self._builder, 0, _never)

    def index(self, last_id: int, is_over: Callable[[], bool]) -> bool:
        """Index events up to ``last_id`` that are in the event table and were not handed over.

        Ends when ``is_over`` (called after each block); returns whether more is to do. Raises ``StoreError`` where a
        segment cannot be written; the next call tries again.
        """
        while self._behind:
            first_id, end_id = self._behind[0]
            builder = self._reading = self._reading or _SegmentBuilder(first_id)
            if self._read(builder, end_id, is_over):
                return True
            while builder.add_block(is_end=True):
                if builder.is_full:
                    builder.write(self._connection, self._path)
            builder.write(self._connection, self._path)
            self._behind.popleft()
            self._reading = None
        return self._read(self._builder, last_id, is_over)

    def _read(self, builder: _SegmentBuilder, last_id: int, is_over: Callable[[], bool]) -> bool:
        """Make blocks of what a builder has, then of events of the table up to an id; returns whether more is to do."""
        while True:
            if builder.is_full:
                builder.write(self._connection, self._path)
            if not builder.add_block() and not self._read_block(builder, last_id):
                return False
            if is_over():
                return True

    def _read_block(self, builder: _SegmentBuilder, last_id: int) -> bool:
        """Read events until they make a block; ``False`` where there are too few."""
        if builder.unread_id > last_id:
            return False
        builder.skip_to(meta_value(self._connection, META_OLDEST_ID))
        cursor = self._connection.execute(_ROWS, (builder.unread_id, last_id, BLOCK_EVENTS))
        try:
            # Payloads may be large, and few are in memory at once
            while rows := cursor.fetchmany(STEP_EVENTS):
                builder.add_rows(checked(rows, _Row))
                if builder.add_block():
                    return True
        finally:
            cursor.close()
        return False


def _never() -> bool:
    return False


def forget_segments(connection: sqlite3.Connection, oldest_id: int) -> None:
    """Delete the segments all of whose events are older than an id, within the caller's transaction."""
    ((first_kept,),) = checked(connection.execute(_FIRST_KEPT, (oldest_id, oldest_id)), tuple[Id])
    connection.execute("DELETE FROM search_segment WHERE first_id < ?", (first_kept,))
    connection.execute("DELETE FROM search_page WHERE id < ?", (first_kept * PAGES,))


_SEGMENTS = """
SELECT first_id, last_id, first_ns, last_ns, starts FROM search_segment
WHERE first_id BETWEEN (SELECT coalesce(max(first_id), 0) FROM search_segment WHERE first_id <= ?) AND ?
ORDER BY first_id
"""
_MASK = "SELECT substr(masks, ?, 8) FROM search_page WHERE id = ?"

# Closed, ascending, apart from each other
Ranges = list[tuple[int, int]]


class SkipIndex:
    """Reads the index; a store with an older schema has none, or one with other marks (``exists``)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        self.exists = version >= INDEX_VERSION

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
            raise msgspec.ValidationError("the masks of the search index are not bytes")
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
