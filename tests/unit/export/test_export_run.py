"""Exports of a real store: what they hold, how they end, and that nothing half-written is left."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, source
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.errors import WsmonError
from wsmon.export import selection
from wsmon.export.formats import FORMATS
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.export.selection import PAGE_EVENTS, WINDOW_IDS
from wsmon.export.sink import whole_file
from wsmon.model.events import Event, EventName
from wsmon.store.reader import Reader


def st_06(connection: str = "nova") -> list[Event]:
    """initialized → connecting@900 → connected@1000 → websocket_connected@1050 → disconnected@1500."""
    at = {"connecting": 0.9, "connected": 1.0, "websocket_connected": 1.05, "disconnected": 1.5}
    return [
        dialled(at["connecting"], connection),
        event("connection.open", 1.0, connection, from_status="connecting", to_status="connected"),
        event("connection.completed", 1.05, connection, from_status="connected", to_status="websocket_connected"),
        loss(at["disconnected"], connection, code=1000),
    ]


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Reader]:
    events = [*st_06(), *(message(f"m{number}", 2 + number, "b") for number in range(10))]
    (tmp_path / "store").mkdir()
    path = recorded(tmp_path / "store" / "store.db", [event("self.run.started", connection=""), *events], "nova", "b")
    reader = Reader(path, FixedClock())
    yield reader
    reader.close()


def exported(view: Reader, format_: str = "jsonl", **fields: object) -> tuple[bytes, ExportReport]:
    """What a request writes; ``fields`` are those of ``ExportRequest``."""
    stream = io.BytesIO()
    request = dataclasses.replace(ExportRequest(format_, stream), **fields)  # type: ignore[arg-type]  # fields by name
    report = run_export(request, view)
    return stream.getvalue(), report


def ids(lines: bytes) -> list[int]:
    return [json.loads(line)["id"] for line in lines.splitlines()]


def test_everything_oldest_first(view: Reader) -> None:
    lines, report = exported(view)
    assert ids(lines) == list(range(1, 16))
    assert report == ExportReport(seen=15, total=15, written=15, size_bytes=len(lines))


@pytest.mark.parametrize(
    ("request_fields", "expected"),
    [
        ({"query": parse("conn:nova")}, [2, 3, 4, 5]),
        ({"since_ns": at_ns(4), "until_ns": at_ns(6)}, [8, 9]),
        ({"limit": 3}, [13, 14, 15]),
        ({"limit": 3, "query": parse("conn:nova")}, [3, 4, 5]),
        ({"limit": 0}, []),
        ({"limit": 99}, list(range(1, 16))),
        ({"first_id": 4, "last_id": 6}, [4, 5, 6]),
        ({"since_ns": at_ns(600)}, []),
        ({"query": parse("nothing")}, []),
    ],
)
def test_what_was_asked_for(view: Reader, request_fields: dict[str, object], expected: list[int]) -> None:
    assert ids(exported(view, "jsonl", **request_fields)[0]) == expected


def test_pages_and_windows_meet_without_gap_or_double(tmp_path: Path) -> None:
    many = 2 * WINDOW_IDS + PAGE_EVENTS + 1
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x")] * many)
        reader = Reader(tmp_path / "store.db", FixedClock())
        assert ids(exported(reader)[0]) == list(range(1, many + 1))
        assert ids(exported(reader, limit=WINDOW_IDS + 7)[0]) == list(range(many - WINDOW_IDS - 6, many + 1))
        reader.close()


def test_st_07_the_trace_of_a_session(view: Reader) -> None:
    document = json.loads(exported(view, "json", query=parse("conn:nova"))[0])
    (connection,) = document["connections"]
    assert (connection["name"], connection["host"], connection["port"]) == ("nova", "nova.example.net", 443)
    assert [each["to_status"] for each in connection["events"]] == [
        "connecting",
        "connected",
        "websocket_connected",
        "disconnected",
    ]
    statistics = connection["statistics"]
    assert (statistics["connection_count"], statistics["total_uptime_ms"]) == (1, 500)
    assert statistics["reconnection_count"] == 0


def history(path: Path, events: list[Event]) -> list[dict[str, object]]:
    """The events of an exported trace of one connection."""
    reader = Reader(recorded(path, events, "nova"), FixedClock())
    (connection,) = json.loads(exported(reader, "json")[0])["connections"]
    reader.close()
    found: list[dict[str, object]] = connection["events"]
    return found


def test_st_03_a_transition_keeps_its_statuses_and_metadata(tmp_path: Path) -> None:
    connect = event(
        "connection.open", 1, "nova", from_status="initialized", to_status="connected", meta={"gun_pid": "<0.1.0>"}
    )
    (found,) = history(tmp_path / "store.db", [connect])
    assert {key: found[key] for key in ("name", "from_status", "to_status", "meta")} == {
        "name": "connection.open",
        "from_status": "initialized",
        "to_status": "connected",
        "meta": {"gun_pid": "<0.1.0>"},
    }


def test_st_05_a_history_has_the_order_in_which_things_happened(tmp_path: Path) -> None:
    happened: tuple[EventName, ...] = (
        "connection.started",
        "connection.open",
        "connection.completed",
        "connection.disconnected",
        "connection.reconnect.attempt",
    )
    events = [event(name, number, "nova") for number, name in enumerate(happened)]
    assert [each["name"] for each in history(tmp_path / "store.db", events)] == list(happened)


def test_nx_13_a_trace_is_its_events_in_order(tmp_path: Path) -> None:
    events = [
        message(str(number), number, "nova", source=msgspec.structs.replace(source("nova"), trace_id=trace))
        for number, trace in enumerate("aba")
    ]
    reader = Reader(recorded(tmp_path / "store.db", events, "nova"), FixedClock())
    assert ids(exported(reader, query=parse("trace:a"))[0]) == [1, 3]
    assert ids(exported(reader, query=parse("trace:missing"))[0]) == []
    assert ids(exported(reader, query=parse('trace:""'))[0]) == []
    reader.close()


def test_a_trace_holds_every_event_once(view: Reader) -> None:
    document = json.loads(exported(view, "json")[0])
    found = [each["id"] for part in document["connections"] for each in part["events"]]
    assert [each["name"] for each in document["connections"]] == ["nova", "b"]
    assert sorted(found + [each["id"] for each in document["recorder"]]) == list(range(1, 16))
    assert document["schema"] == "wsmon.trace/1"


def test_names_that_differ_in_case_only_share_no_event(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("1", connection="a"), message("2", connection="A")], "a", "A")
    reader = Reader(path, FixedClock())
    content, report = exported(reader, "json")
    reader.close()
    assert [[each["id"] for each in part["events"]] for part in json.loads(content)["connections"]] == [[1], [2]]
    assert report.written == 2


def test_st_10_the_trace_of_nothing_has_no_events(tmp_path: Path) -> None:
    reader = Reader(recorded(tmp_path / "store.db", [], "nova"), FixedClock())
    (connection,) = json.loads(exported(reader, "json")[0])["connections"]
    reader.close()
    statistics = connection["statistics"]
    assert connection["events"] == []
    assert [statistics[key] for key in ("connection_count", "total_uptime_ms", "reconnection_count")] == [0, 0, 0]


def test_a_url_that_held_credentials_still_has_a_host(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", "a") as recording:
        recording.execute(
            "UPDATE connection SET spec = json_set(spec, '$.url', ?)",
            "wss://[FILTERED]@example.net:8443/?token=[FILTERED]",
        )
        reader = Reader(tmp_path / "store.db", FixedClock())
        (connection,) = json.loads(exported(reader, "json")[0])["connections"]
        reader.close()
    assert (connection["host"], connection["port"]) == ("example.net", 8443)


def test_progress_grows_to_the_whole_and_false_ends_it(
    view: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "WINDOW_IDS", 4)
    reports: list[ExportReport] = []

    def until_eight(report: ExportReport) -> bool:
        reports.append(report)
        return report.seen < 8

    target = tmp_path / "out.jsonl"
    with pytest.raises(InterruptedError):
        run_export(ExportRequest("jsonl", target), view, until_eight)
    assert [report.seen for report in reports] == sorted(report.seen for report in reports)
    assert (reports[-1].seen, reports[-1].total) == (8, 15)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store"]


def test_a_file_is_there_whole_and_is_not_overwritten_unasked(view: Reader, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    report = run_export(ExportRequest("csv", target), view)
    before = target.read_bytes()
    assert (len(before), before.count(b"\n")) == (report.size_bytes, 16)
    with pytest.raises(FileExistsError):
        run_export(ExportRequest("jsonl", target), view)
    assert target.read_bytes() == before
    run_export(ExportRequest("jsonl", target, overwrite=True), view)
    assert ids(target.read_bytes()) == list(range(1, 16))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.csv", "store"]


def test_a_file_that_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(FileExistsError), whole_file(target, overwrite=False):
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with whole_file(tmp_path / "link", overwrite=True) as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_and_stays_one() -> None:
    with whole_file(Path("/dev/null"), overwrite=True) as stream:
        stream.write(b"x")
    assert Path("/dev/null").is_char_device()


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), whole_file(tmp_path, overwrite=True):
        pass


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WsmonError, match=r"no space left for .*out"), whole_file(tmp_path / "out", overwrite=False):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_what_is_recorded_meanwhile_is_not_in_it(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x", number) for number in range(3)])
        reader = Reader(tmp_path / "store.db", FixedClock())
        stream = io.BytesIO()

        def record_more(_report: ExportReport) -> bool:
            recording.write([message("later", 100)])
            return True

        run_export(ExportRequest("jsonl", stream), reader, record_more)
        assert ids(stream.getvalue()) == [1, 2, 3]
        reader.close()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_what_was_committed_when_it_began(tmp_path: Path, name: str) -> None:
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write([*st_06(), *(message(f"m{number}", 2, "nova") for number in range(1_000))])
        reader = Reader(tmp_path / "store.db", FixedClock())
        reports: list[ExportReport] = []

        def record_more(report: ExportReport) -> bool:
            recording.write([message("later than all", 100, "nova")])
            reports.append(report)
            return True

        told = run_export(ExportRequest(name, tmp_path / "out"), reader, record_more)
        reader.close()
    assert reports[-1].seen == told.seen == told.total
    assert b"later than all" not in (tmp_path / "out").read_bytes()
    assert (tmp_path / "out").stat().st_size == told.size_bytes > 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_that_is_ended_leaves_nothing(view: Reader, tmp_path: Path, name: str) -> None:
    with pytest.raises(InterruptedError):
        run_export(ExportRequest(name, tmp_path / "out"), view, lambda _report: False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_an_ending_of_its_own(name: str) -> None:
    assert FORMATS[name].suffix.startswith(".")
    assert [other for other in FORMATS if FORMATS[other].suffix == FORMATS[name].suffix] == [name]
