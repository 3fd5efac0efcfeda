"""Retention: prune events by age and size and rollups by age, a slice at a time, and when to do it.

Events are removed from the oldest id on, so that ids have no holes, and spans with the event that ended them.
With ``secure_delete`` their bytes are overwritten with zeros, also in pages that become free. Of payloads of 400 bytes
pruning then costs the same, of 4 KB three times the processor time, of 40 KB five times; and it writes as much as it
removes, into the log and into the file, which without it is next to nothing for long payloads.

Transitions, sessions and incidents stay: the uptime of any period is computed from them, and they are few. The file
does not shrink, but freed pages are used again (``auto_vacuum`` would update a map of all pages with every insert).
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
from wsmon.store.schema import META_LAST_ID, META_OLDEST_ID, META_ROLLED_S, Level
from wsmon.store.search.skip_index import forget_segments
from wsmon.store.transactions import transaction
from wsmon.store.validation import Second, checked, meta_value

# Target duration of a slice: well below the 50 ms that a commit may wait
SLICE_NS = 20_000_000
FIRST_SLICE_EVENTS = 500
LARGEST_SLICE_EVENTS = 20_000
# Small enough for payloads of 1 MiB each
SMALLEST_SLICE_EVENTS = 16
# Never pruned, whatever the limits are
NEWEST_EVENTS = 1_000
# A store that is too large is pruned to this part of its limit, so that it is not pruned with every commit
SIZE_SLACK = 0.98
# How long buckets are kept; those of hours for ever
ROLLUP_AGE_S: dict[Level, int] = {1: 2 * 3_600, 60: 14 * 86_400, 600: 60 * 86_400}
# Buckets of one level that one slice removes
ROLLUP_SLICE = 60

_ROLLUP_TABLES = ("rollup", "rollup_dim", "rollup_metric")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a slice removed: the number of events, and the newest id among them."""

    events: int
    up_to_id: int


NOTHING = Pruned(0, 0)


class Retention:
    """Removes old events and rollups; used by the thread that writes the store, between two commits."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock, spec: RetentionSpec) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self.spec = spec
        self._slice = FIRST_SLICE_EVENTS
        self._is_too_large = False
        # As the connection was opened
        self._is_secure = False
        (self._page_bytes,) = connection.execute("PRAGMA page_size").fetchone()

    def move_to(self, connection: sqlite3.Connection) -> None:
        """Prune another store from now on."""
        self._connection = connection
        # A setting of the connection
        self._is_secure = False

    @property
    def used_bytes(self) -> int:
        """Bytes of the file that are in use."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int((pages - free) * self._page_bytes)

    def prune_events(self) -> Pruned:
        """Remove one slice of events that are too old or too many; returns ``NOTHING`` where all may stay."""
        began_ns = self._clock.mono_ns()
        self._use_secure_delete()
        oldest_id, last_id = self._meta(META_OLDEST_ID), self._meta(META_LAST_ID)
        # The first id that stays, if the whole slice goes
        end_id = min(oldest_id + self._slice, last_id - NEWEST_EVENTS + 1)
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
        """Remove one slice of buckets that are too old; returns whether there was one."""
        now_s = self._clock.wall_ns() // SECOND_NS
        rolled_s = self._meta(META_ROLLED_S)
        for level, age_s in ROLLUP_AGE_S.items():
            end = min(now_s, rolled_s) - age_s
            oldest = self._connection.execute("SELECT min(bucket) FROM rollup WHERE level = ?", (level,))
            ((first,),) = checked(oldest, tuple[Second | None])
            if first is None or first >= end:
                continue
            end = min(end, first + ROLLUP_SLICE * level)
            with transaction(self._connection, self._path) as connection:
                for table in _ROLLUP_TABLES:
                    connection.execute(f"DELETE FROM {table} WHERE level = ? AND bucket < ?", (level, end))
            return True
        return False

    def _use_secure_delete(self) -> None:
        """Overwrite what is removed from now on, or no longer, as the configuration in force says."""
        is_secure = self.spec.secure_delete
        if is_secure != self._is_secure:
            mode = "ON" if is_secure else "FAST"
            self._connection.execute(f"PRAGMA secure_delete = {mode}").fetchall()
            self._is_secure = is_secure

    def _too_many(self, events: int) -> int:
        """Events to remove for the store to fit, computed from their mean size; 0 while it fits."""
        limit = self.spec.size_bytes
        used = self.used_bytes
        if not limit or used <= limit * (SIZE_SLACK if self._is_too_large else 1):
            self._is_too_large = False
            return 0
        self._is_too_large = True
        return math.ceil((used - limit * SIZE_SLACK) / used * events)

    def _first_young(self, oldest_id: int, end_id: int) -> int:
        """The first id in a slice whose event is new enough to stay."""
        if not self.spec.age_s:
            return oldest_id
        cut_ns = self._clock.wall_ns() - round(self.spec.age_s * SECOND_NS)
        young = self._connection.execute(
            "SELECT id FROM event WHERE id >= ? AND id < ? AND ts_ns >= ? ORDER BY id LIMIT 1",
            (oldest_id, end_id, cut_ns),
        ).fetchone()
        return int(young[0]) if young else end_id

    def _adapt(self, took_ns: int, *, is_full: bool) -> None:
        """Grow the slice where a full one was quick, shrink it where it was slow."""
        if took_ns > SLICE_NS:
            self._slice = max(SMALLEST_SLICE_EVENTS, self._slice // 2)
        elif took_ns < SLICE_NS // 2 and is_full:
            self._slice = min(LARGEST_SLICE_EVENTS, self._slice * 2)

    def _meta(self, key: str) -> int:
        return meta_value(self._connection, key)


# Between two slices: nine tenths of the time are left to events
GAP_S = 0.1
# Between two events about pruning, and the longest that pruning goes on without one
EVENT_GAP_S = 60.0


class PruneSchedule:
    """When to prune, and the events about it.

    A store at its limit is pruned all the time: one event a minute stands for what was removed.
    """

    def __init__(self, retention: Retention, clock: Clock) -> None:
        # Events removed since the start
        self.events = 0
        self._retention = retention
        self._clock = clock
        self._sliced_mono_ns = 0
        # Removed since the last event about pruning
        self._unreported = NOTHING
        self._unreported_since_ns = 0
        self._reported_mono_ns: int | None = None

    def slice(self) -> tuple[Event, ...]:
        """Remove one slice where one is due; returns the event about it where that is due.

        Raises ``StoreError`` or ``sqlite3.Error`` where the disk accepts nothing, or a read fails: then nothing was
        removed.
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
        return self.report() if self._is_report_due(now_ns, has_ended=not pruned.events) else ()

    def report(self) -> tuple[Event, ...]:
        """The event about what was removed since the last one; empty where nothing was."""
        if not self._unreported.events:
            return ()
        removed, self._unreported = self._unreported, NOTHING
        self._reported_mono_ns = self._clock.mono_ns()
        reason = f"{removed.events:,} oldest events removed, up to {removed.up_to_id}"
        meta = {"events": removed.events, "up_to_id": removed.up_to_id}
        return (
            Event(RECORDER, "self.pruned", self._clock.wall_ns(), self._reported_mono_ns, reason=reason, meta=meta),
        )

    def _note(self, pruned: Pruned, now_ns: int) -> None:
        if not self._unreported.events:
            self._unreported_since_ns = now_ns
        self.events += pruned.events
        events = self._unreported.events + pruned.events
        self._unreported = Pruned(events, max(self._unreported.up_to_id, pruned.up_to_id))

    def _is_report_due(self, now_ns: int, *, has_ended: bool) -> bool:
        gap_ns = EVENT_GAP_S * SECOND_NS
        if self._reported_mono_ns is not None and now_ns - self._reported_mono_ns < gap_ns:
            return False
        return has_ended or now_ns - self._unreported_since_ns >= gap_ns
