"""STOMP frames on the wire: where they end, their headers and escapes by version, masks of credentials, heart-beats.

A frame is a command, headers, an empty line and a body that ends with NUL; line ends may follow. A line end alone is a
heart-beat.
Source: STOMP 1.0, 1.1 and 1.2, "STOMP Frames", "Value Encoding" and "Heart-beating".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from wsmon.model.events import Opcode
from wsmon.model.redact.masking import ByteRange, mask_ranges
from wsmon.model.redact.names import is_credential_header, is_credential_key
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import cut

# fmt: off
COMMANDS = frozenset({
    "CONNECT", "STOMP", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT",
    "CONNECTED", "MESSAGE", "RECEIPT", "ERROR",
})
# fmt: on
# Beginning of a frame in which its headers are looked for
HEADERS_BYTES = 16 * 1024

_LINE_ENDS = re.compile(rb"[\r\n]*+")
_COMMAND = re.compile(rb"(?:" + "|".join(sorted(COMMANDS, reverse=True)).encode() + rb")(?=\r?\n|\0)")
_LONGEST_COMMAND = max(map(len, COMMANDS))
_COMMAND_BEGINNINGS = frozenset(command[:size].encode() for command in COMMANDS for size in range(1, len(command) + 1))
_HEADERS_END = re.compile(rb"\n\r?\n|\0")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*+:[ \t]*+([0-9]{1,10})[ \t]*+\r?\n")


def find_end(buffer: bytes | bytearray, start: int, searched: int) -> int:
    """Return where the frame at ``start`` ends, its line ends included: as ``parts.FindEnd``.

    What is no frame ends with the buffer. ``content-length`` counts where a NUL is behind that many bytes: there are
    servers that count characters.
    """
    found = _LINE_ENDS.match(buffer, start)
    begin = found.end() if found else start
    size = len(buffer)
    if begin == size:
        return size
    if _COMMAND.match(buffer, begin) is None:
        head = bytes(buffer[begin : begin + _LONGEST_COMMAND + 1]).rstrip(b"\r")
        return -1 if begin + len(head) >= size - 1 and head in _COMMAND_BEGINNINGS else size
    headers_end = _HEADERS_END.search(buffer, begin, begin + HEADERS_BYTES)
    if headers_end is None:
        # Headers without an end: the first NUL ends what this is
        return -1 if size - begin < HEADERS_BYTES else _after_nul(buffer, max(begin + HEADERS_BYTES, searched))
    if headers_end[0] == b"\0":
        return _after_line_ends(buffer, headers_end.end())
    body = headers_end.end()
    length = _LENGTH.search(buffer, begin, body)
    if length is not None:
        nul = body + int(length[1])
        if nul >= size:
            return nul + 1
        if not buffer[nul]:
            return _after_line_ends(buffer, nul + 1)
    return _after_nul(buffer, body if length is not None else max(body, searched))


def _after_nul(buffer: bytes | bytearray, at: int) -> int:
    nul = buffer.find(b"\0", at)
    return -1 if nul < 0 else _after_line_ends(buffer, nul + 1)


def _after_line_ends(buffer: bytes | bytearray, at: int) -> int:
    found = _LINE_ENDS.match(buffer, at)
    return found.end() if found else at


# Version 1.0 has no escapes; in a CONNECT and a CONNECTED no version has any
_ESCAPES: Mapping[str, re.Pattern[str] | None] = MappingProxyType(
    {"1.0": None, "1.1": re.compile(r"\\([nc\\])"), "1.2": re.compile(r"\\([rnc\\])")}
)
_UNESCAPED = {"r": "\r", "n": "\n", "c": ":", "\\": "\\"}
_ESCAPED = {"\0": "", "\r": "\\r", "\n": "\\n", ":": "\\c", "\\": "\\\\"}
# NUL ends a frame, and has no escape
_TO_ESCAPE = re.compile(r"[\r\n:\\\0]")
VERSIONS = tuple(_ESCAPES)
NEWEST = VERSIONS[-1]


class StompFrame(NamedTuple):
    """One frame."""

    command: str
    headers: Mapping[str, str]
    """Escapes undone. Of repeated headers the first counts."""
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the value of a header; empty where it is missing."""
        return self.headers.get(name, "")

    def name(self, header: str) -> str:
        """Return the value of a header that names something, cut."""
        return cut(self.header(header))

    def interval_ns(self, place: int) -> int:
        """Return one of the two numbers in ``heart-beat``, in nanoseconds; 0 where there is none."""
        numbers = self.header("heart-beat").split(",")
        text = numbers[place].strip() if len(numbers) == 2 else ""
        return int(text) * SECOND_NS // 1_000 if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def read_frame(message: bytes, version: str) -> StompFrame | None:
    """Return the frame of a message that is one, read as far as it goes; None where it is none."""
    frame = message.lstrip(b"\r\n")
    found = _HEADERS_END.search(frame, 0, HEADERS_BYTES)
    head = frame[: found.start()] if found else frame[:HEADERS_BYTES]
    command, *lines = head.decode("utf-8", "replace").split("\n")
    command = command.rstrip("\r")
    if command not in COMMANDS:
        return None
    escapes = None if command in ("CONNECT", "STOMP", "CONNECTED") else _ESCAPES.get(version)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.rstrip("\r").partition(":")
        if version == "1.0":
            name, value = name.strip(), value.strip()
        if escapes is not None and "\\" in line:
            name, value = _unescape(escapes, name), _unescape(escapes, value)
        headers.setdefault(name, value)
    body = frame[found.end() :] if found else b""
    return StompFrame(command, headers, body.rstrip(b"\r\n").removesuffix(b"\0"))


def _unescape(escapes: re.Pattern[str], text: str) -> str:
    return escapes.sub(lambda match: _UNESCAPED[match[1]], text)


def write_frame(command: str, headers: Mapping[str, str]) -> str:
    """Return a frame without a body, as it is sent."""
    is_plain = command == "CONNECT"
    lines = (
        f"{_cleared(name)}:{_cleared(value)}" if is_plain else f"{_escape(name)}:{_escape(value)}"
        for name, value in headers.items()
    )
    return "\n".join((command, *lines, "", "\0"))


def _escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: _ESCAPED[match[0]], text)


def _cleared(text: str) -> str:
    """Return a text without what ends a line: a CONNECT has no escapes."""
    return re.sub(r"[\r\n\0]", "", text)


# Headers of a CONNECT that are looked at; from the next one on it is masked unread
_MAX_HEADERS = 200
_MAX_HEADER_NAME_BYTES = 100
_CONNECT = re.compile(rb"(?:\A|\0)[\r\n]*+(?:CONNECT|STOMP)\r?\n")
_HEADER = re.compile(rb"\n[ \t]*+([^:\r\n\0]++):([^\r\n\0]*+(?:\r(?!\n)[^\r\n\0]*+)*+)")


def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return the payload with the credentials of its CONNECT frames masked, and whether there were any."""
    spans: list[ByteRange] = []
    for connect in _CONNECT.finditer(payload):
        headers_end = _HEADERS_END.search(payload, connect.end() - 1)
        end = headers_end.start() if headers_end else len(payload)
        for number, header in enumerate(_HEADER.finditer(payload, connect.end() - 1, end)):
            if number == _MAX_HEADERS:
                spans.append(ByteRange(header.start(1), end))
                break
            if header[2] and is_secret(header[1].decode("utf-8", "replace")):
                spans.append(ByteRange(*header.span(2)))
    return (mask_ranges(payload, spans), True) if spans else (payload, False)


def is_secret(header: str) -> bool:
    """Whether a header of a CONNECT holds a credential: the passcode, or what services put beside it."""
    name = header.strip()[:_MAX_HEADER_NAME_BYTES]
    return is_credential_key(name) or is_credential_header(name)
