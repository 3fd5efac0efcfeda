"""A store in the making, step by step in the test's own thread: what the writer does, without its thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS
from wsmon.config.specs import ConnectionSpec
from wsmon.model.block import Block
from wsmon.model.events import Event, Source
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import Detector
from wsmon.store.codec import SELECT_EVENTS, SELECT_SOURCES, SqlValue, event_of, source_of
from wsmon.store.database import Database, RunStart, open_for_writing
from wsmon.store.fold import Fold
from wsmon.store.transactions import transaction


def run_start(after_s: float = 0.0) -> RunStart:
    """A run that begins so many seconds after ``T0_NS``."""
    passed_ns = round(after_s * SECOND_NS)
    return RunStart(T0_NS + passed_ns, MONO_0_NS + passed_ns, 4711, "0.1.0", "boot-1", "/etc/wsmon.toml", "digest")


def spec(name: str, expect_every_s: float = 0.0, url: str = "wss://host/path") -> ConnectionSpec:
    """A configured connection."""
    return ConnectionSpec(name, Sensitive(url), expect_every_s=expect_every_s)


class Recording:
    """One run of a store."""

    def __init__(self, path: Path, detectors: Sequence[Detector] = (), after_s: float = 0.0) -> None:
        self.path = path
        self.database: Database = open_for_writing(path)
        self.database.begin_run(run_start(after_s))
        self.fold = Fold(self.database.connection, self.database.run, self.database.last_id, detectors)

    def commit(self, *events: Event | Block, now_s: float = 0.0) -> None:
        """One batch at a time after ``T0_NS``, detectors included."""
        passed_ns = round(now_s * SECOND_NS)
        self.fold.fold(events)
        self.fold.detect(T0_NS + passed_ns, MONO_0_NS + passed_ns)
        self.fold.close_seconds(T0_NS + passed_ns, MONO_0_NS + passed_ns)
        self.fold.roll((T0_NS + passed_ns) // SECOND_NS)
        self.write()

    def write(self) -> None:
        """Commit what is folded."""
        with transaction(self.database.connection, self.path):
            self.fold.write()
        self.fold.committed()

    def rows(self, sql: str, *parameters: SqlValue) -> list[tuple[SqlValue, ...]]:
        """What the store holds now."""
        return self.database.connection.execute(sql, parameters).fetchall()

    def end(self, after_s: float = 0.0) -> None:
        """The clean end of the run."""
        self.database.end_run(T0_NS + round(after_s * SECOND_NS))
        self.database.close()

    def cut_off(self) -> None:
        """The recorder dies: nothing is marked."""
        self.database.connection.close()


@contextmanager
def recording(path: Path, detectors: Sequence[Detector] = (), after_s: float = 0.0) -> Iterator[Recording]:
    """A run that is cut off at the end of the block."""
    one = Recording(path, detectors, after_s)
    try:
        yield one
    finally:
        one.cut_off()


def stored_events(path: Path) -> tuple[Event, ...]:
    """All events of a store, oldest first."""
    with closing(sqlite3.connect(path)) as connection:
        sources: dict[int, Source] = dict(source_of(row) for row in connection.execute(SELECT_SOURCES))
        return tuple(event_of(row, sources) for row in connection.execute(f"{SELECT_EVENTS} ORDER BY id"))


def stored(path: Path, sql: str, *parameters: SqlValue) -> list[tuple[SqlValue, ...]]:
    """Rows of a store that is closed."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def tallied(rows: Iterable[tuple[SqlValue, ...]]) -> dict[tuple[SqlValue, ...], int]:
    """Rows whose last column is a count, added up by the others."""
    counts: dict[tuple[SqlValue, ...], int] = {}
    for *key, n in rows:
        assert isinstance(n, int)
        counts[tuple(key)] = counts.get(tuple(key), 0) + n
    return counts


def as_schema_6(store: sqlite3.Connection) -> None:
    """Give a store the shape of schema 6: no journal, no ingest, a column for each stored key, and one index of ids."""
    store.execute("DROP INDEX source_by_trace")
    store.execute("DROP INDEX source_by_session")
    store.execute("CREATE INDEX source_by_connection_id ON source (connection_id)")
    store.execute("DROP TABLE journal")
    store.execute("DROP TABLE ingest")
    columns = {
        "group": "TEXT NOT NULL DEFAULT ''",
        "url": "TEXT NOT NULL DEFAULT ''",
        "enabled": "INTEGER NOT NULL DEFAULT 1",
        "profile": "TEXT NOT NULL DEFAULT 'detailed'",
        "protocol": "TEXT NOT NULL DEFAULT 'auto'",
        "expect_every_s": "REAL NOT NULL DEFAULT 0",
        "kpi": "TEXT NOT NULL DEFAULT '{}'",
    }
    for column, kind in columns.items():
        store.execute(f'ALTER TABLE connection ADD COLUMN "{column}" {kind}')
        store.execute(f"""UPDATE connection SET "{column}" = json_extract(spec, '$.{column}')""")
    store.execute("ALTER TABLE connection DROP COLUMN spec")
    store.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm007'")
    store.execute("PRAGMA user_version = 6")
