"""Request head: an incremental parser of the request that an application sends to a relay, and what is sent on of it.

Pure: bytes in, ``RequestHead`` out, wherever the bytes are cut. Lines are kept as they came, so that what is sent on
differs in nothing but the target and the headers that are replaced. ``RequestHead.check`` compares it with the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from wsmon.engine.http_head import MAX_HEAD_BYTES, MAX_HEADER_LINES, ResponseHead
from wsmon.errors import WsmonError

_REQUEST_LINE: Final = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])")
# RFC 9112, section 5.1: no space before the colon; a server answers a request with one with 400
_HEADER_LINE: Final = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+):(.*)", re.DOTALL)
# RFC 9110, section 5.5, and RFC 9112, section 2.2: not to be sent on, since some servers see a line end in them
_UNSAFE: Final = re.compile(rb"[\x00\r]")
# RFC 9112, section 3.2.2: what a client of a proxy writes before the path
_AUTHORITY: Final = re.compile(r"[A-Za-z][-+.0-9A-Za-z]*://[^/?#]*")
_UPGRADE: Final = "websocket"
# The library wants one; nothing is sent there
_ANY_SERVER: Final = parse_uri("ws://localhost/")


class RequestError(WsmonError):
    """Bytes that are no request head, or one past the limits; ``status`` is the HTTP status of the answer."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Request line and headers as the application sent them."""

    method: str
    target: str
    version: str
    """E.g. "HTTP/1.1"."""
    headers: tuple[tuple[str, str], ...] = ()
    lines: tuple[bytes, ...] = ()
    """All lines of the head with their line ends: the request line, the headers, the empty line."""

    def values(self, name: str) -> list[str]:
        """Return the values of a header, whatever the case of its name, in their order."""
        return [value for found, value in self.headers if found.lower() == name.lower()]

    @property
    def asks_for_upgrade(self) -> bool:
        """Whether it asks to switch to WebSocket."""
        protocols = ",".join(self.values("Upgrade")).split(",")
        return self.method == "GET" and any(protocol.strip().lower() == _UPGRADE for protocol in protocols)

    @property
    def path_and_query(self) -> str:
        """The target, without the scheme and the host that it may begin with."""
        authority = _AUTHORITY.match(self.target)
        if authority is None:
            return self.target
        rest = self.target[authority.end() :]
        return rest if rest.startswith("/") else f"/{rest}"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.path_and_query.partition("?")[0]

    def check(self, answer: ResponseHead) -> None:
        """Raise ``InvalidHandshake`` where RFC 6455, section 4.1, tells a client to fail the connection.

        Extensions are left out: an application may offer what is not known here.
        """
        offered = [
            Subprotocol(part.strip()) for each in self.values("Sec-WebSocket-Protocol") for part in each.split(",")
        ]
        client = ClientProtocol(_ANY_SERVER, subprotocols=offered)
        client.key = next(iter(self.values("Sec-WebSocket-Key")), "")
        headers = Headers()
        for name, value in answer.headers:
            if name.lower() != "sec-websocket-extensions":
                headers[name] = value
        client.process_response(Response(answer.status, answer.phrase, headers))

    def rewritten(self, target: str, replaced: Sequence[tuple[str, str]]) -> bytes:
        """Return the head with another target and with these headers in place of its own of the same names.

        A replaced header stands where the first one of its name stood; new ones stand at the end.
        """
        waiting: dict[str, list[bytes]] = {}
        for name, value in replaced:
            waiting.setdefault(name.lower(), []).append(f"{name}: {value}\r\n".encode())
        names = frozenset(waiting)
        first = self.lines[0].replace(self.target.encode("latin-1"), target.encode("latin-1"), 1)
        sent = [first]
        is_replaced = False
        for line in self.lines[1:-1]:
            if line[:1] not in (b" ", b"\t"):
                name = line.partition(b":")[0].decode("latin-1").lower()
                is_replaced = name in names
                sent += waiting.pop(name, ())
            if not is_replaced:
                sent.append(line)
        for lines in waiting.values():
            sent += lines
        sent.append(self.lines[-1])
        return b"".join(sent)


class RequestReader:
    """Reads the head of one request."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def rest(self) -> bytes:
        """The bytes behind the head."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> RequestHead | None:
        """Take bytes; return the head once it is whole. Raises ``RequestError``; the reader is of no use afterwards."""
        self._buffer += data
        while (line := self._take_line()) is not None:
            bare = _bare(line)
            if not self._lines:
                # RFC 9112, section 2.2: empty lines before the request line are ignored
                if bare:
                    self._begin(line, bare)
                continue
            if _UNSAFE.search(bare) is not None:
                raise RequestError(400, "a header line of the request has a NUL or a single CR in it")
            self._lines.append(line)
            if not bare:
                return self._head()
            if len(self._lines) > MAX_HEADER_LINES + 1:
                raise RequestError(431, f"the request has more than {MAX_HEADER_LINES} header lines")
        return None

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if self._size + (end + 1 if end >= 0 else len(self._buffer)) > MAX_HEAD_BYTES:
            raise RequestError(431, f"the head of the request is longer than {MAX_HEAD_BYTES >> 10} KiB")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._searched = 0
        self._size += end + 1
        return line

    def _begin(self, line: bytes, bare: bytes) -> None:
        if _REQUEST_LINE.fullmatch(bare) is None:
            raise RequestError(400, "not an HTTP/1.1 request")
        self._lines.append(line)

    def _head(self) -> RequestHead:
        request = _REQUEST_LINE.fullmatch(_bare(self._lines[0]))
        assert request is not None
        headers: list[tuple[str, str]] = []
        for line in self._lines[1:-1]:
            bare = _bare(line)
            if line[:1] in (b" ", b"\t") and headers:
                # RFC 9112, section 5.2: a folded line continues the one before it
                name, value = headers[-1]
                headers[-1] = name, f"{value} {_text(bare)}"
                continue
            header = _HEADER_LINE.fullmatch(bare)
            if header is None:
                raise RequestError(400, "a malformed header line in the request")
            headers.append((header[1].decode("ascii"), _text(header[2])))
        method, target, version = (part.decode("latin-1") for part in request.groups())
        return RequestHead(method, target, version, tuple(headers), tuple(self._lines))


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _text(value: bytes) -> str:
    clean = value.strip(b" \t")
    try:
        return clean.decode()
    except UnicodeDecodeError:
        return clean.decode("iso-8859-1")
