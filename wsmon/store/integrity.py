"""Database integrity check: pages, indexes, foreign keys, gaps in event ids; versions of SQLite with known faults.

The check goes table by table and range by range, since the log of a store that is being recorded grows during a read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.store.opening import log_of, open_to_read, read_error
from wsmon.store.schema import META_EXCERPT, META_LAST_ID, META_OLDEST_ID

# Of the library that this process uses
SQLITE_VERSION = sqlite3.sqlite_version_info
# Entries of ``IntegrityReport.damage``
MOST_DAMAGE = 20
# Of the whole check; a store of 2 GB takes a part of it
LIMIT_S = 120.0
IDS_AT_ONCE = 100_000
# Between two reads of the clock: a few milliseconds
OPCODES_BETWEEN_LOOKS = 100_000

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
_META = "SELECT key, value FROM meta"
_NEXT_ID = "SELECT min(id) FROM event WHERE id BETWEEN ? AND ?"
_COUNT = "SELECT count(*) FROM event WHERE id BETWEEN ? AND ?"
_IDS = "SELECT id FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
_STRAY = "SELECT EXISTS (SELECT 1 FROM event WHERE id < ?) OR EXISTS (SELECT 1 FROM event WHERE id > ?)"


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """What a check found."""

    oldest_id: int
    """0 = no event yet."""
    last_id: int
    missing_ids: int = 0
    """Between the oldest and the last id."""
    first_missing_id: int | None = None
    has_strays: bool = False
    """There are events outside of these ids."""
    is_excerpt: bool = False
    """The store holds a part of another one and keeps its ids: gaps are no fault."""
    damage: tuple[str, ...] = ()
    """Sentences of SQLite, at most ``MOST_DAMAGE``."""
    log_bytes: int = 0
    """Of the write-ahead log."""
    is_complete: bool = True
    """False where the time was up before everything was checked."""


def check_integrity(
    path: Path, clock: Clock, cache_folder: Path | None = None, limit_s: float = LIMIT_S
) -> IntegrityReport:
    """Check a store read-only; raises ``StoreError`` where it cannot be opened or read at all."""
    store = open_to_read(path, cache_folder)
    try:
        return _IntegrityCheck(store.connection, clock, limit_s).run(_size(log_of(path)))
    except sqlite3.DatabaseError as error:
        raise read_error(error, path) from error
    finally:
        store.close()


class _IntegrityCheck:
    """One check, which ends when its time is up."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, limit_s: float) -> None:
        self._connection = connection
        self._clock = clock
        self._deadline_ns = clock.mono_ns() + round(limit_s * SECOND_NS)
        self._is_late = False
        self._damage: list[str] = []
        self._missing_ids = 0
        self._first_missing_id: int | None = None
        self._has_strays = False

    def run(self, log_bytes: int) -> IntegrityReport:
        """Check everything, or as much as there is time for."""
        meta = dict(self._connection.execute(_META).fetchall())
        oldest_id, last_id = int(meta[META_OLDEST_ID]), int(meta[META_LAST_ID])
        with self._limited():
            self._look_for_holes(oldest_id, last_id)
            self._look_for_damage()
        return IntegrityReport(
            oldest_id,
            last_id,
            self._missing_ids,
            self._first_missing_id,
            self._has_strays,
            META_EXCERPT in meta,
            tuple(self._damage[:MOST_DAMAGE]),
            log_bytes,
            not self._is_late,
        )

    def _look_for_holes(self, oldest_id: int, last_id: int) -> None:
        if not oldest_id:
            return
        (has_strays,) = self._connection.execute(_STRAY, (oldest_id, last_id)).fetchone()
        self._has_strays = bool(has_strays)
        first = oldest_id
        while first <= last_id and not self._look_at_clock():
            (next_id,) = self._connection.execute(_NEXT_ID, (first, last_id)).fetchone()
            if next_id is None or next_id > first:
                # A hole of any size
                self._missing_ids += (last_id + 1 if next_id is None else next_id) - first
                self._first_missing_id = first if self._first_missing_id is None else self._first_missing_id
                first = last_id + 1 if next_id is None else next_id
                continue
            last = min(last_id, first + IDS_AT_ONCE - 1)
            (count,) = self._connection.execute(_COUNT, (first, last)).fetchone()
            missing = last - first + 1 - int(count)
            self._missing_ids += missing
            if missing and self._first_missing_id is None:
                ids = self._connection.execute(_IDS, (first, last)).fetchall()
                expected = enumerate(ids, first)
                self._first_missing_id = next((number for number, (id_,) in expected if id_ != number), first + count)
            first = last + 1

    def _look_for_damage(self) -> None:
        for (table,) in self._connection.execute(_TABLES).fetchall():
            quoted = '"' + table.replace('"', '""') + '"'
            dangling = self._connection.execute(f"PRAGMA main.foreign_key_check({quoted})").fetchmany(MOST_DAMAGE)
            self._damage += [
                f"{table}: row {row} refers to a missing row of {parent}" for _, row, parent, _ in dangling
            ]
            found = self._connection.execute(f"PRAGMA main.integrity_check({quoted})").fetchmany(MOST_DAMAGE)
            self._damage += [f"{table}: {words}" for (words,) in found if words != "ok"]

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """End the statements of the block, and the block itself, when the time is up."""
        self._connection.set_progress_handler(self._look_at_clock, OPCODES_BETWEEN_LOOKS)
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            if not self._is_late:
                # A signal handler raised inside the progress handler: SQLite reports it as an interrupt
                raise KeyboardInterrupt from error
        finally:
            self._connection.set_progress_handler(None, 0)

    def _look_at_clock(self) -> bool:
        self._is_late = self._clock.mono_ns() > self._deadline_ns
        return self._is_late


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SqliteFault:
    """A known fault of some versions of SQLite that a store can be subject to."""

    name: str
    since: Version
    """The first version that has it."""
    fixed: Version
    """The first version of the main line without it."""
    meaning: str
    """What it means for a user of wsmon."""
    source: str
    backports: frozenset[Version] = frozenset()
    """Versions of older lines that got the fix, as did later ones of the same line."""

    def is_in(self, version: Version) -> bool:
        """Whether a version has the fault."""
        if not self.since <= version < self.fixed:
            return False
        return not any(version[:2] == repaired[:2] and version >= repaired for repaired in self.backports)


KNOWN_FAULTS = (
    SqliteFault(
        "WAL-reset",
        (3, 7, 0),
        (3, 51, 3),
        "two processes that checkpoint the same store can corrupt it; in wsmon only the recorder does, so do not let "
        "other programs write to a store",
        "https://sqlite.org/wal.html#walresetbug",
        frozenset({(3, 44, 6), (3, 50, 7)}),
    ),
    SqliteFault(
        "CVE-2022-35737",
        (1, 0, 12),
        (3, 39, 2),
        "texts of gigabytes can overflow an array; wsmon's limits are far below",
        "https://nvd.nist.gov/vuln/detail/CVE-2022-35737",
    ),
    SqliteFault(
        "CVE-2025-6965",
        (3, 0, 0),
        (3, 50, 2),
        "a crafted database can corrupt memory when queried: do not open stores from untrusted sources",
        "https://nvd.nist.gov/vuln/detail/CVE-2025-6965",
    ),
    SqliteFault(
        "CVE-2025-7709",
        (3, 49, 1),
        (3, 50, 3),
        "a crafted index of words can overflow: do not open stores from untrusted sources",
        "https://nvd.nist.gov/vuln/detail/CVE-2025-7709",
    ),
    SqliteFault(
        "withdrawn",
        (3, 52, 0),
        (3, 52, 1),
        "this release was withdrawn; use another one",
        "https://sqlite.org/changes.html",
    ),
)


def faults_of(version: Version) -> tuple[SqliteFault, ...]:
    """The known faults of a version."""
    return tuple(fault for fault in KNOWN_FAULTS if fault.is_in(version))
