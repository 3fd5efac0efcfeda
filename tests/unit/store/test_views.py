"""Views of exported copies: names instead of integers, in one file that other programs read."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlite_utils import Database as Tables

from tests.support.builders import event
from tests.support.exports import full_event
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, story
from tests.support.stores import stored, stored_events
from wsmon.export.jsonl import EventDocument, event_json
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import EVENT_NAMES
from wsmon.store.database import open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.views import EXPORT_SCHEMA, VIEWS

DOCS = Path(__file__).parents[3] / "docs" / "sql.md"


def copied(store: Path, query: str = "") -> Path:
    target = store.with_name("copy.db")
    with closing(Reader(store, FixedClock(60))) as reader:
        run_export(ExportRequest("sqlite", target, parse(query)), reader)
    return target


@pytest.fixture(params=["", "id>=1"], ids=["whole", "part"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return copied(recorded(tmp_path / "store.db", story(), "nova", "b", end_s=20), request.param)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    return list(stored(path, sql))


def test_a_copy_is_out_of_wal_mode_and_one_file(copy: Path) -> None:
    # Versions that write and read the format: 1 = with a rollback journal (SQLite, "The Database Header")
    assert copy.read_bytes()[18:20] == b"\x01\x01"
    before = sorted(copy.parent.iterdir())
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (len(story()),)
        assert sorted(copy.parent.iterdir()) == before


def test_events_are_those_of_json(tmp_path: Path) -> None:
    events = [*story(), msgspec.structs.replace(full_event(), id=0)]
    events += [event(name, 20 + number, "nova") for number, name in enumerate(EVENT_NAMES)]
    events += [event("auth.completed", 200, "nova", status="ok")]
    copy = copied(recorded(tmp_path / "store.db", events, "nova", "b"))
    with closing(sqlite3.connect(copy)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM events ORDER BY id")]
    expected = [json.loads(event_json(one)) for one in stored_events(copy)]
    for row in found:
        row["payload_base64"] = row.pop("payload_bytes")
        for key in ("verdict", "meta"):
            row[key] = row[key] and json.loads(row[key])
        for key in ("truncated", "redacted"):
            row[key] = bool(row[key]) or None
    for one in expected:
        if "payload_base64" in one:
            one["payload_base64"] = msgspec.convert(one["payload_base64"], bytes)
    assert [{key: value for key, value in row.items() if value is not None} for row in found] == expected
    # A store is one recording
    assert sorted(found[0]) == sorted({*EventDocument.__struct_fields__} - {"recording"})


def test_sessions_losses_and_incidents_are_named(copy: Path) -> None:
    assert rows(copy, "SELECT connection_id, connection, started, open_s, end, close_code, close_by FROM sessions") == [
        (FIRST, "nova", "2026-01-10T14:02:25.000000Z", 3.788, "clean", 1008, "peer"),
        (THIRD, "b", "2026-01-10T14:02:25.500000Z", pytest.approx(18.288), "abrupt", None, None),
        (SECOND, "nova", "2026-01-10T14:02:30.000000Z", None, "clean", None, "refusal"),
    ]
    (loss,) = rows(copy, "SELECT ts, connection, open_s, close_code, close_by, reason, cause IS NOT NULL FROM losses")
    assert loss == ("2026-01-10T14:02:29.000000Z", "nova", 0.4, 1008, "peer", "rate limit: 5 connections", 1)
    (incident,) = rows(copy, "SELECT connection, type, opened, sentence FROM incidents")
    assert incident == ("nova", "stall", "2026-01-10T14:02:28.500000Z", "no data for 41 s")


def test_sqlite_utils_lists_and_reads_them(copy: Path) -> None:
    tables = Tables(copy)
    assert sorted(tables.view_names()) == sorted(VIEWS)
    assert len(list(tables["events"].rows)) == len(story())
    tables.close()


def test_the_schema_has_the_statements_to_the_letter(copy: Path) -> None:
    names = ", ".join(f"'{name}'" for name in EXPORT_SCHEMA)
    found = rows(copy, f"SELECT name, sql FROM sqlite_schema WHERE name IN ({names})")
    assert sorted(found) == sorted(EXPORT_SCHEMA.items())


def test_a_copy_of_a_copy_and_a_recorder_that_goes_on_in_one_work(copy: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    with closing(Reader(copy, FixedClock(60))) as reader:
        assert reader.notice == ""
        run_export(ExportRequest("sqlite", again), reader)
    assert stored_events(again) == stored_events(copy)
    open_for_writing(again).close()
    assert rows(again, "SELECT count(*) FROM events") == [(len(story()),)]


def test_the_page_names_every_view_and_column(copy: Path) -> None:
    page = DOCS.read_text()
    for view in VIEWS:
        section = page.partition(f"## `{view}`\n")[2].partition("\n## ")[0]
        with closing(sqlite3.connect(copy)) as connection:
            columns = [row[0] for row in connection.execute(f"SELECT * FROM {view}").description]
        named = [name for name in re.findall(r"`([a-z_]+)`", section) if name in columns]
        assert sorted(set(named)) == sorted(columns), view


def test_the_queries_of_the_page_run(copy: Path) -> None:
    queries = re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(queries) == 3
    assert [bool(rows(copy, query)) for query in queries] == [True, True, True]
