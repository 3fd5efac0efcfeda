"""HTTP response head: an incremental parser of status line and headers, and the decoding of what is kept of a body.

Pure: bytes in, ``ResponseHead`` out, wherever the bytes are cut. It accepts what RFC 9110 and RFC 9112 let a recipient
accept and the parser of websockets refuses: informational responses before the final one, a status line without a
phrase, a bare LF at the end of a line, folded lines, HTTP/1.0, and more and longer headers.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from wsmon.errors import WsmonError

# 64 KiB of headers, and 8 KiB for a status line: its phrase may be long
MAX_HEAD_BYTES = 72 * 1024
MAX_HEADER_LINES = 256
# Informational responses before the final one; there are one or two in practice
MAX_INTERIM = 16
# Bytes kept from the start of what arrived, to be quoted
FIRST_BYTES = 64
# Bytes kept of a decoded body: enough for the sentence in it
BODY_LIMIT_BYTES = 4096

_PREFIX = b"HTTP/"
_STATUS_LINE = re.compile(rb"(HTTP/\d(?:\.\d)?)[ \t]+(\d{3})(?:[ \t](.*))?", re.DOTALL)
_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
# RFC 9110, section 5.5, and RFC 9112, section 2.2: to be replaced by a space
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
# RFC 9110, section 6.4.1
_BODILESS = frozenset({204, 304})
# zlib: detect the header of gzip or zlib
_ANY_HEADER = 32 + zlib.MAX_WBITS
# Content and transfer codings in a row that are decoded; a longer row is hostile
_MAX_CODINGS = 3

# not_http: the first bytes cannot begin a response; malformed: they do, and the rest is wrong; too_long: past a limit
Problem = Literal["not_http", "malformed", "too_long"]


class HeadError(WsmonError):
    """Bytes that are no response head, or one past the limits."""

    def __init__(self, problem: Problem, what: str) -> None:
        super().__init__(what)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers of a response."""

    version: str
    """E.g. "HTTP/1.1"."""
    status: int
    phrase: str
    """Empty where the server sent none."""
    headers: tuple[tuple[str, str], ...] = ()
    is_whole: bool = True
    """Whether the empty line at its end arrived; else these are the lines that did."""
    bad_line: str = ""
    """The first header line that is none; empty where all are well-formed."""

    def values(self, name: str) -> list[str]:
        """Return the values of a header, whatever the case of its name, in their order."""
        return [value for found, value in self.headers if found.lower() == name.lower()]

    @property
    def status_line(self) -> str:
        """The status line as it was sent, without spaces at its end."""
        return f"{self.version} {self.status} {self.phrase}".rstrip()


class HeadReader:
    """Reads the head of one final response, and skips the informational responses before it."""

    def __init__(self, *, skips_interim: bool = True) -> None:
        """``skips_interim``: a response of status 1xx other than 101 is not the final one."""
        self._skips_interim = skips_interim
        self._buffer = bytearray()
        # The head under way
        self._status: re.Match[bytes] | None = None
        self._lines: list[bytes] = []
        self._size = 0
        # The first bytes that arrived, at most FIRST_BYTES
        self.first = b""
        # Statuses of the informational responses
        self.interim: list[int] = []

    @property
    def rest(self) -> bytes:
        """The bytes behind the head."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> ResponseHead | None:
        """Take bytes; return the head once it is whole. Raises ``HeadError``; the reader is of no use afterwards."""
        self.first += data[: FIRST_BYTES - len(self.first)]
        self._buffer += data
        while (line := self._take_line()) is not None:
            if self._status is None:
                self._begin(line)
            elif line:
                self._add(line)
            elif (head := self._end()) is not None:
                return head
        return None

    def partial(self) -> ResponseHead | None:
        """Return the lines that arrived of a head that is not whole; None before its status line."""
        return None if self._status is None else self._head(self._status, is_whole=False)

    def _take_line(self) -> bytes | None:
        """Return the next line without its end, past empty lines before a status line; None until there is one."""
        if self._status is None:
            self._buffer = self._buffer.lstrip(b"\r\n")
            # A peer that writes "http/1.1" means HTTP
            if not _PREFIX.startswith(self._buffer[: len(_PREFIX)].upper()):
                raise HeadError("malformed" if self.interim else "not_http", "not an HTTP response")
        end = self._buffer.find(b"\n")
        if self._size + (end + 1 if end >= 0 else len(self._buffer)) > MAX_HEAD_BYTES:
            raise HeadError("too_long", f"the head of the response is longer than {MAX_HEAD_BYTES >> 10} KiB")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._size += end + 1
        return line.removesuffix(b"\r")

    def _begin(self, line: bytes) -> None:
        self._status = _STATUS_LINE.fullmatch(line)
        if self._status is None:
            raise HeadError("malformed", "the status line is malformed")

    def _add(self, line: bytes) -> None:
        # RFC 9112, section 5.2: a folded line continues the one before it; the first line continues none
        if line[:1] in (b" ", b"\t"):
            if self._lines:
                self._lines[-1] += b" " + line.strip(b" \t")
            return
        if len(self._lines) == MAX_HEADER_LINES:
            raise HeadError("too_long", f"the response has more than {MAX_HEADER_LINES} header lines")
        self._lines.append(line)

    def _end(self) -> ResponseHead | None:
        """Return the head that is whole now; None where it was an informational one."""
        assert self._status is not None
        head = self._head(self._status, is_whole=True)
        if not (self._skips_interim and 100 <= head.status < 200 and head.status != 101):
            return head
        self.interim.append(head.status)
        if len(self.interim) > MAX_INTERIM:
            raise HeadError("too_long", f"more than {MAX_INTERIM} informational responses")
        self._status = None
        self._lines.clear()
        self._size = 0
        return None

    def _head(self, status: re.Match[bytes], *, is_whole: bool) -> ResponseHead:
        headers: list[tuple[str, str]] = []
        bad_line = ""
        for line in self._lines:
            name, colon, value = line.partition(b":")
            # RFC 9112, section 5.1: a proxy removes spaces before the colon, so they do no harm here
            name = name.rstrip(b" \t")
            if colon and _TOKEN.fullmatch(name):
                headers.append((name.decode("ascii"), _text(value)))
            else:
                bad_line = bad_line or quoted(line)
        version, code, phrase = status.groups(b"")
        return ResponseHead(version.decode("ascii"), int(code), _text(phrase), tuple(headers), is_whole, bad_line)


def _text(value: bytes) -> str:
    # RFC 9110, section 5.5: octets past ASCII are opaque; UTF-8 is what most of them are
    clean = _CONTROLS.sub(b" ", value).strip(b" \t")
    try:
        return clean.decode()
    except UnicodeDecodeError:
        return clean.decode("iso-8859-1")


def quoted(first: bytes) -> str:
    """Return the start of some bytes in quotation marks, for a sentence: what is not printable ASCII is escaped."""
    text = first[:FIRST_BYTES].rstrip(b"\r\n").decode("iso-8859-1").encode("unicode_escape").decode("ascii")
    return f"“{text}{'…' if len(first) > FIRST_BYTES else ''}”"


class BodySoFar(NamedTuple):
    """What arrived of a body, its chunks joined."""

    content: bytes
    is_whole: bool


def body_so_far(head: ResponseHead, raw: bytes) -> BodySoFar:
    """Return the body in the bytes behind a head; one without a length is whole at the end of the stream only."""
    if head.status < 200 or head.status in _BODILESS:
        return BodySoFar(b"", True)
    if "chunked" in _codings(head, "Transfer-Encoding"):
        return _dechunked(raw)
    lengths = {value.strip() for value in head.values("Content-Length")}
    length = lengths.pop() if len(lengths) == 1 else ""
    if length.isascii() and length.isdigit() and len(length) <= 18:
        return BodySoFar(raw[: int(length)], len(raw) >= int(length))
    return BodySoFar(raw, False)


def _dechunked(raw: bytes) -> BodySoFar:
    content = bytearray()
    at = 0
    while (end := raw.find(b"\n", at)) >= 0:
        size = _CHUNK_SIZE.fullmatch(raw[at:end].removesuffix(b"\r"))
        if size is None:
            # No chunks, whatever the header says
            return BodySoFar(bytes(content) or raw, False)
        length = int(size[1], 16)
        if not length:
            return BodySoFar(bytes(content), True)
        start = end + 1
        content += raw[start : start + length]
        at = start + length
        # The line end behind the chunk
        at += 2 if raw[at : at + 1] == b"\r" else 1
    return BodySoFar(bytes(content), False)


def decoded_body(head: ResponseHead, content: bytes) -> bytes:
    """Return the start of a body, at most ``BODY_LIMIT_BYTES``, with gzip and deflate undone.

    Bytes in another coding, or in a damaged one, are described instead: as text they would be noise.
    """
    codings = _codings(head, "Content-Encoding") + _codings(head, "Transfer-Encoding")
    todo = [coding for coding in codings if coding not in ("identity", "chunked", "")]
    found = content
    for coding in reversed(todo):
        if not found:
            break
        plain = _inflated(found) if coding in ("gzip", "x-gzip", "deflate") and len(todo) <= _MAX_CODINGS else None
        if plain is None:
            return f"[{len(content)} bytes, {quoted(coding.encode())[1:-1]}: not decoded]".encode()
        found = plain
    return found[:BODY_LIMIT_BYTES]


def _inflated(content: bytes) -> bytes | None:
    """Return the start of compressed bytes, which may be cut; None where they are not what they should be."""
    # RFC 9110, section 8.4.1.2: some servers send deflate without its zlib header
    for wbits in (_ANY_HEADER, -zlib.MAX_WBITS):
        try:
            plain = zlib.decompressobj(wbits).decompress(content, BODY_LIMIT_BYTES)
        except zlib.error:
            continue
        return plain
    return None


def _codings(head: ResponseHead, name: str) -> list[str]:
    return [coding.strip().lower() for value in head.values(name) for coding in value.split(",")]
