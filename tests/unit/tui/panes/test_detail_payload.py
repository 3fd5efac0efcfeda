"""Rows of an event and of its payload as JSON, text and bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from tests.support.builders import event, loss, message, numbered, refused, usable
from wsmon.model.events import EVENT_NAMES, Event, Verdict
from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.panes.detail_fields import DetailLayout
from wsmon.tui.panes.detail_payload import decode_payload, detail_rows, hexdump, row_bytes

PAGE = DetailLayout(60, UTC, UNICODE)
HOSTILE = "[/b]\x1b[31m\x1b]0;x\x07\x9b\u202e é红茶\x00"


def shown(each: Event, page: DetailLayout = PAGE) -> list[str]:
    lines = ["".join(text for text, _ in line) for line, *_ in detail_rows(each, decode_payload(each), page)]
    assert [line for line in lines if cell_len(line) > page.width] == []
    assert all(line.isprintable() for line in lines)
    return [line.rstrip() for line in lines]


def test_a_loss_begins_with_what_it_was_and_says_why() -> None:
    (each,) = numbered([loss(0.118)], 42)

    assert shown(each) == [
        "✕ Disconnected: deribit                  10 Jan 14:02:24.118",
        "",
        "“rate limit: 5 connections”, 1008, closed by peer",
        "",
        "Closed by    peer",
        "Code         1008 policy violation",
        "Reason       “rate limit: 5 connections”",
        "Received     close 1008, first",
        "Open for     400 ms",
        "Last in      a frame 120 ms before",
        "Last out     a frame 400 ms before",
        "Status       open → disconnected",
        "",
        "Event",
        "Time         2026-01-10 14:02:24.118000 UTC",
        "Event        42 connection.disconnected",
        "Connection   deribit",
        "Session      00f067aa0ba902b7",
        "Trace        4bf92f3577b34da6a3ce929d0e0e4736",
        "Run          1",
    ]


def test_a_verdict_says_what_it_means_and_what_to_do() -> None:
    verdict = Verdict(
        "peer", "1008 policy violation", "8 of the last 9 losses named a limit: too much", "send less", (7,)
    )
    lines = shown(msgspec.structs.replace(loss(0.118), verdict=verdict))

    assert lines[1:7] == [
        "",
        "8 of the last 9 losses named a limit: too much",
        "Suggested action:",
        "  send less",
        "",
        "Closed by    peer",
    ]
    assert "Evidence     #7 (press w)" in lines


def test_a_handshake_shows_its_phases_and_headers() -> None:
    lines = shown(usable())
    handshake = lines.index("Handshake")

    assert lines[handshake : handshake + 14] == [
        "Handshake",
        "DNS          3.0 ms",
        "TCP          11 ms",
        "TLS          160 ms",
        "Upgrade      38 ms",
        "Subprotocol  v1.stream",
        "Extensions   permessage-deflate",
        "",
        "Request headers",
        "Host: stream.example.net",
        "Authorization: [FILTERED]",
        "",
        "Response headers",
        "Upgrade: websocket",
    ]


def test_a_refused_upgrade_shows_status_and_body() -> None:
    lines = shown(refused())

    assert "HTTP status  403" in lines
    assert lines[lines.index("Response body") + 1] == "no key"


def test_json_is_indented() -> None:
    lines = shown(message('{"a":{"b":[1,"x"]},"c":null}'))
    start = lines.index("Payload  JSON · text · hex  f")

    assert lines[start + 1 : start + 10] == [
        "{",
        '  "a": {',
        '    "b": [',
        "      1,",
        '      "x"',
        "    ]",
        "  },",
        '  "c": null',
        "}",
    ]


def test_what_looks_like_json_and_is_not_is_text_and_says_so() -> None:
    lines = shown(message("[/b]"))

    start = lines.index("Payload  text · hex  f")
    assert lines[start + 1 : start + 3] == [
        "not valid JSON: JSON is malformed: invalid character (byte",
        "1)",
    ]


def test_a_payload_that_was_cut_is_json_up_to_the_cut_and_says_so() -> None:
    lines = shown(message('{"a":[1,2,"abc', size=9000, truncated=True, redacted=True))

    assert "Size         8.8 KiB (9,000 bytes), 18 B on the wire" in lines
    assert "Truncated    first 14 B stored" in " ".join(lines)
    assert "Redacted     credentials, before" in " ".join(lines)
    start = lines.index("Payload  JSON · text · hex  f")
    assert lines[start + 1 : start + 7] == [
        "{",
        '  "a": [',
        "    1,",
        "    2,",
        '    "abc',
        "truncated here before storing",
    ]


def test_binary_is_a_hexdump() -> None:
    lines = shown(message(b"\x00\x01Hello"))

    assert lines[lines.index("Payload  text · hex  f") + 1] == "0000 00 01 48 65  6c 6c 6f    ..Hello"


def test_binary_that_was_decoded_to_a_text_is_shown_as_one() -> None:
    decoded = [
        msgspec.structs.replace(message(payload), opcode="binary", meta={"encoding": "gzip"})
        for payload in (b'{"a":1}', b"plain", b"\xff\x00")
    ]
    found = [shown(each) for each in decoded]
    assert [lines[next(n for n, line in enumerate(lines) if line.startswith("Payload")) + 1] for lines in found] == [
        "{",
        "plain",
        "0000 ff 00                    ..",
    ]


def test_text_keeps_its_lines() -> None:
    lines = shown(message("one\r\ntwo\tx\n\nlast"))
    start = lines.index("Payload  text · hex  f")

    assert lines[start + 1 : start + 5] == ["one", "two    x", "", "last"]


def test_a_payload_that_was_not_kept_is_said() -> None:
    assert "not stored (capture.payloads, or the profile)" in shown(event("message.received", size=7, opcode="text"))


def test_what_stands_for_messages_shows_their_number_and_misses_no_payload() -> None:
    lines = shown(event("message.batch_processed", size=0, meta={"count": 1204, "total_size": 240_800}))

    assert not any("not kept" in line for line in lines)
    assert any("1204" in line for line in lines)
    assert any("240800" in line for line in lines)


def test_invalid_utf8_shows_where() -> None:
    assert "ab�c" in shown(message(b"ab\xffc", opcode="text"))


@pytest.mark.parametrize("name", EVENT_NAMES)
@pytest.mark.parametrize("width", [14, 39, 100])
@pytest.mark.parametrize("opcode", ["text", "binary"])
def test_hostile_text_in_any_field_stays_inside(name: str, width: int, opcode: str) -> None:
    meta = {
        "url": HOSTILE,
        "tls": {HOSTILE: HOSTILE},
        "body": HOSTILE * 50,
        "response_headers": [[HOSTILE, HOSTILE]],
        HOSTILE: [HOSTILE, {HOSTILE: None}],
    }
    fields = {"reason": HOSTILE, "error": HOSTILE, "error_type": HOSTILE, "type": HOSTILE, "topic": HOSTILE}
    each = message(HOSTILE.encode() + b"\xed\xa0\x80\xff", opcode=opcode)
    each = msgspec.structs.replace(each, name=name, meta=meta, **fields)

    assert shown(each, DetailLayout(width, UTC, UNICODE))
    assert [line for line in shown(each, DetailLayout(width, UTC, ASCII)) if not line.isascii()] == []


@pytest.mark.parametrize(
    "payload",
    [
        "[" + "1," * 500_000 + "1]",
        '{"a":"' + "x" * 1_000_000 + '"}',
        "[" * 1_000_000,
        "\x1b" * 1_000_000,
        "红茶" * 170_000,
        "x" * 1_000_000,
        b"\xff" * 1_000_000,
    ],
    ids=["numbers", "one text", "depth", "escapes", "wide", "letters", "binary"],
)
def test_a_mebibyte_on_a_line_gives_its_first_page_without_the_rest(payload: str | bytes) -> None:
    each = message(payload)
    lines = (row.line for row in detail_rows(each, decode_payload(each), PAGE))
    first = list(islice(lines, 30))

    assert len(first) == 30
    assert all(sum(cell_len(text) for text, _ in line) <= PAGE.width for line in first)


def test_a_text_inside_json_that_is_too_long_says_what_is_left_out() -> None:
    lines = shown(message('{"a":"' + "x" * 20_000 + '","b":1}'))

    assert "here 3,618 characters omitted: press x to export all of it" in lines
    assert '  "b": 1' in lines


def test_offset_digits_and_letters() -> None:
    assert list(hexdump(b"\x00\x01Hello\xff!" + b"x" * 9, 80)) == [
        ("0000", "00 01 48 65  6c 6c 6f ff  21 78 78 78  78 78 78 78", "..Hello.!xxxxxxx"),
        ("0010", "78 78" + " " * 45, "xx"),
    ]


@pytest.mark.parametrize("width", [9, 20, 40, 64, 80, 120, 200])
def test_lines_fit(width: int) -> None:
    widths = {len(" ".join(parts)) for parts in hexdump(bytes(64), width)}

    assert len(widths) == 1
    assert max(widths) <= width


def test_wider_lines_hold_more() -> None:
    assert [row_bytes(width) for width in (9, 20, 37, 38, 71, 72, 160)] == [1, 2, 4, 8, 8, 16, 32]


def test_a_mebibyte_is_not_made_at_once() -> None:
    assert next(hexdump(bytes(1_000_000), 80))[0] == "00000"


DECODED_IN_A_VIEWER = """
from tests.support.builders import message
from wsmon.tui.panes.detail_payload import decode_payload

print(decode_payload(message("PUB|prices|1.5", type="PUB")))
"""


def test_a_plugin_takes_its_messages_apart(tmp_path: Path) -> None:
    example = Path(__file__).parents[4] / "examples" / "plugin"
    info = tmp_path / "house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wsmon.protocols]\nbarline = wsmon_barline:PROTOCOL\n")
    path = os.pathsep.join(map(str, (tmp_path, example, Path(__file__).parents[4])))
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", DECODED_IN_A_VIEWER], env=environ, capture_output=True, text=True, check=True
    )
    assert "Anatomy(name='Barline PUB', parts=(('Field 1', 'prices'), ('Field 2', '1.5')), body=None)" in found.stdout
