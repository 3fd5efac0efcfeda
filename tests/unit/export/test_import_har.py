"""HTTP Archives of browsers and of wsmon as events."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import T0_NS
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, story
from wsmon.errors import UsageError
from wsmon.export.import_har import har_events
from wsmon.export.import_jsonl import Fault
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.store.reader import Reader


def archive_of(path: Path) -> bytes:
    reader = Reader(path, FixedClock())
    stream = io.BytesIO()
    run_export(ExportRequest("har", stream), reader)
    reader.close()
    return stream.getvalue()


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
