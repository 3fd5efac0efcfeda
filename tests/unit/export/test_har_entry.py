"""What an entry of an archive says; what imports make of it is in ``test_import_har.py``."""

from __future__ import annotations

from typing import Any

import pytest

from wsmon.export.har_entry import HarEntry, read_entry, start_ns

AT_NS = 1_764_403_200_000_000_000


def raw(**changes: object) -> dict[str, Any]:
    """An entry of nearly nothing."""
    entry = {"startedDateTime": 1764403200, "request": {"url": "wss://h.example:8443/ws?a=1"}, "response": {}}
    return entry | changes


def read(creator: str = "", **changes: object) -> HarEntry:
    """What it says."""
    found = read_entry(raw(**changes), 1, creator, 0)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "is_socket"),
    [
        ({}, True),
        ({"request": {"url": "https://h/"}}, False),
        ({"request": {"url": "https://h/"}, "_resourceType": "websocket"}, True),
        ({"request": {"url": "https://h/"}, "_webSocketMessages": []}, True),
        ({"request": {"url": "https://h/"}, "_webSocketMessages": None}, False),
        ({"request": {"url": "https://h/", "headers": [{"name": "UPGRADE", "value": "WebSocket"}]}}, True),
        ({"request": {"url": "https://h/", "headers": [{"name": "Upgrade", "value": "h2c"}]}}, False),
    ],
)
def test_what_is_a_websocket(changes: dict[str, object], is_socket: bool) -> None:
    assert (read_entry(raw(**changes), 1, "", 0) is not None) is is_socket


def test_urls_of_http_get_the_scheme_of_a_websocket() -> None:
    found = read(request={"url": "https://h/ws?x=[1]"}, _webSocketMessages=[])
    assert (found.url, found.place, found.name) == ("wss://h/ws?x=[1]", "wss://h/ws", "h")


def test_only_wsmons_own_archives_have_its_names_and_ids() -> None:
    """``_connectionId`` of others is that of a TCP connection."""
    keys = {"_connection": "orders", "_connectionId": "0123456789abcdef", "_traceId": "mine", "_closeBy": "peer"}
    own, other = read("wsmon", **keys), read("WebInspector", **keys)
    assert (own.name, own.session_id, own.trace_id) == ("orders", "0123456789abcdef", "mine")
    assert (other.name, other.session_id, other.trace_id) == ("h.example", "", "")


@pytest.mark.parametrize(
    ("status", "expected"), [(101, 101), (403, 403), (0, None), (-1, None), (None, None), ("403", None), (10**9, None)]
)
def test_a_status_is_one_of_http_or_none(status: object, expected: int | None) -> None:
    assert read(response={"status": status}).status == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("", ""), ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("host", ""), (None, ""), (7, "")],
)
def test_an_address_is_one_of_ip_or_none(address: object, expected: str) -> None:
    assert read(serverIPAddress=address).address == expected


def test_durations_that_are_not_known_or_cannot_be_are_left_out() -> None:
    timings = {"dns": -1, "connect": 1.5, "ssl": None, "wait": 10**30, "send": 3}
    found = read(timings=timings, time=float("nan"))
    assert (found.timings, found.total_ms) == ({"connect": 1.5}, 0.0)


def test_chromes_waiting_is_no_handshake_once_there_are_messages() -> None:
    frames = [{"type": "send", "time": 1764403201, "opcode": 1, "data": "x"}]
    assert read("WebInspector", timings={"wait": 5}, _webSocketMessages=frames).timings == {}
    assert read("WebInspector", timings={"wait": 5}, _webSocketMessages=[]).timings == {"wait": 5.0}
    assert read("mitmproxy", timings={"wait": 5}, _webSocketMessages=frames).timings == {"wait": 5.0}


def test_headers_that_are_none_are_left_out() -> None:
    headers = [{"name": "A", "value": "1"}, {"name": "B"}, {"value": "2"}, None, {"name": "C", "value": 7}]
    assert read(response={"headers": headers}).response_headers == [("A", "1"), ("B", ""), ("C", "")]


@pytest.mark.parametrize(
    ("entry", "expected"), [(raw(), AT_NS), (raw(startedDateTime="soon"), 0), (raw(startedDateTime=None), 0), (7, 0)]
)
def test_when_an_entry_began(entry: object, expected: int) -> None:
    assert start_ns(entry) == expected
