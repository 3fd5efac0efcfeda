"""Stores of earlier versions say the same after their migration."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.builders import T0_NS, loss, message, pong, usable
from tests.support.recordings import FixedClock, Recording
from tests.support.stores import as_schema_6
from wsmon.model.statistics import Statistics
from wsmon.store.codec import unpack
from wsmon.store.reader import Reader
from wsmon.store.schema import TABLES

NAME = "binance-spot"
MINUTE_S = 60.0


def test_histograms_are_packed_and_minutes_make_ten(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        for minute in range(45):
            at_s = minute * MINUTE_S
            events = [
                usable(at_s, took_ms=200 + minute),
                message("x" * minute, at_s + 1),
                pong(at_s + 2, rtt_ms=minute),
            ]
            recording.write([*events, loss(at_s + 50, NAME)], rolled_after_s=at_s + 55)
    before = (statistics(path), ten_minutes(path))
    as_version_4(path)
    with Recording(path, NAME, after_s=44 * MINUTE_S + 56):
        pass
    assert (statistics(path), ten_minutes(path)) == before


def statistics(path: Path) -> Statistics:
    view = Reader(path, FixedClock(3_600.0))
    try:
        return view.statistics(T0_NS, T0_NS + 44 * 60 * 10**9)
    finally:
        view.close()


def ten_minutes(path: Path) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as store:
        tables = ("rollup", "rollup_dim", "rollup_metric")
        return [
            store.execute(f"SELECT * FROM {table} WHERE level = 600 ORDER BY 2, 3, 4").fetchall() for table in tables
        ]


def as_version_4(path: Path) -> None:
    """The store as the recorder of version 4 would have left it."""
    with closing(sqlite3.connect(path)) as store, store:
        as_schema_6(store)
        for statement in TABLES:
            if "TABLE rollup_hist" in statement or "TABLE rollup_sum" in statement:
                store.execute(statement)
        for *place, count, total, greatest, packed in store.execute("SELECT * FROM rollup_metric WHERE level <> 600"):
            store.execute("INSERT INTO rollup_sum VALUES (?, ?, ?, ?, ?, ?, ?)", (*place, count, total, greatest))
            rows = [(*place, index, n) for index, n in unpack(packed).items()]
            store.executemany("INSERT INTO rollup_hist VALUES (?, ?, ?, ?, ?, ?)", rows)
        for table in ("rollup_metric", "search_segment", "search_page"):
            store.execute(f"DROP TABLE {table}")
        store.execute("DELETE FROM rollup WHERE level = 600")
        store.execute("DELETE FROM rollup_dim WHERE level = 600")
        store.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm005'")
        store.execute("PRAGMA user_version = 4")
