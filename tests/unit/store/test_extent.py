"""The extent of a store: ids, run and size; whether its newest run was cut off."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from tests.support.builders import message
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.control.lock import NAMELESS, StoreLock
from wsmon.model.ranges import StoreBounds
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying

NAME = "orders"


def test_bounds_name_the_ids_the_run_and_the_size_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        recording.write([message("x", 1, NAME), message("y", 2, NAME)])
        log = path.with_name("store.db-wal")
        size_bytes = path.stat().st_size + log.stat().st_size
        with closing(Reader(path, FixedClock())) as reader:
            assert reader.bounds() == StoreBounds(1, 2, 1, size_bytes)


def test_bounds_of_an_excerpt_count_its_events(tmp_path: Path) -> None:
    path = tmp_path / "part.db"
    with replaying(path) as replay:
        replay.write([msgspec.structs.replace(message("x", each, NAME), id=each) for each in (3, 7, 9)])
    for noted in (3, 1):
        with closing(sqlite3.connect(path)) as connection, connection:
            # As earlier versions noted it
            connection.execute("UPDATE meta SET value = ? WHERE key = 'excerpt'", (noted,))
        with closing(Reader(path, FixedClock())) as reader:
            assert reader.bounds() == StoreBounds(3, 9, 1, path.stat().st_size, in_excerpt=3)


def test_a_run_without_an_end_is_cut_off_unless_a_recorder_holds_the_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME):
        pass
    with closing(Reader(path, FixedClock())) as reader:
        assert reader.is_cut_off()
        with StoreLock(path, NAMELESS):
            assert not reader.is_cut_off()


def test_a_store_without_runs_is_not_cut_off(tmp_path: Path) -> None:
    recorded(tmp_path / "store.db", [], NAME, end_s=1)
    with closing(Reader(tmp_path / "store.db", FixedClock())) as reader:
        assert not reader.is_cut_off()
