"""Upgrade response: reads the answer to an upgrade request, until it is known to accept, to refuse, or to be no HTTP.

Pure: ``UpgradeReader`` takes bytes and returns an ``Upgrade`` or an error; the tap (engine/tap.py) reads the socket and
keeps the time. A refusal is known as soon as its head is whole. The start of its body usually comes with it or right
behind it; the tap waits ``GRACE_S`` for that, and for no more than ``KEPT_BYTES``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from wsmon.engine.http_head import (
    FIRST_BYTES,
    BodySoFar,
    HeadError,
    HeadReader,
    ResponseHead,
    body_so_far,
    decoded_body,
    quoted,
)
from wsmon.errors import WsmonError

# How long a refusal waits for its body, and bytes that are no HTTP for more of them
GRACE_S = 0.5
# Bytes read of a body, in chunks and compressed; the rest is dropped
KEPT_BYTES = 8 * 1024

# The headers of RFC 6455, section 4.1, that decide about an upgrade
_UPGRADE_HEADERS = frozenset(
    {"connection", "upgrade", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"}
)

# What bytes that are no HTTP/1.x look like
Kind = Literal["tls", "http2", "no_status_line", "other"]


class UpgradeError(WsmonError):
    """An answer that does not switch protocols."""


class UpgradeRefusedError(UpgradeError):
    """A final response with another status than 101."""

    def __init__(self, head: ResponseHead, body: bytes = b"", problem: str = "") -> None:
        """``body`` is its start, decoded; ``problem`` says why the head was not read on; empty where no more came."""
        super().__init__(f"refused: {head.status_line}")
        self.head = head
        self.body = body
        self.problem = problem


class BadUpgradeError(UpgradeError):
    """An HTTP response that breaks the rules of HTTP or of the upgrade."""

    def __init__(self, problem: str, head: ResponseHead | None = None, first: bytes = b"") -> None:
        """``head`` is None where there is no sound status line; ``first`` are then the first bytes."""
        super().__init__(f"{problem}: {quoted(first)}" if first and head is None else problem)
        self.head = head


class NotHttpError(UpgradeError):
    """Bytes that begin no HTTP/1.x response."""

    def __init__(self, first: bytes) -> None:
        super().__init__(f"no HTTP: {quoted(first)}")
        self.first = first

    @property
    def kind(self) -> Kind:
        """What the bytes look like."""
        return _kind(self.first)


class IncompleteHeadError(UpgradeError):
    """The beginning of an answer whose status is not known yet, or that accepts and does not end."""

    def __init__(self, first: bytes) -> None:
        super().__init__(f"incomplete: {quoted(first)}")
        self.first = first


class Upgrade(NamedTuple):
    """A response that switches protocols, as far as HTTP goes."""

    head: ResponseHead
    interim: tuple[int, ...]
    """Statuses of the informational responses before it."""
    rest: bytes
    """Bytes behind the head: frames."""

    def canonical(self) -> bytes:
        """Return the head as the parser of websockets takes it, with the headers that decide about the upgrade."""
        lines = [f"{name}: {value}" for name, value in self.head.headers if name.lower() in _UPGRADE_HEADERS]
        text = "\r\n".join(("HTTP/1.1 101 Switching Protocols", *lines, "", ""))
        return text.encode("iso-8859-1", "replace")


Outcome: TypeAlias = "Upgrade | UpgradeError"


class UpgradeReader:
    """Reads one answer. ``feed`` returns the outcome; where ``is_settled``, ``finish`` gives it without more bytes."""

    def __init__(self) -> None:
        self._heads = HeadReader()
        # A refusal whose body is awaited
        self._refusal: ResponseHead | None = None
        self._body = b""
        self._is_not_http = False

    @property
    def is_settled(self) -> bool:
        """Whether more bytes can only complete what is known already."""
        return self._refusal is not None or self._is_not_http

    def feed(self, data: bytes) -> Outcome | None:
        """Take bytes; return the outcome, None while more bytes are awaited."""
        if self._is_not_http:
            self._heads.first += data[: FIRST_BYTES - len(self._heads.first)]
            return self._not_http_if_enough()
        if self._refusal is not None:
            return self._take_body(self._refusal, data)
        try:
            head = self._heads.feed(data)
        except HeadError as error:
            if error.problem == "not_http":
                self._is_not_http = True
                return self._not_http_if_enough()
            return self._faulty(error)
        if head is None:
            return None
        if head.status == 101:
            return self._accepted(head)
        self._refusal = head
        return self._take_body(head, self._heads.rest)

    def finish(self) -> UpgradeError | None:
        """Return what is known without more bytes, at the end of the stream or of the time; None where none came."""
        if self._is_not_http:
            return NotHttpError(self._heads.first)
        if self._refusal is not None:
            return _refused(self._refusal, body_so_far(self._refusal, self._body))
        partial = self._heads.partial()
        if partial is not None and partial.status >= 200:
            return UpgradeRefusedError(partial)
        return IncompleteHeadError(self._heads.first) if self._heads.first else None

    def _take_body(self, head: ResponseHead, data: bytes) -> UpgradeRefusedError | None:
        self._body += data[: KEPT_BYTES - len(self._body)]
        body = body_so_far(head, self._body)
        return _refused(head, body) if body.is_whole or len(self._body) >= KEPT_BYTES else None

    def _not_http_if_enough(self) -> NotHttpError | None:
        return NotHttpError(self._heads.first) if len(self._heads.first) >= FIRST_BYTES else None

    def _accepted(self, head: ResponseHead) -> Outcome:
        # RFC 9110, section 15.2: a 1xx response does not exist in HTTP/1.0
        if not head.version.startswith("HTTP/1.") or head.version == "HTTP/1.0":
            return BadUpgradeError(f"{head.status_line}, and an upgrade needs HTTP/1.1", head)
        if head.bad_line:
            return BadUpgradeError(f"invalid header line {head.bad_line}", head)
        return Upgrade(head, tuple(self._heads.interim), self._heads.rest)

    def _faulty(self, error: HeadError) -> UpgradeError:
        """Return the error of a head that is malformed or past the limits; a status that refuses is a refusal."""
        partial = self._heads.partial()
        if partial is not None and partial.status >= 200:
            return UpgradeRefusedError(partial, problem=str(error))
        return BadUpgradeError(str(error), partial, self._heads.first)


class StrayResponse:
    """Reads an HTTP response that a peer sends where a frame should begin, after the upgrade."""

    def __init__(self) -> None:
        self._heads = HeadReader(skips_interim=False)
        self._head: ResponseHead | None = None
        self._body = b""

    def feed(self, data: bytes) -> HttpInStreamError | None:
        """Take bytes; return the fault once the response is whole or long enough, or is none after all."""
        if self._head is None:
            try:
                self._head = self._heads.feed(data)
            except HeadError:
                return self.finish()
            if self._head is None:
                return None
            data = self._heads.rest
        self._body += data[: KEPT_BYTES - len(self._body)]
        is_enough = body_so_far(self._head, self._body).is_whole or len(self._body) >= KEPT_BYTES
        return self.finish() if is_enough else None

    def finish(self) -> HttpInStreamError:
        """Return the fault with what arrived."""
        head = self._head or self._heads.partial()
        body = b"" if self._head is None else decoded_body(self._head, body_so_far(self._head, self._body).content)
        return HttpInStreamError(head, body, self._heads.first)


class HttpInStreamError(WsmonError):
    """An HTTP response in place of a frame: the HTTP layer of the server answers an upgraded connection."""

    def __init__(self, head: ResponseHead | None, body: bytes, first: bytes) -> None:
        """``head`` is None where its status line is malformed or did not arrive as a whole."""
        super().__init__(f"after the upgrade the server sent {head.status_line if head is not None else quoted(first)}")
        self.head = head
        self.body = body


def _refused(head: ResponseHead, body: BodySoFar) -> UpgradeRefusedError:
    return UpgradeRefusedError(head, decoded_body(head, body.content))


def _kind(first: bytes) -> Kind:
    # A TLS record: alert (21) or handshake (22), version 3.x
    if len(first) >= 3 and first[0] in (0x15, 0x16) and first[1] == 3:
        return "tls"
    # RFC 9113, section 3.4: the first frame of a server is SETTINGS (type 4), of a multiple of 6 bytes, on stream 0
    if len(first) >= 9 and first[3:5] == b"\x04\x00" and not any(first[5:9]):
        return "http2" if int.from_bytes(first[:3], "big") % 6 == 0 else "other"
    return "no_status_line" if first.lstrip().startswith(b"<") else "other"
