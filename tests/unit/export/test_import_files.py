"""Recordings and archives of other programs as events."""

from __future__ import annotations

import base64
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import T0_NS
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, story
from tests.support.stores import stored_events
from wsmon.errors import UsageError
from wsmon.export.import_har import har_events
from wsmon.export.import_jsonl import Fault, recording_events
from wsmon.export.importing import ImportReport, guessed_format, import_file
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying


def lines(*frames: dict[str, object] | bytes) -> list[bytes]:
    return [frame if isinstance(frame, bytes) else json.dumps(frame).encode() for frame in frames]


def frame(second: float, way: str, kind: str, data: object = "", **more: object) -> dict[str, object]:
    return {"ts": f"2026-01-10T14:02:{24 + second:09.6f}Z", "dir": way, "type": kind, "data": data, **more}


RECORDING = lines(
    frame(0, "out", "text", '{"op":"subscribe"}'),
    frame(1, "in", "binary", base64.b64encode(b"\xff").decode(), binary=True),
    b"not json",
    frame(1.5, "in", "ping", "hi"),
    frame(1.6, "out", "pong", "hi"),
    b"",
    frame(2, "sideways", "text"),
    frame(3, "in", "close", '{"code":1001,"reason":"bye"}'),
    frame(4, "out", "text", '{"token":"canary-1234567890"}'),
    frame(5, "out", "close", {"code": 1000}),
)


def told(event: Event) -> tuple[str, float, str, int | None, bytes | None]:
    return event.name, (event.ts_ns - T0_NS) / 1e9, event.direction, event.size, event.payload


def test_a_recording_is_sessions_with_their_frames() -> None:
    found = list(recording_events(RECORDING, "feed"))
    assert [told(one) for one in found if isinstance(one, Event)] == [
        ("connection.started", 0.0, "", None, None),
        ("connection.completed", 0.0, "", None, None),
        ("message.sent", 0.0, "out", 18, b'{"op":"subscribe"}'),
        ("message.received", 1.0, "in", 1, b"\xff"),
        ("heartbeat.received", 1.5, "in", 2, b"hi"),
        ("heartbeat.responded", 1.6, "out", 2, b"hi"),
        ("connection.disconnected", 3.0, "", None, None),
        ("connection.started", 4.0, "", None, None),
        ("connection.completed", 4.0, "", None, None),
        ("message.sent", 4.0, "out", 29, b'{"token":"[FILTERED]"}'),
        ("connection.disconnected", 5.0, "", None, None),
    ]
    assert [one.line for one in found if isinstance(one, Fault)] == [3, 7]
    events = [one for one in found if isinstance(one, Event)]
    ends = [(one.close_code, one.close_by, one.reason, one.duration_ns) for one in events if one.close_by]
    assert ends == [(1001, "peer", "bye", 3 * 10**9), (1000, "us", "", 10**9)]
    assert {(one.source.connection, one.source.run) for one in events} == {("feed", 1)}
    assert len({one.source.connection_id for one in events}) == 2
    assert [one.id for one in events] == list(range(1, 12))
    assert all(before.mono_ns <= after.mono_ns for before, after in pairwise(events))


def test_a_recording_read_again_has_the_same_ids() -> None:
    assert list(recording_events(RECORDING, "feed")) == list(recording_events(RECORDING, "feed"))


def archive_of(path: Path) -> bytes:
    reader = Reader(path, FixedClock())
    stream = io.BytesIO()
    run_export(ExportRequest("har", stream), reader)
    reader.close()
    return stream.getvalue()


def test_an_archive_of_wsmon_comes_back_as_the_same_sessions(tmp_path: Path) -> None:
    archive = archive_of(recorded(tmp_path / "store.db", story(), "nova", "b", end_s=20))
    events = [one for one in har_events(archive) if isinstance(one, Event)]
    assert [(one.name, one.source.connection_id, (one.ts_ns - T0_NS) / 1e9) for one in events] == [
        ("connection.started", FIRST, 1.0),
        ("connection.completed", FIRST, 1.212),
        ("connection.started", THIRD, 1.5),
        ("connection.completed", THIRD, 1.712),
        ("message.received", FIRST, 2.0),
        ("message.sent", FIRST, 3.0),
        ("message.received", THIRD, 3.5),
        ("heartbeat.sent", FIRST, 4.0),
        ("heartbeat.responded", FIRST, 4.1),
        ("connection.disconnected", FIRST, 5.0),
        ("connection.started", SECOND, 6.0),
        ("connection.disconnected", SECOND, 6.1),
        ("message.received", THIRD, 9.0),
    ]
    assert [one.payload for one in events if one.payload] == [
        b"hello", b"\xff\x00", b"of b", b"\x00\x01\x02\x03", b"\x00\x01\x02\x03", b"late",
    ]  # fmt: skip
    refused = events[11]
    assert (refused.status, refused.error_type, refused.close_by) == (403, "http_status", "refusal")
    done = events[1].meta or {}
    assert (done["dns_ms"], done["tcp_ms"], done["tls_ms"], done["upgrade_ms"]) == (3, 11, 160, 38)
    assert (events[0].meta or {})["url"] == "wss://stream.example.net/ws?token=[FILTERED]"


def chrome(**more: object) -> dict[str, Any]:
    """An entry as Chrome saves it."""
    return {
        "_resourceType": "websocket",
        "startedDateTime": "2026-01-10T14:02:24.000Z",
        "time": 9000,
        "request": {
            "method": "GET",
            "url": "wss://echo.example.org/?access_token=canary-1234567890",
            "headers": [{"name": "Cookie", "value": "sid=canary-1234567890"}, {"name": "Origin", "value": "https://a"}],
        },
        "response": {"status": 101, "headers": []},
        "timings": {"blocked": 1, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": 50, "receive": 0},
        "_webSocketMessages": [
            {"type": "receive", "time": T0_NS / 1e9 + 2, "opcode": 2, "data": "/w=="},
            {"type": "send", "time": T0_NS / 1e9 + 1, "opcode": 1, "data": '{"password":"canary-1234567890"}'},
            {"type": "receive", "time": T0_NS / 1e9 + 3, "opcode": 8, "data": ""},
        ],
        **more,
    }


def har(*entries: object) -> bytes:
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def test_an_archive_of_chrome_is_read_without_its_secrets() -> None:
    page = {"startedDateTime": "2026-01-10T14:02:24Z", "request": {"url": "https://a/"}, "response": {"status": 200}}
    found = list(har_events(har(page, chrome())))
    events = [one for one in found if isinstance(one, Event)]
    assert [(one.name, one.source.connection, (one.ts_ns - T0_NS) / 1e9) for one in events] == [
        ("connection.started", "echo.example.org", 0.0),
        ("connection.completed", "echo.example.org", 0.05),
        ("message.sent", "echo.example.org", 1.0),
        ("message.received", "echo.example.org", 2.0),
    ]
    assert [one for one in found if isinstance(one, Fault)] == [Fault(2, "1 frames are no message, ping or pong")]
    assert "canary" not in repr(events)
    assert (events[2].size, events[2].redacted) == (32, True)


def test_sockets_that_are_open_at_once_are_several_connections() -> None:
    later = chrome(startedDateTime="2026-01-10T14:02:34.000Z")
    events = [one for one in har_events(har(chrome(), chrome(), later)) if isinstance(one, Event)]
    starts = [one.source.connection for one in events if one.name == "connection.started"]
    assert starts == ["echo.example.org", "echo.example.org-2", "echo.example.org"]
    assert len({one.source.connection_id for one in events}) == 3


@pytest.mark.parametrize("archive", [b"", b"{}", b"[]", b'{"log":{"entries":7}}', b"[" * 100_000])
def test_what_is_no_archive_is_said(archive: bytes) -> None:
    with pytest.raises(UsageError, match="no HTTP Archive"):
        list(har_events(archive))


def test_an_entry_that_cannot_be_read_is_named() -> None:
    broken = chrome(startedDateTime="yesterday")
    found = list(har_events(har(broken, {"request": 7}, chrome(request={"url": "wss://[::1/", "headers": []}))))
    assert [one.line for one in found if isinstance(one, Fault)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.har", b"", "har"),
        ("a.json", b' {"log":{}}', "har"),
        ("a.txt", b'\n{"id":1,"name":"message.sent"}\n', "jsonl"),
        ("a.jsonl", b'{"ts":"x","dir":"in","type":"text"}\n', "recording"),
        ("a.jsonl", b"broken\n", "jsonl"),
        ("a.jsonl", b"", "jsonl"),
    ],
)
def test_a_file_tells_what_it_is(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert guessed_format(tmp_path / name) == expected


def test_a_file_that_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello\n")
    with pytest.raises(UsageError, match="cannot be told"):
        guessed_format(tmp_path / "a.txt")


def test_a_recording_becomes_a_store_whose_statistics_count(tmp_path: Path) -> None:
    (tmp_path / "feed.jsonl").write_bytes(b"\n".join(RECORDING))
    with replaying(tmp_path / "new.db") as replay:
        report = import_file(tmp_path / "feed.jsonl", None, replay)
    assert (report.events, report.faults, [one.line for one in report.named]) == (11, 2, [3, 7])
    reader = Reader(tmp_path / "new.db", FixedClock(60))
    (feed,) = reader.statistics(None, None).connections
    reader.close()
    assert (feed.name, feed.connection_count, feed.messages.sent, feed.messages.received) == ("feed", 2, 2, 1)
    assert (dict(feed.close_codes), feed.ws_uptime_ms) == ({"1001": 1, "1000": 1}, 4000.0)
    assert [one.id for one in stored_events(tmp_path / "new.db")] == list(range(1, 12))


def test_the_first_ten_faults_are_named_and_all_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"x\n" * 25 + b'{"name":"message.sent","ts_ns":1}\n')
    with replaying(tmp_path / "new.db") as replay:
        report = import_file(tmp_path / "a.jsonl", None, replay)
    assert isinstance(report, ImportReport)
    assert (report.events, report.faults, [one.line for one in report.named]) == (1, 25, list(range(1, 11)))
