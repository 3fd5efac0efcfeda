"""Keeps a store within its age and size: the oldest events go, a slice at a time.

Only a prefix of the ids goes, so that ids have no holes; spans go with the event that ended them. Transitions, sessions
and incidents stay: uptime of any period is computed from them, and they are few. The file does not shrink: freed pages
are used again, so it stays at the size it is allowed (``auto_vacuum`` would keep a map of all pages up to date on every
insert, and move pages to prune).
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from wsmon.config.specs import RetentionSpec
from wsmon.model.events import RECORDER, Event
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.store.database import transaction
from wsmon.store.schema import META_LAST_ID, META_OLDEST_ID, META_ROLLED_S, Level
from wsmon.store.search.skip_index import forget_segments

# What a slice should take: well below the 50 ms that a commit may be held up
SLICE_NS = 20_000_000
FIRST_SLICE_EVENTS = 500
LARGEST_SLICE_EVENTS = 20_000
# A slice of the largest payloads, 1 MiB each, is freed in time too
SMALLEST_SLICE_EVENTS = 16
# Never pruned, whatever the limits say: what just happened can be seen
NEWEST_EVENTS = 1_000
# A store that was too large is pruned to this part of its limit, so that it does not happen at every commit
SIZE_SLACK = 0.98
# How long buckets are kept; hours for ever
ROLLUP_AGE_S: dict[Level, int] = {1: 2 * 3_600, 60: 14 * 86_400, 600: 60 * 86_400}
# Buckets of one level pruned at once
ROLLUP_SLICE = 60

_ROLLUP_TABLES = ("rollup", "rollup_dim", "rollup_metric")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a slice removed."""

    events: int
    up_to_id: int


NOTHING = Pruned(0, 0)


class Retention:
    """Prunes one store; used by the thread that writes it, between two commits."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock, spec: RetentionSpec) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self.spec = spec
        self._slice = FIRST_SLICE_EVENTS
        self._is_too_large = False
        (self._page_bytes,) = connection.execute("PRAGMA page_size").fetchone()

    @property
    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int((pages - free) * self._page_bytes)

    def prune_events(self) -> Pruned:
        """Remove one slice of events that are too old or too many; ``NOTHING`` when all may stay."""
        began_ns = self._clock.mono_ns()
        oldest_id, last_id = self._meta(META_OLDEST_ID), self._meta(META_LAST_ID)
        end_id = min(oldest_id + self._slice, last_id - NEWEST_EVENTS + 1)
        # the first id that stays, if the whole slice goes
        if not oldest_id or end_id <= oldest_id:
            return NOTHING
        too_many = self._too_many(last_id - oldest_id + 1)
        end_id = min(end_id, oldest_id + too_many) if too_many else self._first_young(oldest_id, end_id)
        if end_id <= oldest_id:
            return NOTHING
        with transaction(self._connection, self._path) as connection:
            connection.execute("DELETE FROM event WHERE id < ?", (end_id,))
            connection.execute("DELETE FROM span WHERE event_id < ?", (end_id,))
            forget_segments(connection, end_id)
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (end_id, META_OLDEST_ID))
        self._adapt(self._clock.mono_ns() - began_ns, is_full=end_id - oldest_id >= self._slice)
        return Pruned(end_id - oldest_id, end_id - 1)

    def prune_rollups(self) -> bool:
        """Remove one slice of buckets that are too old; whether there was one."""
        now_s = self._clock.wall_ns() // SECOND_NS
        rolled_s = self._meta(META_ROLLED_S)
        for level, age_s in ROLLUP_AGE_S.items():
            end = min(now_s, rolled_s) - age_s
            (first,) = self._connection.execute("SELECT min(bucket) FROM rollup WHERE level = ?", (level,)).fetchone()
            if first is None or first >= end:
                continue
            end = min(end, first + ROLLUP_SLICE * level)
            with transaction(self._connection, self._path) as connection:
                for table in _ROLLUP_TABLES:
                    connection.execute(f"DELETE FROM {table} WHERE level = ? AND bucket < ?", (level, end))
            return True
        return False

    def _too_many(self, events: int) -> int:
        """How many events have to go for the store to fit, going by their mean size; 0 while it fits."""
        limit = self.spec.size_bytes
        used = self.used_bytes
        if not limit or used <= limit * (SIZE_SLACK if self._is_too_large else 1):
            self._is_too_large = False
            return 0
        self._is_too_large = True
        return math.ceil((used - limit * SIZE_SLACK) / used * events)

    def _first_young(self, oldest_id: int, end_id: int) -> int:
        """The first id in a slice whose event is young enough to stay."""
        if not self.spec.age_s:
            return oldest_id
        cut_ns = self._clock.wall_ns() - round(self.spec.age_s * SECOND_NS)
        young = self._connection.execute(
            "SELECT id FROM event WHERE id >= ? AND id < ? AND ts_ns >= ? ORDER BY id LIMIT 1",
            (oldest_id, end_id, cut_ns),
        ).fetchone()
        return int(young[0]) if young else end_id

    def _adapt(self, took_ns: int, *, is_full: bool) -> None:
        """Slices grow while they are quick and shrink when they are slow; of one with room left, nothing is learned."""
        if took_ns > SLICE_NS:
            self._slice = max(SMALLEST_SLICE_EVENTS, self._slice // 2)
        elif took_ns < SLICE_NS // 2 and is_full:
            self._slice = min(LARGEST_SLICE_EVENTS, self._slice * 2)

    def _meta(self, key: str) -> int:
        (value,) = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(value)


# When a store is pruned, and who is told: a slice now and then, and an event that says what went.
#
# A store at its limit loses events all the time: they are told together, or each would be an event of its own.

# Between two slices: nine tenths of the time belong to events
GAP_S = 0.1
# Between two events that tell of pruning; the longest that a round goes on untold
TOLD_GAP_S = 60.0


class PruneSchedule:
    """The rounds of one retention."""

    def __init__(self, retention: Retention, clock: Clock) -> None:
        self.events = 0
        # removed since the start
        self._retention = retention
        self._clock = clock
        self._sliced_mono_ns = 0
        self._untold = NOTHING
        self._untold_since_ns = 0
        self._told_mono_ns: int | None = None

    def slice(self) -> tuple[Event, ...]:
        """Remove one slice where it is time for one; the event that tells of what went, where it is time to tell.

        Raises ``StoreError`` where the disk takes nothing: then nothing was removed.
        """
        now_ns = self._clock.mono_ns()
        if now_ns - self._sliced_mono_ns < GAP_S * SECOND_NS:
            return ()
        self._sliced_mono_ns = now_ns
        pruned = self._retention.prune_events()
        if pruned.events:
            self._note(pruned, now_ns)
        else:
            self._retention.prune_rollups()
        return self.tell() if self._is_time_to_tell(now_ns, has_ended=not pruned.events) else ()

    def tell(self) -> tuple[Event, ...]:
        """The event about what nobody was told of yet."""
        if not self._untold.events:
            return ()
        removed, self._untold = self._untold, NOTHING
        self._told_mono_ns = self._clock.mono_ns()
        reason = f"{removed.events:,} oldest events removed, up to {removed.up_to_id}"
        meta = {"events": removed.events, "up_to_id": removed.up_to_id}
        return (Event(RECORDER, "self.pruned", self._clock.wall_ns(), self._told_mono_ns, reason=reason, meta=meta),)

    def _note(self, pruned: Pruned, now_ns: int) -> None:
        if not self._untold.events:
            self._untold_since_ns = now_ns
        self.events += pruned.events
        self._untold = Pruned(self._untold.events + pruned.events, max(self._untold.up_to_id, pruned.up_to_id))

    def _is_time_to_tell(self, now_ns: int, *, has_ended: bool) -> bool:
        gap_ns = TOLD_GAP_S * SECOND_NS
        if self._told_mono_ns is not None and now_ns - self._told_mono_ns < gap_ns:
            return False
        return has_ended or now_ns - self._untold_since_ns >= gap_ns
