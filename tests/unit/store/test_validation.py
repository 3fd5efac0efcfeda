"""The schema of a store: what every version makes passes, anything else is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from wsmon.errors import StoreError
from wsmon.store import validation
from wsmon.store.database import open_for_writing
from wsmon.store.migrations import migrate
from wsmon.store.schema import CREATED_BY, SCHEMA_VERSION
from wsmon.store.validation import check_schema
from wsmon.store.views import EXPORT_SCHEMA, create_views

PATH = Path("/s")


@pytest.fixture
def store() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def test_a_store_as_the_migrations_make_it_passes(store: sqlite3.Connection) -> None:
    check_schema(store, PATH, SCHEMA_VERSION)
    store.execute("ANALYZE")
    check_schema(store, PATH, SCHEMA_VERSION)


@pytest.mark.parametrize("version", CREATED_BY)
def test_a_store_of_every_version_passes_as_that_version_alone(version: int) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for made_by, statements in CREATED_BY.items():
            for statement in statements if made_by <= version else ():
                connection.execute(statement)
        check_schema(connection, PATH, version)
        with pytest.raises(StoreError):
            # Migration 8 changed no table
            check_schema(connection, PATH, version + 1 if version < 7 else 6)


def test_the_file_of_a_recorder_passes(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path / "store.db")
    check_schema(database.connection, database.path, SCHEMA_VERSION)
    database.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("CREATE TRIGGER t AFTER DELETE ON event BEGIN SELECT 1; END", "has the trigger 't'"),
        ("CREATE VIEW v AS SELECT 1", "has the view 'v'"),
        ("CREATE TABLE t (x)", "has the table 't'"),
        ("ALTER TABLE run ADD COLUMN g AS (zeroblob(9))", "has the table 'run'"),
        ("ALTER TABLE run ADD COLUMN g", "has the table 'run'"),
        ("DROP TABLE span", "lacks the table 'span'"),
        ("CREATE INDEX i ON event (size)", "has the index 'i'"),
        ("CREATE INDEX idx__sqlite_migrations_x ON event (size)", "has the index 'idx__sqlite_migrations_x'"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "has the table 'f'"),
        ("ALTER TABLE _sqlite_migrations ADD COLUMN g AS (1)", "has the table '_sqlite_migrations'"),
    ],
)
def test_anything_else_is_named(store: sqlite3.Connection, change: str, sentence: str) -> None:
    store.execute(change)
    with pytest.raises(StoreError) as refused:
        check_schema(store, PATH, SCHEMA_VERSION)
    assert sentence in str(refused.value)


def test_what_an_exported_copy_has_passes(store: sqlite3.Connection) -> None:
    create_views(store)
    check_schema(store, PATH, SCHEMA_VERSION)


@pytest.mark.parametrize("name", EXPORT_SCHEMA)
def test_a_view_passes_only_with_exactly_the_text_of_ours(store: sqlite3.Connection, name: str) -> None:
    store.execute(f"CREATE VIEW {name} AS SELECT id FROM event")
    with pytest.raises(StoreError, match=f"has the view '{name}', which differs from wsmon's schema"):
        check_schema(store, PATH, SCHEMA_VERSION)


def test_blanks_comments_and_quotes_make_no_difference_and_texts_do(
    store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = "CREATE VIEW v AS SELECT 'a  b' AS x -- the only one\nFROM event"
    monkeypatch.setattr(validation, "EXPORT_SCHEMA", {"v": ours})
    store.execute("CREATE VIEW \"v\" AS  SELECT 'a  b' AS [x] FROM event")
    check_schema(store, PATH, SCHEMA_VERSION)
    for other in ("SELECT 'a b' AS x FROM event", "SELECT 'a  b' AS x FROM 'event'"):
        store.execute("DROP VIEW v")
        store.execute(f"CREATE VIEW v AS {other}")
        with pytest.raises(StoreError):
            check_schema(store, PATH, SCHEMA_VERSION)
