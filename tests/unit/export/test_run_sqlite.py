"""Stores handed over: a copy of the whole, also while it grows, and a part that counts its own events."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, source, stall, usable
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from tests.support.stores import stored, stored_events
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.store.reader import Reader

SESSION = "00f067aa0ba902b8"


def story(connection: str = "nova") -> list[Event]:
    """A session with messages, an incident and a loss."""
    return [
        event("self.run.started", connection=""),
        dialled(1, connection),
        event("connection.open", 1.1, connection, from_status="connecting", to_status="connected"),
        usable(1.2, connection),
        *(message(f"m{number}", 2 + number, connection) for number in range(5)),
        message(b"\xff\x00", 8, connection, direction="out"),
        stall(9, connection),
        loss(10, connection),
        message("other", 11, "b"),
    ]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    (tmp_path / "origin").mkdir()
    return recorded(tmp_path / "origin" / "store.db", story(), "nova", "b", end_s=20)


def handed_over(origin: Path, target: Path, request: ExportRequest | None = None) -> ExportReport:
    reader = Reader(origin, FixedClock())
    try:
        return run_export(request or ExportRequest("sqlite", target), reader)
    finally:
        reader.close()


def test_a_copy_of_the_whole_is_the_store_again(origin: Path, tmp_path: Path) -> None:
    report = handed_over(origin, tmp_path / "copy.db")
    assert report == ExportReport(13, 13, 13, (tmp_path / "copy.db").stat().st_size)
    tables = [name for (name,) in stored(origin, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    for table in tables:
        rows = f"SELECT * FROM {table!s}"  # a name from the schema
        assert stored(tmp_path / "copy.db", rows) == stored(origin, rows), table
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "origin"]


def test_a_copy_made_while_it_is_recorded_into_ends_where_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write(story()[:9])
        reader = Reader(tmp_path / "store.db", FixedClock())
        more: list[int] = []

        def record_more(_report: ExportReport) -> bool:
            more.append(recording.write([message("later", 30, "nova")]))
            return True

        monkeypatch.setattr("wsmon.store.copying.PAGES_AT_ONCE", 3)
        run_export(ExportRequest("sqlite", tmp_path / "copy.db"), reader, record_more)
        reader.close()
        assert len(more) > 3
    copy = Reader(tmp_path / "copy.db", FixedClock())
    assert (copy.notice, copy.bounds().last_id) == ("", 9)
    copy.close()
    assert stored(tmp_path / "copy.db", "SELECT end, ended_ns FROM run") == [("abrupt", at_ns(6))]
    assert stored(tmp_path / "copy.db", "PRAGMA integrity_check") == [("ok",)]
    assert len(stored_events(tmp_path / "copy.db")) == 9


def test_a_part_keeps_ids_sessions_and_counts_its_own_events(origin: Path, tmp_path: Path) -> None:
    target = tmp_path / "part.db"
    report = handed_over(origin, target, ExportRequest("sqlite", target, parse("conn:nova -m3")))
    assert (report.written, report.seen, report.total) == (10, 13, 13)
    expected = tuple(one for one in stored_events(origin) if one.source.connection == "nova" and one.payload != b"m3")
    assert stored_events(target) == expected
    reader = Reader(target, FixedClock(60))
    (nova,) = reader.statistics(None, None).connections
    (lane,) = reader.lanes(at_ns(0), at_ns(20))
    bounds = reader.bounds()
    reader.close()
    assert (nova.messages.received, nova.messages.sent, nova.connection_count, nova.sessions) == (4, 1, 1, 1)
    assert (nova.url, dict(nova.close_codes)) == ("wss://nova.example.net/ws", {"1008": 1})
    assert (bounds.oldest_id, bounds.last_id, bounds.run) == (2, 12, 1)
    assert [segment.event_id for segment in lane.segments][-4:] == [2, 3, 4, 12]
    runs = "SELECT id, started_ns, ended_ns, end, pid FROM run"
    assert stored(target, runs) == stored(origin, runs)


def test_a_period_and_the_newest_are_parts(origin: Path, tmp_path: Path) -> None:
    requests = {
        "period.db": ExportRequest("sqlite", tmp_path / "period.db", since_ns=at_ns(3), until_ns=at_ns(6)),
        "newest.db": ExportRequest("sqlite", tmp_path / "newest.db", limit=2),
        "nothing.db": ExportRequest("sqlite", tmp_path / "nothing.db", limit=0),
    }
    found = {}
    for name, request in requests.items():
        handed_over(origin, tmp_path / name, request)
        found[name] = [one.id for one in stored_events(tmp_path / name)]
    assert found == {"period.db": [6, 7, 8], "newest.db": [12, 13], "nothing.db": []}


def test_a_part_of_several_runs_has_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for run in range(3):
        recording = Recording(path, "nova", after_s=run * 100)
        recording.write([message(f"of {run}", run * 100 + 1, "nova"), event("self.run.ended", run * 100 + 2, "")])
        recording.end(run * 100 + 3)
    target = tmp_path / "part.db"
    handed_over(path, target, ExportRequest("sqlite", target, first_id=3))
    assert stored_events(target) == stored_events(path)[2:]
    assert [row[0] for row in stored(target, "SELECT id FROM run ORDER BY id")] == [2, 3]


def test_messages_that_a_profile_did_not_keep_are_counted_again(tmp_path: Path) -> None:
    counted = {"count": 7, "total_size": 70, "received": {"count": 5, "total_size": 50}, "sent": {"count": 2}}
    batch = event("message.batch_processed", 2, "nova", size=0, meta=counted)
    failed = message("bad", 3, "nova", error_type="protocol", error="no")
    changed = event("self.config.reloaded", 1, "nova", meta={"profile": "lightweight"})
    events = [changed, failed, dialled(4, "nova", source=source("nova", session=SESSION))]
    path, target = tmp_path / "store.db", tmp_path / "part.db"
    with Recording(path, "nova") as recording:
        recording.write([batch, *events])
    handed_over(path, target, ExportRequest("sqlite", target, first_id=1))
    assert stored_events(target) == stored_events(path)
    reader = Reader(target, FixedClock(60))
    (nova,) = reader.statistics(None, None).connections
    reader.close()
    assert (nova.messages.received, nova.messages.sent, nova.bytes.received) == (6, 2, 53)


@pytest.mark.parametrize("query", ["", "conn:nova"])
def test_one_that_was_ended_leaves_nothing(origin: Path, tmp_path: Path, query: str) -> None:
    reader = Reader(origin, FixedClock())
    request = ExportRequest("sqlite", tmp_path / "copy.db", parse(query))
    with pytest.raises(InterruptedError):
        run_export(request, reader, lambda _report: False)
    reader.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["origin"]


def test_a_stream_gets_a_complete_store(origin: Path, tmp_path: Path) -> None:
    stream = io.BytesIO()
    handed_over(origin, tmp_path, ExportRequest("sqlite", stream))
    (tmp_path / "copy.db").write_bytes(stream.getvalue())
    assert stored_events(tmp_path / "copy.db") == stored_events(origin)


def test_a_store_that_is_there_is_not_overwritten_and_is_nobody_elses_to_read(origin: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("theirs")
    with pytest.raises(FileExistsError):
        handed_over(origin, target)
    assert target.read_text() == "theirs"
    handed_over(origin, target, ExportRequest("sqlite", target, overwrite=True))
    assert target.stat().st_mode & 0o777 == 0o600
    assert len(stored_events(target)) == 13
