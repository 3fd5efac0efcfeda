"""Events: categories, which of them are problems, and the ids of traces and sessions."""

from __future__ import annotations

import pytest

from tests.support.builders import event
from wsmon.model.events import EVENT_MEANINGS, EVENT_NAMES, PROBLEM_NAMES, EventName, connection_id, span_id, trace_id


def test_the_category_is_the_first_part_of_the_name() -> None:
    assert {event(name).category for name in EVENT_NAMES} == {
        "message", "heartbeat", "connection", "subscription", "auth", "error", "incident", "self", "trace",
    }  # fmt: skip
    assert event("connection.reconnect.failed").category == "connection"


@pytest.mark.parametrize(
    ("name", "error_type", "expected"),
    [
        ("message.received", "", False),
        ("message.received", "decode", True),
        ("incident.opened", "", True),
        ("incident.closed", "", False),
        ("connection.disconnected", "", True),
        ("auth.completed", "", False),
    ],
)
def test_a_problem_has_an_error_or_a_name_of_trouble(name: EventName, error_type: str, *, expected: bool) -> None:
    assert event(name, error_type=error_type).is_problem is expected


@pytest.mark.parametrize(
    ("to_status", "fields", "expected"),
    [
        ("closed", {"close_by": "us", "reason": "wsmon stopped"}, False),
        ("closed", {"close_by": "us", "close_code": 1000, "reason": "wsmon stopped"}, False),
        ("closed", {"close_by": "application", "close_code": 1001}, False),
        ("closed", {"close_by": "application", "close_code": 1005}, False),
        ("closed", {"close_by": "application", "close_code": 1011}, True),
        ("closed", {"close_by": "application", "close_code": 4001}, True),
        ("closed", {"close_by": "application", "error_type": "eof"}, True),
        ("closed", {"close_by": "us", "error_type": "internal"}, True),
        ("disconnected", {"close_by": "peer", "close_code": 1000}, True),
        ("disconnected", {"close_by": "network"}, True),
        ("error", {}, True),
        (None, {}, True),
    ],
)
def test_an_end_that_was_wanted_is_no_problem(to_status: str, fields: dict[str, object], *, expected: bool) -> None:
    assert event("connection.disconnected", 0, "a", to_status=to_status, **fields).is_problem is expected


def test_every_name_has_a_meaning_for_the_reference() -> None:
    assert tuple(EVENT_MEANINGS) == EVENT_NAMES
    assert all(EVENT_MEANINGS.values())


def test_names_of_trouble_are_event_names() -> None:
    assert set(EVENT_NAMES) >= PROBLEM_NAMES


def test_ids_are_lowercase_hex_of_their_bytes() -> None:
    assert trace_id(bytes(range(0xF0, 0x100))) == "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    assert connection_id(bytes.fromhex("00F067AA0BA902B7")) == "00f067aa0ba902b7"
    assert span_id(bytes.fromhex("00F067AA0BA902B7")) == "00f067aa0ba902b7"


def test_an_id_is_never_all_zeros_which_w3c_forbids() -> None:
    assert (trace_id(bytes(16)), span_id(bytes(8))) == (f"{1:032x}", f"{1:016x}")


@pytest.mark.parametrize("length", [0, 7, 9, 16])
def test_an_id_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"needs 8 random bytes, not {length}"):
        span_id(b"x" * length)


@pytest.mark.parametrize(
    ("opcode", "encoding", "payload", "encoded", "is_text"),
    [
        ("text", "", b"a", "", True),
        ("binary", "", b"a", "", False),
        ("binary", "gzip", b"a", "gzip", True),
        ("binary", "gzip", b"\xff", "gzip", False),
        ("binary", "gzip", None, "gzip", True),
        ("binary", 5, b"a", "", False),
    ],
)
def test_what_was_decoded_to_a_text_is_text(
    opcode: str, encoding: object, payload: bytes | None, encoded: str, *, is_text: bool
) -> None:
    meta = {"encoding": encoding} if encoding else None
    of = event("message.received", opcode=opcode, payload=payload, meta=meta)
    assert (of.encoding, of.holds_text) == (encoded, is_text)
