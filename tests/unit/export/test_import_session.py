"""What imports share."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import message
from wsmon.config import checks
from wsmon.export.import_session import (
    Fault,
    connection_name,
    decoded,
    derived,
    in_order,
    opening,
    session_decoding,
    session_source,
)
from wsmon.model.events import Event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BINANCE.ws.12", "BINANCE.ws.12"),
        ("my feed (2)", "my-feed-2"),
        ("evil\x1b[2J\u202e", "evil-2J"),
        ("…", "fallback"),
        ("", "fallback"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_name_of_a_file_becomes_one_of_a_configuration(text: str, expected: str) -> None:
    assert connection_name(text, "fallback") == expected


@given(st.text())
def test_any_text_becomes_a_name(text: str) -> None:
    checks.connection_name(connection_name(text, "fallback"))


def test_ids_are_the_same_each_time_and_of_the_right_length() -> None:
    source = session_source("feed", 7, 1)
    assert source == session_source("feed", 7, 1)
    assert source.connection_id != session_source("feed", 7, 2).connection_id
    assert source.trace_id == session_source("feed", 8).trace_id == derived(16, "feed")
    assert (len(source.trace_id), len(source.connection_id)) == (32, 16)


def test_a_session_begins_with_a_dial_and_its_success() -> None:
    started, done = opening(session_source("feed"), 9, {"url": "ws://h/", "dns_ms": 1.0}, "disconnected", 4)
    assert (started.name, started.ts_ns, started.from_status, started.to_status) == (
        "connection.started",
        5,
        "disconnected",
        "connecting",
    )
    assert (started.meta, done.meta) == ({"attempt": 1, "url": "ws://h/"}, {"dns_ms": 1.0})
    assert (done.name, done.ts_ns, done.duration_ns, done.status) == ("connection.completed", 9, 4, 101)


def test_monotonic_times_follow_wall_times_and_stand_still_where_those_go_back() -> None:
    at = [0, 3, 2, 5]
    events = [replace(message("x"), ts_ns=second) for second in at]
    found = list(in_order([events[0], Fault(2, "oops"), *events[1:]]))
    assert [one.id if isinstance(one, Event) else one for one in found] == [1, Fault(2, "oops"), 2, 3, 4]
    mono = [one.mono_ns for one in found if isinstance(one, Event)]
    assert [each - mono[0] for each in mono] == [0, 3, 3, 5]


def test_messages_are_decoded_by_their_first_bytes_and_control_frames_are_not() -> None:
    decoding, payload = session_decoding(), gzip.compress(b"{}", mtime=0)
    assert decoded(decoding, "in", "binary", payload) == (b"{}", {"encoding": "gzip"})
    assert decoded(decoding, "in", "ping", payload) == (payload, {})
    assert decoded(decoding, "in", "text", b"{}") == (b"{}", {})
