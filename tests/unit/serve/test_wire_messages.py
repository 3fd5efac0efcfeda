"""Messages as their server sent them: parts joined, envelopes and compression put back; what cannot be is counted."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import msgspec
import pytest

from tests.support.builders import event, message, numbered
from wsmon.model.events import Event
from wsmon.serve.wire_messages import ServedCounts, WireMessages


def sent(*events: Event, sockjs_from_id: int | None = None) -> tuple[list[tuple[str, bytes]], ServedCounts]:
    """What is sent again of these events, and its counts."""
    wire = WireMessages(sockjs_from_id)
    found = [*wire.feed(numbered(events)), *wire.end()]
    return [(each.opcode, each.payload) for each in found], wire.counts


def part(payload: str | bytes, number: int, parts: int, **meta: object) -> Event:
    return message(payload, meta={"part": number, "parts": parts, **meta})


def test_messages_stay_byte_for_byte() -> None:
    body = bytes(range(256))
    assert sent(message('{"a": 1}'), message(body), message("out", direction="out")) == (
        [("text", b'{"a": 1}'), ("binary", body)],
        ServedCounts(messages=2),
    )


def test_pings_of_the_peer_are_sent() -> None:
    ping = event("heartbeat.received", direction="in", opcode="ping", payload=b"p", size=1)
    assert sent(ping) == ([("ping", b"p")], ServedCounts())


def test_the_parts_of_a_frame_are_joined() -> None:
    assert sent(part("PING\r\n", 1, 2), part("MSG a 1 1\r\nx\r\n", 2, 2), message("+OK\r\n")) == (
        [("text", b"PING\r\nMSG a 1 1\r\nx\r\n"), ("text", b"+OK\r\n")],
        ServedCounts(messages=2),
    )


def test_a_message_over_two_frames_is_two_frames_again() -> None:
    first = message("MSG a 1 4\r\nab", meta={"partial": True})
    rest = message("MSG a 1 4\r\nabcd\r\n", size=4, meta={"joined_size": 17})
    assert sent(first, rest)[0] == [("text", b"MSG a 1 4\r\nab"), ("text", b"cd\r\n")]


def test_a_frame_with_a_lost_part_is_sent_without_it() -> None:
    assert sent(part("one", 1, 2), message("next"))[0] == [("text", b"one"), ("text", b"next")]
    assert sent(part("one", 1, 2))[0] == [("text", b"one")]


def test_messages_of_sockjs_get_their_envelope_back() -> None:
    events = (message("o", type="open"), part('{"a":"é"}', 1, 2), part("x", 2, 2), message("y"), message("h"))
    found, counts = sent(*events, sockjs_from_id=0)
    assert found == [
        ("text", b"o"),
        ("text", 'a["{\\"a\\":\\"é\\"}","x"]'.encode()),
        ("text", b'a["y"]'),
        ("text", b"h"),
    ]
    assert json.loads(found[1][1][1:]) == ['{"a":"é"}', "x"]
    assert counts == ServedCounts(messages=4, encoded=2)


def test_sockjs_that_is_recognised_later_includes_the_message_that_showed_it() -> None:
    shown = event("connection.protocol", type="sockjs")
    wire = WireMessages()
    list(wire.feed(numbered((message("o"), message("first"), shown, message("second")))))
    assert wire.sockjs_from_id == 2


@pytest.mark.parametrize(
    ("encoding", "decoded"),
    [
        ("gzip", gzip.decompress),
        ("zlib", zlib.decompress),
        ("deflate", lambda octets: zlib.decompress(octets, -15)),
        ("base64+gzip", lambda octets: gzip.decompress(base64.b64decode(octets))),
    ],
)
def test_compressed_messages_are_compressed_again(encoding: str, decoded: object) -> None:
    opcode = "text" if encoding.startswith("base64") else "binary"
    (found,), counts = sent(message('{"a":1}', opcode=opcode, size=40, meta={"encoding": encoding}))
    assert (found[0], decoded(found[1]), counts) == (  # type: ignore[operator] # a function of the table
        opcode,
        b'{"a":1}',
        ServedCounts(messages=1, encoded=1),
    )


def test_the_bytes_received_are_sent_where_they_are_kept() -> None:
    raw = base64.b64encode(b"\x81\xa1a\x01").decode()
    kept = message('{"a":1}', opcode="binary", meta={"encoding": "msgpack", "raw_base64": raw})
    assert sent(kept) == ([("binary", b"\x81\xa1a\x01")], ServedCounts(messages=1))


def test_what_cannot_be_given_back_is_counted() -> None:
    packed = message('{"a":1}', opcode="binary", meta={"encoding": "msgpack"})
    masked = message('{"token":"[FILTERED]"}', redacted=True)
    cut = message("abc", truncated=True, size=9)
    lost = msgspec.structs.replace(message("", size=9), payload=None)
    counted = event("message.batch_processed", meta={"received": {"count": 5, "total_size": 50}})
    assert sent(packed, masked, cut, lost, counted) == (
        [("binary", b'{"a":1}'), ("text", b'{"token":"[FILTERED]"}'), ("text", b"abc")],
        ServedCounts(messages=4, masked=1, cut=1, decoded=1, not_stored=6),
    )
    assert sent(packed, masked, cut, lost, counted)[1].altered == 9


def test_a_part_of_a_compressed_stream_is_in_the_message_that_ends_it() -> None:
    begins = message("", opcode="binary", size=9, meta={"encoding": "zlib-stream", "continues": True})
    assert sent(begins) == ([], ServedCounts(messages=1, encoded=1))
