"""A store of schema 6, with a column for each stored key, answers as the code that wrote it did.

``stores/schema-6.sql`` is a dump of a store that the code of schema 6 wrote: two runs, the first cut off, with four
connections that use every stored key. ``stores/schema-6.json`` is what that code answered about it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.builders import at_ns
from tests.support.kept_stores import (
    judged_as_now,
    kept_answers,
    kept_store,
    known,
    left_as_it_is,
    migrated,
    read_through,
    sources_of,
    states_of,
)
from tests.support.queries import found_ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock
from tests.support.stores import run_start, stored
from wsmon.model.snapshot import StoredSpec
from wsmon.store.connections import COLUMNS, spec_of
from wsmon.store.database import open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION

EXPECTED = kept_answers(6)
WHOLE = (at_ns(0), at_ns(4_000))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return kept_store(tmp_path, 6)


def answers(reader: Reader) -> dict[str, Any]:
    return {
        "searches": {text: found_ids(reader, parse(text), 1, 10_000) for text in EXPECTED["searches"]},
        "statistics": [
            reader.statistics(None, None, has_types=True),
            reader.statistics(at_ns(0), at_ns(60)),
            reader.statistics(None, None, "deribit"),
        ],
        "connections": states_of(reader.snapshot(at_ns(4_000)).connections),
        "lanes": [reader.lane_titles(*WHOLE), reader.lanes(*WHOLE)],
        "sources": sources_of(reader),
    }


@pytest.mark.parametrize("prepare", [left_as_it_is, migrated])
def test_it_answers_the_same(store: Path, prepare: Callable[[Path], None]) -> None:
    prepare(store)
    with closing(Reader(store, FixedClock(4_000.0))) as reader:
        # as JSON: tuples are lists, keys are texts
        found = json.loads(msgspec.json.encode(answers(reader)))
    assert known(found, EXPECTED) == judged_as_now(EXPECTED)


def test_the_migration_keeps_a_copy_and_puts_the_configuration_into_one_column(store: Path) -> None:
    before = stored(store, 'SELECT name, position, "group", url, profile, kpi FROM connection ORDER BY id')
    migrated(store)
    assert stored(store, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert {name for (name,) in stored(store, "SELECT name FROM pragma_table_info('connection')")} == set(COLUMNS)
    found = [spec_of(str(spec)) for (spec,) in stored(store, "SELECT spec FROM connection ORDER BY id")]
    assert found == [
        StoredSpec(
            group="markets",
            url="wss://stream.example.net/ws?token=[FILTERED]",
            protocol="graphql",
            expect_every_s=2.5,
            kpi={"connect_ms": 100.0, "availability": 0.5},
        ),
        StoredSpec(group="märkte ☃", url="wss://deribit.example.net/", profile="standard", protocol="jsonrpc"),
        StoredSpec(url="ws://127.0.0.1:9/", enabled=False, profile="lightweight", protocol="plain"),
        StoredSpec(url="wss://gone/"),
    ]
    backup = store.with_name("store.db.schema-6.backup")
    assert stored(backup, "PRAGMA user_version") == [(6,)]
    assert stored(backup, 'SELECT name, position, "group", url, profile, kpi FROM connection ORDER BY id') == before


def test_reading_it_changes_nothing_in_the_file(store: Path) -> None:
    before = store.read_bytes()
    assert read_through(store) == ((), 0, before)


def test_a_viewer_that_read_it_goes_on_after_a_recorder_migrated_it(store: Path) -> None:
    with closing(Reader(store, FixedClock(4_000.0))) as reader:
        before = reader.snapshot(at_ns(4_000)).connections
        migrated(store)
        assert reader.snapshot(at_ns(4_000)).connections == before


def test_a_copy_and_an_excerpt_of_it_are_of_the_newest_schema(store: Path, tmp_path: Path) -> None:
    copy, excerpt = tmp_path / "copy.db", tmp_path / "excerpt.db"
    with closing(Reader(store, FixedClock(4_000.0))) as reader:
        reader.copy(copy, lambda _done, _total: None)
        with reader.excerpt(excerpt) as replay:
            replay.write(reader.events_after(0, 50))
    assert stored(copy, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert stored(copy, "SELECT count(*) FROM events") == stored(copy, "SELECT count(*) FROM event") == [(88,)]
    assert stored(excerpt, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert stored(excerpt, "SELECT name, json_extract(spec, '$.url'), json_extract(spec, '$.kpi') FROM connection") == [
        (
            "binance-spot",
            "wss://stream.example.net/ws?token=[FILTERED]",
            '{"connect_ms":100.0,"availability":0.5}',
        )
    ]


def test_a_recorder_goes_on_in_it(store: Path) -> None:
    with closing(open_for_writing(store)) as database:
        assert database.begin_run(run_start(5_000.0)) == 3
