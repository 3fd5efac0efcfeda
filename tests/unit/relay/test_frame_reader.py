"""Frames of a relayed connection: what is read, what is left out with its size, and what ends the reading."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate

from tests.support.frame_notes import FrameNotes, Read, frame, open_reader, raw_frame, read_from
from wsmon.relay.frame_reader import LARGE, LOST
from wsmon.relay.inflater import DROPPED_BYTES

DEFLATE = "permessage-deflate"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def encoder() -> PerMessageDeflate:
    """What compresses the messages of one direction."""
    return PerMessageDeflate(False, False, 15, 15)


def deflated(payload: bytes) -> bytes:
    """A payload compressed without a context."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("mask", [False, True])
def test_messages_and_control_frames_are_read_in_their_order(mask: bool) -> None:
    head = 6 if mask else 2
    data = b"".join(
        (
            frame(TEXT, "grün".encode(), mask=mask),
            frame(BINARY, b"\xff", mask=mask),
            frame(TEXT, b"one ", fin=False, mask=mask),
            frame(PING, b"p", mask=mask),
            frame(0, b"two ", fin=False, mask=mask),
            frame(PONG, b"q", mask=mask),
            frame(0, b"three", mask=mask),
            frame(CLOSE, b"\x03\xe8bye", mask=mask),
        )
    )
    assert read_from([data], is_masked=mask) == [
        ("text", "grün".encode(), head + 5, 1),
        ("binary", b"\xff", head + 1, 1),
        ("ping", b"p", head + 1),
        ("pong", b"q", head + 1),
        ("text", b"one two three", 3 * head + 13, 3),
        ("close", 1000, "bye"),
    ]


def test_whole_messages_of_a_server_come_together() -> None:
    notes = FrameNotes()
    open_reader(notes).feed(frame(TEXT, b"aa") * 500 + frame(BINARY, b"bb") * 20)
    assert notes.groups == [500, 20]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 100_000])
def test_a_message_of_any_length_is_read_byte_by_byte_as_well(mask: bool, size: int) -> None:
    payload = bytes(index % 128 for index in range(size))
    data = frame(TEXT, payload, mask=mask)
    step = 1 if size < 1_000 else 997
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    assert read_from(pieces, is_masked=mask) == [("text", payload, len(data), 1)]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x83\x00", "invalid opcode"),
        (b"\x8b\x00", "invalid opcode"),
        (b"\xc1\x00", "reserved bits must be 0"),
        (b"\xa1\x00", "reserved bits must be 0"),
        (b"\x91\x00", "reserved bits must be 0"),
        (b"\x89\x7e\x00\x80", "control frame too long"),
        (b"\x09\x00", "fragmented control frame"),
        (b"\x80\x00", "unexpected continuation frame"),
        (b"\x01\x00\x01\x00", "expected a continuation frame"),
        (b"\x82\x7f\x80" + bytes(7), "a length of 64 bits with the first one set"),
        (b"\x82\x7f" + b"\xff" * 8, "a length of 64 bits with the first one set"),
    ],
)
def test_bytes_that_break_the_protocol_are_one_fault_and_are_only_counted_from_there(
    mask: bool, data: bytes, fault: str
) -> None:
    notes = FrameNotes()
    reader = open_reader(notes, is_masked=mask)
    reader.feed(frame(TEXT, b"before", mask=mask))
    if mask:
        heads = [data[:2], data[2:]] if data[:1] == b"\x01" else [data]
        data = b"".join(head[:1] + bytes((head[1] | 0x80,)) + head[2:] + bytes(4) for head in heads)
    reader.feed(data)
    reader.feed(b"garbage")
    reader.end()
    assert notes.read[0][:2] == ("text", b"before")
    assert notes.read[1:] == [("fault", "ProtocolError", fault)]
    assert 7 < reader.unread_bytes <= len(data) + 7


def test_a_server_that_masks_and_an_application_that_does_not_break_the_protocol() -> None:
    masked, plain = raw_frame(0x81, b"x", mask=True), raw_frame(0x81, b"x")
    fault: Read = ("fault", "ProtocolError", "incorrect masking")
    assert read_from([plain, masked]) == [("text", b"x", 3, 1), fault]
    assert read_from([masked, plain], is_masked=True) == [("text", b"x", 7, 1), fault]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("fragments", [1, 2])
def test_text_that_is_not_utf8_ends_the_reading(mask: bool, fragments: int) -> None:
    good, bad = frame(TEXT, b"ok", mask=mask), frame(TEXT, b"a\xff", mask=mask)
    if fragments == 2:
        bad = frame(TEXT, b"a", fin=False, mask=mask) + frame(0, b"\xff", mask=mask)
    notes = FrameNotes()
    reader = open_reader(notes, is_masked=mask)
    reader.feed(good + bad + good)
    assert [one[0] for one in notes.read] == ["text", "fault"]
    assert notes.read[1][1:] == (
        "InvalidUtf8Error",
        "invalid UTF-8 in a text message: invalid start byte at byte 1",
    )


@pytest.mark.parametrize(
    ("payload", "close", "fault"),
    [
        (b"", ("close", 1005, ""), None),
        (b"\x0f\xa0", ("close", 4000, ""), None),
        (b"\x03", ("close", 1005, ""), ("ProtocolError", "close frame too short")),
        (
            b"\x03\xeex",
            ("close", 1006, "x"),
            ("ProtocolError", "it closed with 1006 “x”, a code not allowed in a close frame"),
        ),
        (b"\x03\xe8\xff", ("close", 1000, "�"), ("UnicodeDecodeError", None)),
    ],
)
def test_a_close_frame_is_read_as_far_as_it_can_be(
    payload: bytes, close: Read, fault: tuple[str, str | None] | None
) -> None:
    read = read_from([frame(CLOSE, b"")[:1] + bytes((len(payload),)) + payload])
    assert read[0] == close
    if fault is None:
        assert len(read) == 1
    else:
        kind, sentence = fault
        assert read[1][:2] == ("fault", kind)
        assert sentence in (None, read[1][2])


@pytest.mark.parametrize("is_together", [False, True])
def test_data_behind_a_close_frame_is_a_fault(is_together: bool) -> None:
    notes = FrameNotes()
    reader = open_reader(notes)
    pieces = [frame(CLOSE, b""), frame(TEXT, b"late")]
    for piece in [b"".join(pieces)] if is_together else pieces:
        reader.feed(piece)
    assert notes.read == [("close", 1005, ""), ("fault", "ProtocolError", "data behind the close frame")]
    assert reader.unread_bytes == 6


@pytest.mark.parametrize("cut", [1, 5, 20, 200])
def test_an_http_response_in_place_of_a_frame_is_named(cut: int) -> None:
    data = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry"
    read = read_from([frame(TEXT, b"ok") + data[:cut], data[cut:]])
    fault: Read = ("fault", "HttpInStreamError", "after the upgrade the server sent HTTP/1.1 502 Bad Gateway")
    assert read == [("text", b"ok", 4, 1), fault]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("is_cut", [False, True])
def test_a_message_past_the_limit_is_reported_with_its_size_and_the_next_one_is_read(mask: bool, is_cut: bool) -> None:
    long = frame(BINARY, bytes(1_001), mask=mask)
    parts = frame(TEXT, bytes(600), fin=False, mask=mask) + frame(0, bytes(600), mask=mask)
    data = long + parts + frame(TEXT, b"next", mask=mask)
    pieces = [data[at : at + 100] for at in range(0, len(data), 100)] if is_cut else [data]
    assert read_from(pieces, is_masked=mask, limit_bytes=1_000)[:2] == [
        ("unread", "binary", 1_001, len(long), 1, LARGE),
        ("unread", "text", 1_200, len(parts), 2, LARGE),
    ]
    assert read_from(pieces, is_masked=mask, limit_bytes=1_000)[2][:2] == ("text", b"next")


def test_what_is_held_is_bounded_however_long_a_message_is_and_in_however_many_fragments() -> None:
    notes = FrameNotes()
    reader = open_reader(notes, limit_bytes=100_000)
    tracemalloc.start()
    reader.feed(b"\x02\x7f" + (2**62).to_bytes(8, "big"))
    for _ in range(200):
        reader.feed(bytes(65_536))
    other = open_reader(notes, limit_bytes=100_000)
    other.feed(frame(TEXT, b"", fin=False) + frame(0, b"x", fin=False) * 20_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    other.feed(frame(0, b"end"))
    assert notes.read == [("text", b"x" * 20_000 + b"end", 2 + 60_000 + 5, 20_002)]
    assert peak_bytes < 2_000_000


@pytest.mark.parametrize("mask", [False, True])
def test_compressed_messages_are_inflated_also_in_fragments_and_between_plain_ones(mask: bool) -> None:
    sent = [encoder()]
    data = (
        frame(TEXT, b"hello hello", mask=mask, extensions=sent)
        + frame(TEXT, b"plain", mask=mask)
        + frame(TEXT, b"hello ", fin=False, mask=mask, extensions=sent)
        + frame(PING, b"", mask=mask)
        + frame(0, b"hello again", mask=mask, extensions=sent)
        + frame(BINARY, bytes(90_000), mask=mask, extensions=sent)
    )
    for pieces in ([data], [data[at : at + 7] for at in range(0, len(data), 7)]):
        read = read_from(pieces, is_masked=mask, extensions=DEFLATE)
        assert [one[:2] for one in read if one[0] != "ping"] == [
            ("text", b"hello hello"),
            ("text", b"plain"),
            ("text", b"hello hello again"),
            ("binary", bytes(90_000)),
        ]


@pytest.mark.parametrize("extensions", [DEFLATE, f"{DEFLATE}; server_no_context_takeover"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_a_bomb_is_reported_with_its_size_and_what_follows_is_read(extensions: str, is_cut: bool) -> None:
    bomb = raw_frame(0xC1, b"")[:1] + b"\x7e"
    content = deflated(bytes(5_000_000))
    bomb += len(content).to_bytes(2, "big") + content
    data = raw_frame(0x81, b"a") + bomb + raw_frame(0xC1, deflated(b"after"))
    pieces = [data[at : at + 50] for at in range(0, len(data), 50)] if is_cut else [data]
    read = read_from(pieces, limit_bytes=10_000, extensions=extensions)
    assert read == [
        ("text", b"a", 3, 1),
        ("unread", "text", 5_000_000, len(bomb), 1, LARGE),
        ("text", b"after", 2 + len(deflated(b"after")), 1),
    ]


def test_after_too_many_bombs_compressed_messages_are_counted_and_plain_ones_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert DROPPED_BYTES == 64 * 1024 * 1024
    monkeypatch.setattr("wsmon.relay.inflater.DROPPED_BYTES", 1_000_000)
    content = deflated(bytes(800_000))
    bomb = b"\xc2\x7e" + len(content).to_bytes(2, "big") + content
    small = raw_frame(0xC1, deflated(b"small"))
    read = read_from([bomb + small + bomb + small + raw_frame(0x81, b"plain")], limit_bytes=1_000, extensions=DEFLATE)
    assert [one[0] for one in read] == ["unread", "text", "unread", "unread", "text"]
    assert read[0][2] == 800_000
    assert read[3] == ("unread", "text", len(small) - 2, len(small), 1, LOST)
    assert read[4][:2] == ("text", b"plain")


@pytest.mark.parametrize("is_cut", [False, True])
def test_corrupt_compression_is_a_fault(is_cut: bool) -> None:
    data = raw_frame(0xC1, b"\xff\xff\xff\xff") + raw_frame(0x81, b"after")
    pieces = [data[:3], data[3:]] if is_cut else [data]
    assert read_from(pieces, extensions=DEFLATE) == [("fault", "ProtocolError", "decompression failed")]


def test_with_an_extension_that_is_not_known_frames_are_counted_and_no_payload_is_read() -> None:
    data = raw_frame(0xB1, b"abc") + raw_frame(0x89, b"p") + raw_frame(0x21, b"d") + raw_frame(0x80, b"e")
    assert read_from([data], extensions="x-private; level=3") == [
        ("unread", "text", 3, 5, 1, "extension x-private; level=3"),
        ("ping", b"p", 3),
        ("unread", "text", 2, 6, 2, "extension x-private; level=3"),
    ]
