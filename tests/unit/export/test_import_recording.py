"""Recordings of frames, of wsmon's own kind and as cryptofeed and tardis write them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import T0_NS
from tests.support.exports import RECORDING, frame, lines
from wsmon.export.import_recording import is_recording, recording_events
from wsmon.export.import_session import Fault
from wsmon.model.events import Event


def read(*texts: bytes) -> tuple[list[Event], list[Fault]]:
    """Events and faults of a recording."""
    found = list(recording_events(texts, "feed"))
    return [one for one in found if isinstance(one, Event)], [one for one in found if isinstance(one, Fault)]


def told(event: Event) -> tuple[str, float, str, int | None, bytes | None]:
    """Name, seconds, direction, size and payload."""
    return event.name, (event.ts_ns - T0_NS) / 1e9, event.direction, event.size, event.payload


def test_a_recording_is_sessions_with_their_frames() -> None:
    events, faults = read(*RECORDING)
    assert [told(one) for one in events] == [
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
    assert [one.line for one in faults] == [3, 7]
    ends = [(one.close_code, one.close_by, one.reason, one.duration_ns) for one in events if one.close_by]
    assert ends == [(1001, "peer", "bye", 3 * 10**9), (1000, "us", "", 10**9)]
    assert {(one.source.connection, one.source.run) for one in events} == {("feed", 1)}
    assert len({one.source.connection_id for one in events}) == 2
    assert [one.id for one in events] == list(range(1, 12))
    assert all(before.mono_ns <= after.mono_ns for before, after in pairwise(events))


def test_a_recording_read_again_has_the_same_ids() -> None:
    assert list(recording_events(RECORDING, "feed")) == list(recording_events(RECORDING, "feed"))


@pytest.mark.parametrize(
    "ts",
    [
        b"1768053744.5",
        b'"1768053744.5"',
        b"1768053744500",
        b"1768053744500000",
        b"1768053744500000000",
        b'"2026-01-10T14:02:24.500000000Z"',
        b'"2026-01-10 15:02:24,5+01:00"',
    ],
)
def test_i6_the_time_of_a_frame_may_be_a_number_or_a_text(ts: bytes) -> None:
    events, faults = read(b'{"ts":%s,"dir":"in","type":"text","data":"x"}' % ts)
    assert faults == []
    assert told(events[-1]) == ("message.received", 0.5, "in", 1, b"x")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"ts":null,"dir":"in","type":"text"}', "`ts` must be an RFC 3339 string such as "),
        (b'{"ts":3.25,"dir":"in","type":"text"}', "`ts` must be a time since 1970 (got 3.25): times from the start"),
        (b'{"ts":1768053744,"dir":"up","type":"text"}', "`dir` must be in or out (got 'up')"),
        (b'{"ts":1768053744,"dir":"in","type":"binary","data":"?","binary":true}', "`data` must be base64: "),
        (b'{"ts":1768053744,"dir":"in","type":"text","data":{"code":1}}', "`data` must be a string (got an object)"),
        (b'{"ts":1768053744,"dir":"in"', "invalid JSON: it ends early"),
        (b"1768053744", "the line must be a frame or a time and a message (got '1768053744')"),
        (b"\xff\xfe\x00", "must be a frame or a time and a message"),
        (b"1768053744.5: b'unfinished", "the message is not a valid Python bytes literal"),
        (b"1768053744.5: b'a', 1", "the message is not a valid Python bytes literal"),
        (b"12.5: {}", "the time must be a time since 1970 (got 12.5)"),
    ],
)
def test_i6_a_line_that_cannot_be_read_costs_that_line(line: bytes, problem: str) -> None:
    good = lines(frame(0, "in", "text", "a"), frame(1, "in", "text", "b"))
    events, faults = read(good[0], line, good[1])
    assert [one.payload for one in events if one.payload] == [b"a", b"b"]
    assert [one.line for one in faults] == [2]
    assert problem in faults[0].problem


def test_i6_lines_of_tardis_are_messages_and_their_empty_lines_lost_connections() -> None:
    events, faults = read(
        b'2026-01-10T14:02:25.1234567Z {"a":1}\n',
        b'2026-01-10T14:02:26.0000000Z {"a":2}\n',
        b"\n",
        b'2026-01-10T14:02:30.0000000Z {"a":3}\n',
        b"\n",
    )
    assert faults == []
    assert [told(one) for one in events] == [
        ("connection.started", 1.1234567, "", None, None),
        ("connection.completed", 1.1234567, "", None, None),
        ("message.received", 1.1234567, "in", 7, b'{"a":1}'),
        ("message.received", 2.0, "in", 7, b'{"a":2}'),
        ("connection.disconnected", 2.0, "", None, None),
        ("connection.started", 6.0, "", None, None),
        ("connection.completed", 6.0, "", None, None),
        ("message.received", 6.0, "in", 7, b'{"a":3}'),
    ]
    end = events[4]
    assert (end.close_code, end.close_by, end.error) == (
        None,
        "",
        "the file has an empty line, which marks a lost connection",
    )


def test_i6_lines_of_cryptofeed_are_what_was_received_sent_and_dialled() -> None:
    events, faults = read(
        b"configuration: {'exchange': 'X'}",
        b"wss://x.example/ws?token=canary-1234567890 <-> 1768053744.0",
        b'wss://x.example/ws?token=canary-1234567890 <- 1768053744.5: {"op":"subscribe"}',
        b'1768053745.25: {"a":"canary-1234567890"}',
        b"",
        b"https://x.example/rest -> 1768053745.5: {}",
        b"1768053746.0: b'\\x1f\\x8b'",
        b"wss://x.example/ws <-> 1768053750.0",
        b"1768053751.0: [2]",
    )
    assert faults == []
    assert [told(one) for one in events] == [
        ("connection.started", 0.0, "", None, None),
        ("connection.completed", 0.5, "", None, None),
        ("message.sent", 0.5, "out", 18, b'{"op":"subscribe"}'),
        ("message.received", 1.25, "in", 25, b'{"a":"[FILTERED]"}'),
        ("message.received", 2.0, "in", 2, b"\x1f\x8b"),
        ("connection.disconnected", 2.0, "", None, None),
        ("connection.started", 6.0, "", None, None),
        ("connection.completed", 7.0, "", None, None),
        ("message.received", 7.0, "in", 3, b"[2]"),
    ]
    assert (events[0].meta or {})["url"] == "wss://x.example/ws?token=[FILTERED]"
    assert events[5].error == "the file has a new connection without an end of the session before"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"ts":1,"dir":"in","type":"text"}', True),
        (b'{"ts":1,"name":"message.sent"}', False),
        (b"1768053744.5: {}", True),
        (b"2026-01-10T14:02:25.1234567Z {}", True),
        (b"configuration: {}", True),
        (b"wss://x <-> 1768053744", True),
        (b"hello world", False),
        (b"{", False),
        (b"", False),
    ],
)
def test_a_line_tells_whether_it_is_one_of_a_recording(line: bytes, expected: bool) -> None:
    assert is_recording(line) is expected


@given(st.lists(st.binary(max_size=60) | st.sampled_from(RECORDING)))
def test_any_bytes_are_events_or_faults(texts: list[bytes]) -> None:
    events, faults = read(*texts)
    assert [one.id for one in events] == list(range(1, len(events) + 1))
    assert len(faults) <= len(texts)


def test_a_frame_that_is_too_much_to_read_says_that_its_rest_was_masked() -> None:
    events, _ = read(*lines(frame(0, "out", "text", '{"token":"a"}' * 4_000), frame(1, "out", "text", '{"token":"a"}')))
    assert [one.meta for one in events if one.name == "message.sent"] == [{"masked": "budget"}, None]
