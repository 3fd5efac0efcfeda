"""HTTP Archives of browsers and of wsmon as events."""

from __future__ import annotations

import base64
import gzip
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.builders import T0_NS
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, story
from tests.support.stores import stored_events
from wsmon.errors import UsageError, WsmonError
from wsmon.export.import_har import har_events
from wsmon.export.import_session import Fault
from wsmon.export.importing import import_files
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying

TIME = "must be an RFC 3339 string such as 2026-01-10T14:02:24.5Z, or a number since 1970"


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
        ("connection.disconnected", "echo.example.org", 3.0),
    ]
    assert [one for one in found if isinstance(one, Fault)] == []
    assert (events[-1].close_by, events[-1].close_code, events[-1].reason) == ("peer", None, "")
    assert "canary" not in repr(events)
    assert (events[2].size, events[2].redacted) == (32, True)


def test_what_the_server_repeats_of_a_request_is_masked_and_not_in_other_sessions() -> None:
    said = [{"type": "receive", "time": T0_NS / 1e9, "opcode": 1, "data": '{"got":"canary-1234567890"}'}]
    other = chrome(request={"method": "GET", "url": "wss://other.example/", "headers": []}, _webSocketMessages=said)
    events = [one for one in har_events(har(chrome(_webSocketMessages=said), other)) if isinstance(one, Event)]
    assert {one.source.connection: one.payload for one in events if one.payload} == {
        "echo.example.org": b'{"got":"[FILTERED]"}',
        "other.example": b'{"got":"canary-1234567890"}',
    }


def test_sockets_that_are_open_at_once_are_several_connections() -> None:
    later = chrome(startedDateTime="2026-01-10T14:02:34.000Z", _webSocketMessages=[])
    events = [one for one in har_events(har(chrome(), chrome(), later)) if isinstance(one, Event)]
    starts = [one.source.connection for one in events if one.name == "connection.started"]
    assert starts == ["echo.example.org", "echo.example.org-2", "echo.example.org"]
    assert len({one.source.connection_id for one in events}) == 3


@pytest.mark.parametrize("archive", [b"", b"{}", b"[]", b'{"log":{"entries":7}}', b"[" * 100_000])
def test_what_is_no_archive_is_said(archive: bytes) -> None:
    with pytest.raises(UsageError, match="not a valid HTTP Archive"):
        list(har_events(archive))


def test_an_entry_that_cannot_be_read_is_named() -> None:
    broken = chrome(startedDateTime="yesterday", _webSocketMessages=[])
    found = list(har_events(har(broken, {"request": 7}, chrome(request={"url": "wss://[::1/", "headers": []}), 5)))
    assert found == [
        Fault(1, f"`startedDateTime` {TIME} (got 'yesterday')", "entry"),
        Fault(2, "`url` is missing", "entry"),
        Fault(3, "`url` must be a valid URL (got 'wss://[::1/'): Invalid IPv6 URL", "entry"),
        Fault(4, "the entry must be an object (got 5)", "entry"),
    ]


FOLDER = Path(__file__).parents[2] / "corpora" / "har"
UNKNOWN_SIDE = "(the file does not say by which side)"
START_NS = 1_764_403_200_000_000_000


def read(archive: bytes) -> tuple[list[Event], list[Fault]]:
    """Events and faults of an archive."""
    found = list(har_events(archive))
    return [one for one in found if isinstance(one, Event)], [one for one in found if isinstance(one, Fault)]


def handed(name: str = "chrome.har", **changes: object) -> dict[str, Any]:
    """The archive of that file; the entry with these keys instead."""
    found: dict[str, Any] = json.loads((FOLDER / name).read_text())
    found["log"]["entries"][0] |= changes
    return found


def messages(archive: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of its first entry, to be changed."""
    found: list[dict[str, Any]] = archive["log"]["entries"][0]["_webSocketMessages"]
    return found


def told(event: Event) -> tuple[str, float, bytes | None]:
    """Name, seconds after the start of the files, payload."""
    return event.name, (event.ts_ns - START_NS) / 1e9, event.payload


WHOLE = [
    ("connection.started", 0.0, None),
    ("connection.completed", 1.09, None),
    ("message.sent", 1.09, b'{"op":"sub","ch":"a"}'),
    ("message.received", 1.41, b'{"ok":1}'),
    ("message.received", 2.75, bytes(range(8))),
    ("message.received", 3.9, b'{"n":2}'),
]


@pytest.mark.parametrize("error", [{"_error": None}, {}])
def test_i1_i2_each_frame_of_chrome_is_imported_at_its_own_time(error: dict[str, object]) -> None:
    """Chrome counts the time until the last message as waiting for the response."""
    archive = handed()
    response = archive["log"]["entries"][0]["response"]
    del response["_error"]
    response |= error
    events, faults = read(json.dumps(archive).encode())
    assert [told(one) for one in events] == WHOLE
    assert faults == []
    assert "upgrade_ms" not in (events[1].meta or {})


def test_i3_an_archive_of_playwright_has_times_in_milliseconds() -> None:
    events, faults = read((FOLDER / "playwright.har").read_bytes())
    assert faults == []
    at = 1_795_957_990_000_000_000
    assert [(one.name, one.source.connection, (one.ts_ns - at) // 1_000, one.payload) for one in events] == [
        ("connection.started", "127.0.0.1", 327_000, None),
        ("connection.completed", "127.0.0.1", 337_857, None),
        ("message.sent", "127.0.0.1", 337_857, b'{"op":"sub"}'),
        ("message.sent", "127.0.0.1", 338_054, b"\x01\x02\x03"),
        ("connection.started", "127.0.0.1-2", 347_000, None),
        ("connection.completed", "127.0.0.1-2", 362_859, None),
        ("message.sent", "127.0.0.1-2", 362_859, b"stay"),
        ("message.received", "127.0.0.1-2", 380_009, b"stay"),
        ("message.received", "127.0.0.1", 546_895, '{"n":0,"t":"ünï"}'.encode()),
        ("connection.started", "127.0.0.1-3", 649_000, None),
        ("connection.disconnected", "127.0.0.1-3", 649_000, None),
        ("message.received", "127.0.0.1", 750_407, '{"n":1,"t":"ünï"}'.encode()),
        ("message.received", "127.0.0.1", 954_021, '{"n":2,"t":"ünï"}'.encode()),
        ("message.received", "127.0.0.1", 1_160_092, '{"n":3,"t":"ünï"}'.encode()),
    ]
    assert (events[10].error_type, events[10].error) == (
        "browser",
        "Error in connection establishment: net::ERR_UNSAFE_PORT",
    )


@pytest.mark.parametrize(("name", "after_s"), [("playwright-refused.har", 0.0), ("chrome-refused.har", 0.01)])
def test_i4_a_refused_connection_has_the_reason_of_the_file(name: str, after_s: float) -> None:
    events, faults = read((FOLDER / name).read_bytes())
    assert faults == []
    assert [told(one)[:2] for one in events] == [("connection.started", 0.0), ("connection.disconnected", after_s)]
    end = events[-1]
    assert (end.from_status, end.status, end.close_code, end.close_by) == ("connecting", None, None, "network")
    assert (end.error_type, end.error) == (
        "tcp_refused",
        "Error in connection establishment: net::ERR_CONNECTION_REFUSED",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", ("dns", "network", None)),
        ("net::ERR_CERT_AUTHORITY_INVALID", ("tls_certificate", "us", None)),
        ("net::ERR_SSL_PROTOCOL_ERROR", ("tls", "network", None)),
        ("net::ERR_INTERNET_DISCONNECTED", ("tcp_unreachable", "network", None)),
        ("net::ERR_CONNECTION_TIMED_OUT", ("open_timeout", "network", None)),
        ("net::ERR_TUNNEL_CONNECTION_FAILED", ("proxy", "proxy", None)),
        ("Error during WebSocket handshake: Unexpected response code: 403", ("http_status", "refusal", 403)),
        ("something new", ("browser", "", None)),
    ],
)
def test_i4_errors_of_browsers_get_the_types_of_wsmon(text: str, expected: tuple[str, str, int | None]) -> None:
    archive = handed("playwright-refused.har")
    archive["log"]["entries"][0]["response"]["_failureText"] = text
    (_, end), _ = read(json.dumps(archive).encode())
    assert (end.error_type, end.close_by, end.status) == expected
    assert end.error == text


def test_i5_a_mark_of_order_is_no_reason_to_refuse_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "fiddler.har"
    path.write_bytes(b"\xef\xbb\xbf" + (FOLDER / "chrome.har").read_bytes())
    with replaying(tmp_path / "new.db") as replay:
        report = import_files([str(path)], None, replay)
    assert (report.events, report.named) == (6, [])
    assert [told(one) for one in stored_events(tmp_path / "new.db")] == WHOLE


def test_i5_numbers_that_are_null_are_not_known() -> None:
    timings = {"blocked": None, "dns": None, "ssl": None, "connect": None, "send": None, "wait": None, "receive": None}
    events, faults = read(json.dumps(handed(time=None, timings=timings, serverIPAddress=None)).encode())
    assert [told(one) for one in events] == WHOLE
    assert faults == []


def test_i5_a_frame_without_opcode_is_read_as_text_and_that_is_said() -> None:
    archive = handed()
    for message in messages(archive):
        del message["opcode"]
    events, faults = read(json.dumps(archive).encode())
    assert [told(one) for one in events] == [*WHOLE[:4], ("message.received", 2.75, b"AAECAwQFBgc="), WHOLE[5]]
    assert faults == [Fault(1, "4 messages: `opcode` is missing, text was assumed", "message", 0)]


def test_i5_half_a_character_is_shown_as_one_that_is_not_known() -> None:
    archive = handed()
    messages(archive)[1]["data"] = "emoji cut \ud83d"
    events, faults = read(json.dumps(archive).encode())
    assert events[3].payload == "emoji cut \ufffd".encode()
    assert faults == [Fault(1, "1 message: half a character (a lone surrogate), replaced by �", "message", 0)]


def test_i5_code_and_reason_of_http_toolkit_are_kept() -> None:
    events, faults = read((FOLDER / "http-toolkit.har").read_bytes())
    assert faults == []
    end = events[-1]
    assert told(end) == ("connection.disconnected", 4.1, None)
    assert (end.close_code, end.reason, end.close_by) == (4001, "token expired", "")
    assert end.error == f"closed with 4001 token expired {UNKNOWN_SIDE}"


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        ("aborted", (3.9, None, "network", "", "aborted: the file has no close frame")),
        # HTTP Toolkit counts from the start of the program
        ({"code": 1000, "reason": "", "timestamp": 12.5}, (3.9, 1000, "", "", f"closed with 1000 {UNKNOWN_SIDE}")),
        ({"code": None, "reason": None, "timestamp": None}, (3.9, None, "", "", "")),
    ],
)  # fmt: skip
def test_i5_other_ends_of_http_toolkit(close: object, expected: tuple[object, ...]) -> None:
    events, _ = read(json.dumps(handed("http-toolkit.har", _webSocketClose=close)).encode())
    end = events[-1]
    assert end.to_status == "disconnected"
    assert (told(end)[1], end.close_code, end.close_by, end.reason, end.error) == expected


@pytest.mark.parametrize("close", [None, "soon", 7, []])
def test_a_session_whose_end_the_file_does_not_tell_has_none(close: object) -> None:
    events, _ = read(json.dumps(handed("http-toolkit.har", _webSocketClose=close)).encode())
    assert [told(one)[0] for one in events][-1] == "message.received"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"type": "receive", "opcode": 8, "data": "D6Fub3BlIQ=="}, (4001, "peer", "nope!")),
        ({"type": "send", "opcode": 8, "data": "A+g="}, (1000, "us", "")),
        ({"type": "receive", "opcode": 8, "data": None}, (None, "peer", "")),
        ({"type": "receive", "opcode": 8, "data": "", "code": 1012, "reason": "restart"}, (1012, "peer", "restart")),
    ],
)
def test_a_close_frame_is_the_end_by_its_side(frame: dict[str, object], expected: tuple[object, ...]) -> None:
    archive = handed()
    messages(archive).append({"time": 1764403204.5, **frame})
    messages(archive).append({"time": 1764403204.6, "type": "send", "opcode": 8, "data": "A+k="})
    events, faults = read(json.dumps(archive).encode())
    assert faults == []
    assert told(events[-1]) == ("connection.disconnected", 4.5, None)
    assert (events[-1].close_code, events[-1].close_by, events[-1].reason) == expected


@pytest.mark.parametrize(("by", "to"), [("application", "closed"), ("peer", "disconnected"), ("us", "disconnected")])
def test_an_end_by_the_application_of_a_relay_is_no_loss(by: str, to: str) -> None:
    archive = handed("http-toolkit.har", _webSocketClose=None, _closeBy=by, _closeCode=1000, _closeReason="done")
    events, _ = read(json.dumps(archive).encode())
    end = events[-1]
    assert (end.to_status, end.close_by, end.close_code, end.reason) == (to, by, 1000, "done")


def test_an_error_frame_on_an_open_connection_is_its_end() -> None:
    archive = handed()
    text = "Invalid frame header"
    messages(archive).append({"type": "error", "time": 1764403204.5, "opcode": -1, "data": text})
    events, faults = read(json.dumps(archive).encode())
    assert faults == []
    assert told(events[-1]) == ("connection.disconnected", 4.5, None)
    assert (events[-1].from_status, events[-1].error_type, events[-1].error) == ("websocket_connected", "browser", text)


def test_an_archive_of_mitmproxy_has_urls_of_http() -> None:
    events, faults = read((FOLDER / "mitmproxy.har").read_bytes())
    assert faults == []
    assert [(one.name, one.direction, one.payload) for one in events] == [
        ("connection.started", "", None),
        ("connection.completed", "", None),
        ("message.sent", "out", b'{"op":"sub"}'),
        ("message.received", "in", b'{"op":"sub"}'),
        ("message.sent", "out", b"\x00\xff\x01"),
        ("message.received", "in", b"\x00\xff\x01"),
        ("message.sent", "out", "ünï bye".encode()),
        ("message.received", "in", "ünï bye".encode()),
        ("message.sent", "out", b"bye"),
        ("message.received", "in", b"bye"),
        ("connection.started", "", None),
        ("connection.disconnected", "", None),
    ]
    assert str((events[0].meta or {})["url"]).startswith("ws://127.0.0.1:")
    refused = events[-1]
    assert (refused.status, refused.error_type, refused.close_by, refused.error) == (
        403,
        "http_status",
        "refusal",
        "HTTP 403 Forbidden",
    )


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (7, "the message must be an object (got 7)"),
        ({"type": "up"}, "`type` must be send or receive (got 'up')"),
        ({"opcode": 0}, "`opcode` must be 1, 2, 8, 9 or 10 (got 0)"),
        ({"opcode": "text"}, "`opcode` must be 1, 2, 8, 9 or 10 (got 'text')"),
        ({"data": {"a": 1}}, "`data` must be a string (got {'a': 1})"),
        ({"time": "soon"}, f"`time` {TIME} (got 'soon')"),
        (
            {"time": 3.5},
            "`time` must be a time since 1970 (got 3.5): times from the start of a recording cannot be placed",
        ),
    ],
)
def test_one_bad_frame_costs_that_frame_and_is_named(frame: object, problem: str) -> None:
    archive = handed()
    bad: Any = frame if not isinstance(frame, dict) else messages(archive)[1] | frame
    messages(archive).insert(2, bad)
    events, faults = read(json.dumps(archive).encode())
    assert [told(one) for one in events] == WHOLE
    assert faults == [Fault(1, f"1 message: {problem}", "message", 1)]


def test_a_message_without_time_or_data_stays_where_it_is() -> None:
    archive = handed()
    del messages(archive)[1]["time"]
    messages(archive)[1]["data"] = None
    events, faults = read(json.dumps(archive).encode())
    assert [told(one) for one in events] == [*WHOLE[:3], ("message.received", 1.09, None), *WHOLE[4:]]
    assert (events[3].size, events[3].truncated) == (0, True)
    assert faults == [
        Fault(1, "1 message: `time` is missing, placed right after the previous message", "message", 0),
        Fault(1, "1 message: `data` is missing, so the content is unknown", "message", 0),
    ]


def test_an_entry_without_the_optional_keys_is_imported() -> None:
    """As Firefox writes one: without messages, with a status and nearly nothing else."""
    entry = {
        "startedDateTime": "2025-11-29T09:00:00.000+01:00",
        "request": {"url": "wss://feed.example/ws"},
        "response": {"status": 101},
    }
    events, faults = read(har(entry))
    assert [told(one) for one in events] == [("connection.started", 0.0, None), ("connection.completed", 0.0, None)]
    assert faults == [Fault(1, "the file contains no messages of this connection", "entry", 0)]


def test_chromes_time_of_before_1970_is_that_of_the_entry_before() -> None:
    page = {"startedDateTime": "2025-11-29T08:00:00Z", "request": {"url": "https://a/"}, "response": {"status": 200}}
    refused = handed("chrome-refused.har", startedDateTime="1969-12-31T23:59:59.000Z", time=12657026.9)
    messages(refused)[0]["time"] = 12656.02
    events, faults = read(har(page, refused["log"]["entries"][0]))
    assert [told(one)[:2] for one in events] == [("connection.started", 0.0), ("connection.disconnected", 0.0)]
    assert faults == [
        Fault(
            2,
            "`startedDateTime` must be between 1970 and 2255 (got '1969-12-31T23:59:59.000Z'); "
            "placed at the time of the previous entry",
            "entry",
            0,
        )
    ]


def test_requests_over_http_are_left_out_in_silence() -> None:
    odd = [
        {"request": {"url": "https://a/"}},
        {"request": {"url": "data:text/plain,x"}, "response": None, "timings": [], "startedDateTime": 7},
        {"request": {"url": "http://[broken/"}},
    ]
    assert list(har_events(har(*odd))) == []


def test_sessions_to_several_addresses_of_a_host_are_several_connections() -> None:
    entries = [
        chrome(request={"url": url}, startedDateTime=f"2026-01-10T14:0{minute}:00Z", _webSocketMessages=[])
        for minute, url in enumerate(["wss://h.example/a?t=1", "wss://h.example/b", "wss://h.example/a?t=2"])
    ]
    events, _ = read(har(*entries))
    starts = [one.source.connection for one in events if one.name == "connection.started"]
    assert starts == ["h.example", "h.example-2", "h.example"]


# A value of each kind, to be put in place of any other
ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


def changed(draw: st.DrawFn) -> bytes:
    """A file with other values in some places."""
    archive = handed(draw(st.sampled_from(sorted(one.name for one in FOLDER.glob("*.har")))))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = archive["log"]["entries"]
        while keys := list(place) if isinstance(place, dict) else list(range(len(place))):
            key = draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or draw(st.integers(0, 4)) == 0:
                place[key] = draw(ODD)
                break
            place = place[key]
    return json.dumps(archive).encode("utf-8", "surrogatepass")


ARCHIVES = st.composite(changed)()


@given(ARCHIVES)
def test_any_value_in_any_place_is_an_event_or_a_fault(archive: bytes) -> None:
    events, faults = read(archive)
    assert all(fault.problem for fault in faults)
    assert all(0 <= one.ts_ns < 2**63 for one in events)
    assert all(one.size is not None for one in events if one.opcode)
    assert msgspec.json.encode(events)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ARCHIVES)
def test_a_store_takes_whatever_an_archive_has_or_the_import_says_no(tmp_path: Path, archive: bytes) -> None:
    path, new = tmp_path / "a.har", tmp_path / "new.db"
    path.write_bytes(archive)
    new.unlink(missing_ok=True)
    # Sums that a store cannot count are an error in words; anything else that is raised fails here
    with suppress(WsmonError), replaying(new) as replay:
        import_files([str(path)], None, replay)


@pytest.mark.parametrize("code", [10**30, -1, 65_536, True, "1000", 1.5])
def test_a_close_code_that_is_none_is_left_out(code: object) -> None:
    close = {"code": code, "reason": "bye", "timestamp": 1764403204.1}
    events, _ = read(json.dumps(handed("http-toolkit.har", _webSocketClose=close)).encode())
    assert (told(events[-1])[:2], events[-1].close_code) == (("connection.disconnected", 4.1), None)


@pytest.mark.parametrize("mask", ["[FILTERED]", "%5BFILTERED%5D"])
def test_i5_a_masked_password_in_a_url_is_no_address_in_brackets(mask: str) -> None:
    request = {"method": "GET", "url": f"wss://user:{mask}@echo.example.org:8443/", "headers": []}
    events, faults = read(har(chrome(request=request, serverIPAddress="192.0.2.1")))
    assert faults == []
    assert (events[0].meta or {})["url"] == "wss://[FILTERED]@echo.example.org:8443/"
    assert (events[1].source.connection, (events[1].meta or {})["peer"]) == ("echo.example.org", "192.0.2.1:8443")


def test_compressed_messages_are_decoded_before_they_are_masked() -> None:
    text = b'{"password":"canary-1234567890"}'
    data = base64.b64encode(gzip.compress(text, mtime=0)).decode()
    messages: list[dict[str, object]] = [
        {"type": "receive", "time": T0_NS / 1e9 + 2, "opcode": 2, "data": data},
        {"type": "receive", "time": T0_NS / 1e9 + 3, "opcode": 1, "data": data},
        {"type": "receive", "time": T0_NS / 1e9 + 4, "opcode": 2, "data": data, "_truncated": True},
    ]
    events = [one for one in har_events(har(chrome(_webSocketMessages=messages))) if isinstance(one, Event)]
    size = len(gzip.compress(text, mtime=0))
    assert [
        (event.opcode, event.size, event.encoding, event.payload) for event in events if event.category == "message"
    ] == [
        ("binary", size, "gzip", b'{"password":"[FILTERED]"}'),
        ("text", len(data), "base64+gzip", b'{"password":"[FILTERED]"}'),
        ("binary", size, "", gzip.compress(text, mtime=0)),
    ]
