"""Recordings and archives of other programs as events, from one file or several."""

from __future__ import annotations

import errno
import gzip
import io
import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from tests.support.builders import event, message
from tests.support.exports import RECORDING, frame, lines
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import story
from tests.support.stores import stored_events
from wsmon.errors import UsageError, WsmonError
from wsmon.export.import_session import Fault
from wsmon.export.import_source import opened
from wsmon.export.importing import ImportReport, NamedFault, guessed_format, import_files
from wsmon.export.jsonl import event_json
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event, Verdict
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying


class Events:
    """A store that keeps events in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, events: tuple[Event, ...]) -> None:
        """Add events."""
        self.events += events


def imported(*paths: Path | str) -> tuple[list[Event], ImportReport]:
    """The events of files, and the report."""
    store = Events()
    report = import_files([str(path) for path in paths], None, store)
    return store.events, report


def told(event: Event) -> tuple[str, str, bytes | None]:
    """Connection, name and payload."""
    return event.source.connection, event.name, event.payload


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.har", b"", "har"),
        ("a.json", b' {"log":{}}', "har"),
        ("a.txt", b'\n{"id":1,"name":"message.sent"}\n', "jsonl"),
        ("a.jsonl", b'{"ts":"x","dir":"in","type":"text"}\n', "recording"),
        ("a.jsonl", b"broken\n", "jsonl"),
        ("a.jsonl", b"", "jsonl"),
        ("a.txt", b'{\n  "log": {}}', "har"),
        ("a", b"2026-01-10T14:02:25.1234567Z {}\n", "recording"),
        ("a", b"configuration: {}\n", "recording"),
        ("a.jsonl.gz", gzip.compress(b"broken\n", mtime=0), "jsonl"),
        ("a.gz", gzip.compress(b'{"log":{}}', mtime=0), "har"),
    ],
)
def test_a_file_tells_what_it_is(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with opened(str(tmp_path / name)) as source:
        assert guessed_format(source) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"hello\n", "unknown format: not an export of events, an HTTP Archive or a frame log"),
        (b"\x00\x01\x02", "unknown format: not an export of events"),
        (b"", "a.txt is empty"),
    ],
)
def test_a_file_that_does_not_tell_is_asked_for(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UsageError, match=problem):
        imported(tmp_path / "a.txt")


def test_a_recording_becomes_a_store_whose_statistics_count(tmp_path: Path) -> None:
    (tmp_path / "feed.jsonl").write_bytes(b"\n".join(RECORDING))
    with replaying(tmp_path / "new.db") as replay:
        report = import_files([str(tmp_path / "feed.jsonl")], None, replay)
    assert (report.events, report.faults, [one.fault.line for one in report.named]) == (11, 2, [3, 7])
    reader = Reader(tmp_path / "new.db", FixedClock(60))
    (feed,) = reader.statistics(None, None).connections
    reader.close()
    assert (feed.name, feed.connection_count, feed.messages.sent, feed.messages.received) == ("feed", 2, 2, 1)
    assert (dict(feed.close_codes), feed.ws_uptime_ms) == ({"1001": 1, "1000": 1}, 4000.0)
    assert [one.id for one in stored_events(tmp_path / "new.db")] == list(range(1, 12))


def test_the_first_ten_faults_are_named_and_all_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x\n" * 25 + b'{"name":"message.sent","ts_ns":1}\n')
    _, report = imported(path)
    assert (report.events, report.faults, dict(report.lost)) == (1, 25, {"line": 25})
    assert [str(one) for one in report.named] == [
        f"{path}:{line}: invalid JSON: invalid character (byte 0)" for line in range(1, 11)
    ]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(3, "oops"), "a.x:3: oops"),
        (Fault(3, "oops", "entry"), "a.x: entry 3: oops"),
        (Fault(3, "oops", "message", 2), "a.x: entry 3: oops"),
        (Fault(0, "oops", "entry", 0), "a.x: oops"),
    ],
)
def test_a_fault_is_named_with_its_place(fault: Fault, expected: str) -> None:
    assert str(NamedFault("a.x", fault)) == expected


def test_i6_a_compressed_file_that_ends_early_is_imported_as_far_as_it_goes(tmp_path: Path) -> None:
    har = {"log": {"entries": [{"request": {"url": "https://a/"}}] * 9_000 + [{"noise": list(range(90_000))}]}}
    for name, content in (
        ("a.jsonl.gz", b"".join(b"%s\n" % json.dumps(frame(0, "in", "text", str(n))).encode() for n in range(99_999))),
        ("b.har.gz", json.dumps(har).encode()),
    ):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content, mtime=0)[:-1_000])
        _, report = imported(path)
        assert str(report.named[-1]).endswith("the compressed file ends early; everything before is imported")


def test_i6_standard_input_is_an_input_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"\n".join(lines(frame(0, "in", "text", "a")))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    events, report = imported("-")
    assert [told(one) for one in events] == [
        ("stdin", "connection.started", None),
        ("stdin", "connection.completed", None),
        ("stdin", "message.received", b"a"),
    ]
    assert (report.read_bytes, report.total_bytes) == (len(content), 0)


def test_i6_several_files_become_one_by_time(tmp_path: Path) -> None:
    for name, seconds in (("a", (0, 2, 4)), ("b", (1, 3))):
        some = lines(*(frame(second, "in", "text", f"{name}{second}") for second in seconds))
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(some))
    events, report = imported(tmp_path / "b.jsonl", tmp_path / "a.jsonl")
    assert [one.payload.decode() for one in events if one.payload] == ["a0", "b1", "a2", "b3", "a4"]
    assert [one.id for one in events] == list(range(1, report.events + 1))
    assert {(one.source.connection, one.source.run) for one in events} == {("a", 1), ("b", 1)}
    assert [one.mono_ns - events[0].mono_ns for one in events] == [one.ts_ns - events[0].ts_ns for one in events]
    with replaying(tmp_path / "new.db") as replay:
        import_files([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")], None, replay)
    reader = Reader(tmp_path / "new.db", FixedClock(60))
    found = {one.name: one.messages.received for one in reader.statistics(None, None).connections}
    reader.close()
    assert found == {"a": 3, "b": 2}


def test_i6_a_connection_goes_on_in_a_later_file_and_becomes_two_in_one_of_the_same_time(tmp_path: Path) -> None:
    paths = []
    for folder, seconds in (("monday", (0, 1)), ("tuesday", (10, 12)), ("elsewhere", (11, 13))):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "feed.jsonl")
        some = lines(*(frame(second, "in", "text", f"{folder} {second}") for second in seconds))
        paths[-1].write_bytes(b"\n".join(some))
    events, _ = imported(*paths)
    assert [told(one)[::2] for one in events if one.payload] == [
        ("feed", b"monday 0"),
        ("feed", b"monday 1"),
        ("feed", b"tuesday 10"),
        ("feed-2", b"elsewhere 11"),
        ("feed", b"tuesday 12"),
        ("feed-2", b"elsewhere 13"),
    ]
    sources = {(one.source.connection, one.source.connection_id) for one in events}
    assert len(sources) == len({session for _, session in sources}) == 3


def test_i6_a_session_without_an_end_is_over_with_its_file(tmp_path: Path) -> None:
    paths = []
    for folder, start in (("monday", 0), ("tuesday", 10_000)):
        (tmp_path / folder).mkdir()
        paths.append(str(tmp_path / folder / "feed.jsonl"))
        some = [frame(0, "in", "text", "x") | {"ts": 1768053744 + start + second} for second in (0, 4)]
        Path(paths[-1]).write_bytes(b"\n".join(lines(*some)))
    with replaying(tmp_path / "new.db") as replay:
        import_files(paths, None, replay)
    reader = Reader(tmp_path / "new.db", FixedClock(60))
    (feed,) = reader.statistics(None, None).connections
    reader.close()
    assert (feed.connection_count, round(feed.ws_uptime_ms)) == (2, 8_000)
    assert [one.source.run for one in stored_events(tmp_path / "new.db")] == [1] * 4 + [2] * 4


def test_i6_events_of_several_exports_keep_what_they_refer_to(tmp_path: Path) -> None:
    verdict = Verdict("peer", "1006", "it broke", "look", (3, 99))
    some = [
        msgspec.structs.replace(message("x", 0.0, "a"), id=3),
        msgspec.structs.replace(event("incident.opened", 1.0, "a", type="stall"), id=5),
        msgspec.structs.replace(
            event("incident.closed", 2.0, "a", type="stall", meta={"incident": 5, "evidence": [5, 3, 4], "n": 1}), id=8
        ),
        msgspec.structs.replace(
            event("connection.disconnected", 3.0, "a", to_status="disconnected", verdict=verdict), id=9
        ),
    ]
    (tmp_path / "a.jsonl").write_bytes(b"".join(event_json(one) + b"\n" for one in some))
    (tmp_path / "b.jsonl").write_bytes(b"\n".join(lines(*(frame(n + 0.5, "in", "text", "y") for n in range(4)))))
    events, _ = imported(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    mine = {one.name: one for one in events if one.source.connection == "a"}
    received, opened_id = mine["message.received"].id, mine["incident.opened"].id
    assert mine["incident.closed"].meta == {"incident": opened_id, "evidence": [opened_id, received], "n": 1}
    found = mine["connection.disconnected"].verdict
    assert found is not None
    assert found.evidence == (received,)


def test_i6_one_export_keeps_its_ids_and_runs(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db", story(), "nova", "b", end_s=20)
    reader = Reader(store, FixedClock(60))
    run_export(ExportRequest("jsonl", tmp_path / "events.jsonl"), reader)
    reader.close()
    events, _ = imported(tmp_path / "events.jsonl")
    assert tuple(events) == tuple(stored_events(store))


def test_i6_a_file_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "b.jsonl").hardlink_to(tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match=r"b\.jsonl is the same file as .*a\.jsonl\. name each file once"):
        imported(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    with pytest.raises(UsageError, match="- is the same file as -"):
        imported("-", "-")


def test_progress_tells_events_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"name":"message.sent","ts_ns":1}\n' * 5_000)
    told: list[tuple[int, int, int]] = []
    import_files(
        [str(path)], None, Events(), lambda report: told.append((report.events, report.read_bytes, report.total_bytes))
    )
    size = path.stat().st_size
    assert [events for events, _, _ in told] == [0, 2_000, 4_000, 5_000]
    assert all(before <= after <= size for (_, before, _), (_, after, _) in pairwise(told))
    assert told[-1] == (5_000, size, size)


def test_what_a_store_cannot_count_is_refused_in_words(tmp_path: Path) -> None:
    class Full(Events):
        def write(self, events: tuple[Event, ...]) -> None:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")

    (tmp_path / "a.jsonl").write_bytes(b'{"name":"message.sent","ts":1768053744}\n')
    with pytest.raises(WsmonError, match="the times in the file are centuries apart, which is too far"):
        import_files([str(tmp_path / "a.jsonl")], None, Full())


def test_more_files_than_may_be_open_are_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: str) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("wsmon.export.importing.opened", full)
    (tmp_path / "a.jsonl").write_bytes(b"")
    with pytest.raises(UsageError, match=r"1 files are more than can be open at once\. raise"):
        imported(tmp_path / "a.jsonl")
