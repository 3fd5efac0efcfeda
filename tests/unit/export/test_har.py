"""Sessions as entries of an HTTP Archive."""

from __future__ import annotations

import base64
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import wsmon
from tests.support.builders import T0_NS, dialled, message, usable
from tests.support.merged import merged_view
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, of, opening
from wsmon.export import selection
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.store.reader import Reader


def archive(store: Path, **fields: Any) -> tuple[dict[str, Any], ExportReport]:
    """The log of an archive; ``fields`` are those of ``ExportRequest``."""
    stream = io.BytesIO()
    reader = Reader(store, FixedClock())
    report = run_export(ExportRequest("har", stream, **fields), reader)
    reader.close()
    found: dict[str, Any] = json.loads(stream.getvalue())["log"]
    return found, report


def test_every_session_and_every_failed_attempt_is_an_entry(store: Path) -> None:
    log, report = archive(store)
    assert {key: value for key, value in log.items() if key != "entries"} == {
        "version": "1.2",
        "creator": {"name": "wsmon", "version": wsmon.__version__},
        "pages": [],
    }
    assert [(one["_connection"], one["_connectionId"], one["response"]["status"]) for one in log["entries"]] == [
        ("nova", FIRST, 101),
        ("nova", SECOND, 403),
        ("b", THIRD, 101),
    ]
    assert (report.written, report.seen, report.total) == (16, report.total, report.seen)


def test_a_session_has_its_request_answer_phases_and_end(store: Path) -> None:
    entry = archive(store)[0]["entries"][0]
    assert {key: value for key, value in entry.items() if key != "_webSocketMessages"} == {
        "startedDateTime": "2026-01-10T14:02:25.000000Z",
        "time": 4000.0,
        "request": {
            "method": "GET",
            "url": "wss://stream.example.net/ws?token=%5BFILTERED%5D",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [
                {"name": "Host", "value": "stream.example.net"},
                {"name": "Authorization", "value": "[FILTERED]"},
            ],
            "queryString": [{"name": "token", "value": "[FILTERED]"}],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 101,
            "statusText": "Switching Protocols",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "Upgrade", "value": "websocket"}, {"name": "Server", "value": "nginx/1.25.3"}],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
        },
        "cache": {},
        "timings": {
            "blocked": -1, "dns": 3.0, "connect": 171.0, "ssl": 160.0, "send": 0, "wait": 38.0, "receive": 3788.0,
        },
        "serverIPAddress": "192.0.2.7",
        "_resourceType": "websocket",
        "_connection": "nova",
        "_connectionId": FIRST,
        "_traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "_closeCode": 1008,
        "_closeBy": "peer",
        "_closeReason": "rate limit: 5 connections",
    }  # fmt: skip


def test_messages_have_the_shape_of_chrome(store: Path) -> None:
    entry = archive(store)[0]["entries"][0]
    at = T0_NS / 1e9
    assert entry["_webSocketMessages"] == [
        {"type": "receive", "time": at + 2, "opcode": 1, "data": "hello"},
        {"type": "send", "time": at + 3, "opcode": 2, "data": "/wA="},
        {"type": "send", "time": at + 4, "opcode": 9, "data": base64.b64encode(b"\x00\x01\x02\x03").decode()},
        {"type": "receive", "time": pytest.approx(at + 4.1), "opcode": 10, "data": "AAECAw=="},
    ]


def test_a_refused_attempt_tells_status_body_and_error(store: Path) -> None:
    entry = archive(store)[0]["entries"][1]
    assert entry["response"] == {
        "status": 403,
        "statusText": "Forbidden",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": "Content-Type", "value": "text/plain"}],
        "content": {"size": 6, "mimeType": "text/plain", "text": "no key"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
        "_error": "http_status: the server answered HTTP 403",
    }
    assert (entry["_webSocketMessages"], entry["timings"]["wait"], entry["time"]) == ([], 100.0, 100.0)


def test_a_session_that_goes_on_lasts_up_to_its_newest_event(store: Path) -> None:
    entry = archive(store)[0]["entries"][2]
    assert (entry["timings"]["receive"], "_closeCode" in entry) == (7288.0, False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"query": parse("conn:b")}, {THIRD: ["of b", "late"]}),
        ({"query": parse("hello")}, {FIRST: ["hello"]}),
        ({"query": parse("dir:in op:text")}, {FIRST: ["hello"], THIRD: ["of b", "late"]}),
        ({"first_id": 9, "last_id": 13}, {FIRST: ["/wA=", "AAECAw==", "AAECAw=="], THIRD: ["of b"]}),
        ({"limit": 1}, {THIRD: ["late"]}),
        ({"query": parse("nothing")}, {}),
    ],
)
def test_what_was_asked_for_with_the_handshake_of_its_session(
    store: Path, fields: dict[str, object], expected: dict[str, list[str]]
) -> None:
    entries = archive(store, **fields)[0]["entries"]
    found = {one["_connectionId"]: [frame["data"] for frame in one["_webSocketMessages"]] for one in entries}
    assert found == expected
    assert {one["request"]["url"] for one in entries} <= {"wss://stream.example.net/ws?token=%5BFILTERED%5D"}


def test_pages_join_to_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "WINDOW_IDS", 7)
    monkeypatch.setattr(selection, "PAGE_EVENTS", 3)
    events = [*of(FIRST, *opening(1)), *of(FIRST, *(message(str(number), 2, "nova") for number in range(40)))]
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write(events)
        (entry,) = archive(tmp_path / "store.db")[0]["entries"]
    assert [frame["data"] for frame in entry["_webSocketMessages"]] == [str(number) for number in range(40)]


def test_what_was_not_kept_of_a_message_is_said(tmp_path: Path) -> None:
    cut = message("long", 2, "nova", truncated=True, size=9)
    gone = msgspec.structs.replace(message("12345", 3, "nova"), payload=None)
    store = recorded(tmp_path / "store.db", of(FIRST, *opening(1), cut, gone), "nova")
    frames = archive(store)[0]["entries"][0]["_webSocketMessages"]
    assert [(frame["data"], frame["_size"], frame["_truncated"]) for frame in frames] == [
        ("long", 9, True),
        ("", 5, True),
    ]


def test_a_header_stays_one_line_and_odd_urls_stay_urls(tmp_path: Path) -> None:
    dial = dialled(1, "nova", meta={"url": 'ws://[::1]:8/a b?q="<x>"&n=[FILTERED]'})
    headers = [["X-A", "1\r\nX-B: 2"], ["broken"]]
    done = usable(2, "nova", meta={"response_headers": headers, "peer": "nobody"})
    store = recorded(tmp_path / "store.db", of(FIRST, dial, done), "nova")
    (entry,) = archive(store)[0]["entries"]
    assert entry["request"]["url"] == "ws://[::1]:8/a%20b?q=%22%3Cx%3E%22&n=%5BFILTERED%5D"
    assert entry["response"]["headers"] == [{"name": "X-A", "value": "1 X-B: 2"}]
    assert "serverIPAddress" not in entry


def test_a_session_that_is_in_two_recordings_has_the_messages_of_its_own(store: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.db"
    with closing(Reader(store, FixedClock())) as reader:
        run_export(ExportRequest("sqlite", part, parse("conn:nova")), reader)
    stream = io.BytesIO()
    with merged_view({"all": store, "part": part}) as view:
        run_export(ExportRequest("har", stream), view)
    own = [entry for entry in archive(store)[0]["entries"] if entry["_connection"] == "nova"]
    found = json.loads(stream.getvalue())["log"]["entries"]
    for recording in ("all", "part"):
        of_one = [entry for entry in found if entry["_connection"] == f"{recording}/nova"]
        assert [entry["_webSocketMessages"] for entry in of_one] == [entry["_webSocketMessages"] for entry in own]
