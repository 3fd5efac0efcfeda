"""A store is looked over: what is whole, what is missing, what is damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import FixedClock, recorded
from wsmon.errors import StoreError
from wsmon.store.integrity import IntegrityReport, check_integrity
from wsmon.store.replay import replaying


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return recorded(tmp_path / "store.db", [message(f"m{number}", number, "a") for number in range(50)], "a")


def execute(store: Path, sql: str) -> None:
    """Do what another program might."""
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(sql)


def test_a_store_that_nobody_touched_is_whole(store: Path) -> None:
    assert check_integrity(store, FixedClock()) == IntegrityReport(oldest_id=1, last_id=50)


def test_a_store_without_events_is_whole(tmp_path: Path) -> None:
    assert check_integrity(recorded(tmp_path / "store.db", [], "a"), FixedClock()) == IntegrityReport(0, 0)


@pytest.mark.parametrize(
    ("removed", "missing", "first"), [("id IN (7, 8, 30)", 3, 7), ("id = 50", 1, 50), ("id = 1", 1, 1)]
)
def test_holes_are_counted_and_the_first_is_named(store: Path, removed: str, missing: int, first: int) -> None:
    execute(store, f"DELETE FROM event WHERE {removed}")
    assert check_integrity(store, FixedClock()) == IntegrityReport(1, 50, missing_ids=missing, first_missing_id=first)


def test_what_retention_removed_is_no_hole(store: Path) -> None:
    execute(store, "DELETE FROM event WHERE id < 20")
    execute(store, "UPDATE meta SET value = 20 WHERE key = 'oldest_id'")
    assert check_integrity(store, FixedClock()) == IntegrityReport(20, 50)


def test_events_past_the_newest_id_are_strays(store: Path) -> None:
    execute(store, "UPDATE meta SET value = 49 WHERE key = 'last_id'")
    assert check_integrity(store, FixedClock()) == IntegrityReport(1, 49, has_strays=True)


def test_a_part_of_another_store_says_so(tmp_path: Path) -> None:
    with replaying(tmp_path / "part.db") as replay:
        replay.write([message("x", connection="a", id=3), message("y", connection="a", id=9)])
    expected = IntegrityReport(3, 9, missing_ids=5, first_missing_id=4, is_excerpt=True)
    assert check_integrity(tmp_path / "part.db", FixedClock()) == expected


def test_an_index_that_lacks_a_row_and_a_reference_to_nothing_are_damage(store: Path) -> None:
    execute(store, "UPDATE event SET source = 99 WHERE id = 4")
    # The index takes no row while its condition is another one
    for before, after in ((">= 20", ">= 99"), (">= 99", ">= 20")):
        with closing(sqlite3.connect(store)) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'event_by_name'", (before, after)
            )
        if after == ">= 99":
            execute(store, "UPDATE event SET name = 33 WHERE id = 5")
    damage = check_integrity(store, FixedClock()).damage
    assert "event: row 4 refers to a missing row of source" in damage
    assert any("missing from index event_by_name" in words for words in damage)


def test_a_page_of_garbage_is_damage_or_refused(store: Path) -> None:
    octets = bytearray(store.read_bytes())
    for page in range(4, len(octets) // 4096):
        octets[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    store.write_bytes(octets)
    with pytest.raises(StoreError, match="damaged"):
        check_integrity(store, FixedClock())


def test_a_look_ends_when_its_time_is_up(store: Path) -> None:
    execute(
        store,
        "WITH RECURSIVE n(i) AS (SELECT 51 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) INSERT INTO event "
        "(id, ts_ns, mono_ns, source, name, flags) SELECT i, 1, 1, 1, 1, 0 FROM n",
    )
    execute(store, "UPDATE meta SET value = 300000 WHERE key = 'last_id'")
    assert check_integrity(store, FixedClock(), limit_s=-1.0).is_complete is False
    assert check_integrity(store, FixedClock(), limit_s=1.0).is_complete is True
