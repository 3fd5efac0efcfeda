"""HTTP server: HTTP/1.1 over asyncio, for Prometheus (``prometheus_server``) and OpenTelemetry (``otlp_server``).

A client that is slow, silent, floods, or does not speak HTTP occupies one of a few places for a few seconds, and does
no other harm. A request whose Host is not an address or a name of this machine is refused: a page in a browser that
reached it by a rebound DNS name gets nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from wsmon.config.checks import host_and_port, is_loopback
from wsmon.errors import WsmonError
from wsmon.recorder.run import ReportFault

# Deadline of a whole request, and of sending a whole answer
REQUEST_S: Final = 5.0
# Deadline of the next request on a connection: longer than the usual minute between two scrapes
IDLE_S: Final = 65.0
HEAD_BYTES: Final = 16 * 1024
# How long what a refused client still sends is read and dropped: with unread bytes, TCP would take the answer from it
LINGER_S: Final = 1.0
_READ_BYTES: Final = 64 * 1024
_LOG = logging.getLogger("wsmon.recorder")
# Of a chunk: its size in hex, and extensions that nothing uses
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_LENGTH = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response; the server adds ``Content-Length`` and what every response has."""

    body: bytes
    kind: str = "text/plain; charset=utf-8"
    """Media type, for ``Content-Type``."""
    status: str = "200 OK"
    headers: tuple[str, ...] = ()
    """Further headers, a line each."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; its body is empty until it was read."""

    method: str
    path: str
    """Without the query."""
    headers: dict[str, str]
    """Names in lower case; the first of several."""
    is_last: bool
    """Whether the client says that no other request follows on the connection."""
    body: bytes = b""

    @property
    def has_body(self) -> bool:
        """Whether a body follows the headers."""
        return self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers


class _RefusedError(Exception):
    """A request that is not read to its end; ``response`` says why."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status)
        self.response = response


def plain(status: str, *headers: str) -> HttpResponse:
    """Return a response that says nothing but its status."""
    return HttpResponse(f"{status}\n".encode(), status=status, headers=headers)


class HttpServer(ABC):
    """Serves one address until it is closed. Use it on the event loop."""

    name: str
    """Key of the configuration that has the address, for messages."""
    places = 16
    """Connections at a time; for one more the oldest is closed that waits for a request or is stuck."""
    body_bytes = 0
    """Size limit of a body; 0 = no request has one."""

    def __init__(self, address: str, report: ReportFault, request_s: float = REQUEST_S) -> None:
        """``address`` is ``HOST:PORT``; without a host, loopback. ``report`` gets the faults of ours."""
        self._report = report
        self._host, self._port = host_and_port(address)
        self._request_s = request_s
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        # Those whose request was read, until its response is made
        self._answering: set[asyncio.Task[None]] = set()
        # Requests that are read or answered, with what is there of their bodies
        self.requests = 0

    @abstractmethod
    def refused(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response to a request whose body is not wanted; None where it is."""

    @abstractmethod
    async def reply(self, request: HttpRequest) -> HttpResponse:
        """Return the response to a request that was read; the body of one to HEAD is not sent."""

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, listener: socket.socket | None = None) -> None:
        """Listen, at the address or with a socket that does; raises ``WsmonError`` where it is not available."""
        if listener is not None:
            self._server = await asyncio.start_server(self._serve, sock=listener, limit=HEAD_BYTES)
            return
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=HEAD_BYTES)
        except OSError as error:
            raise WsmonError(
                f"{self.name}: cannot listen on {self._host}:{self._port}: {error.strerror or error}",
                f"set another address in [wsmon] {self.name}",
            ) from error

    def stop_listening(self) -> None:
        """Let no more clients in."""
        if self._server is not None:
            self._server.close()

    async def close(self, grace_s: float = 0) -> None:
        """Stop listening, and disconnect all clients; those that are being answered after ``grace_s``."""
        self.stop_listening()
        if grace_s and self._answering:
            await asyncio.wait(self._answering, timeout=grace_s)
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            # This one, where all others are being answered
            if len(self._serving) > self.places:
                next(each for one, each in self._serving.items() if one not in self._answering).transport.abort()
            while await self._converse(reader, writer, task):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _LOG.debug("a client left: %s", error)
        except Exception as error:  # noqa: BLE001 - the border of the task: an error of ours costs one client
            self._report(self.name, error)
        finally:
            self._serving.pop(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> bool:
        """Serve one request; return whether another may follow."""
        async with asyncio.timeout(IDLE_S):
            first = await reader.read(1)
        if not first:
            return False
        is_counted = False
        try:
            async with asyncio.timeout(self._request_s):
                request = await self._head(first, reader)
                self.requests += 1
                is_counted = True
                request = await self._whole(request, reader, writer)
            return await self._respond(request, writer, task)
        except _RefusedError as refusal:
            await self._send(writer, _answer(refusal.response, stays=False))
            await self._linger(reader, writer)
            return False
        finally:
            self.requests -= is_counted

    async def _respond(self, request: HttpRequest, writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> bool:
        """Answer a request that was read; return whether another may follow."""
        self._answering.add(task)
        try:
            response = await self.reply(request)
        except Exception as error:  # noqa: BLE001 - an error of ours: the client is told that there is one
            self._report(self.name, error)
            await self._send(writer, _answer(plain("500 Internal Server Error"), stays=False))
            return False
        finally:
            self._answering.discard(task)
        await self._send(writer, _answer(response, stays=not request.is_last, has_body=request.method != "HEAD"))
        return not request.is_last

    async def _head(self, first: bytes, reader: asyncio.StreamReader) -> HttpRequest:
        """Read a request up to its body; raises ``_RefusedError`` where it is none, or none that is wanted."""
        try:
            request = _parsed(first + await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise _RefusedError(plain("400 Bad Request")) from None
        if not self._is_ours(request.headers.get("host", "")):
            raise _RefusedError(plain("421 Misdirected Request"))
        response = self.refused(request)
        if response is not None:
            raise _RefusedError(response)
        return request

    async def _whole(
        self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> HttpRequest:
        """Read the body of a request; raises ``_RefusedError`` where it is too long, or has no end."""
        if not request.has_body:
            return request
        if not self.body_bytes:
            # It is answered, but not read
            return replace(request, is_last=True)
        if request.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return replace(request, body=await self._body(request, reader))

    async def _body(self, request: HttpRequest, reader: asyncio.StreamReader) -> bytes:
        coding = request.headers.get("transfer-encoding", "").lower()
        if coding == "chunked":
            return await self._chunks(reader)
        length = request.headers.get("content-length", "")
        # Both would be read differently by a proxy before us
        if coding or not _LENGTH.fullmatch(length):
            raise _RefusedError(plain("400 Bad Request"))
        if int(length) > self.body_bytes:
            raise _RefusedError(self._too_large())
        return await reader.readexactly(int(length))

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = bytearray()
        while True:
            try:
                head = _CHUNK_HEAD.fullmatch(await reader.readuntil(b"\r\n"))
            except asyncio.LimitOverrunError:
                head = None
            if head is None:
                raise _RefusedError(plain("400 Bad Request"))
            size = int(head[1], 16)
            if not size:
                break
            if len(body) + size > self.body_bytes:
                raise _RefusedError(self._too_large())
            body += await reader.readexactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise _RefusedError(plain("400 Bad Request"))
        # Trailers, which nothing uses, up to an empty line
        for _ in range(32):
            try:
                if await reader.readuntil(b"\r\n") == b"\r\n":
                    return bytes(body)
            except asyncio.LimitOverrunError:
                break
        raise _RefusedError(plain("400 Bad Request"))

    def _too_large(self) -> HttpResponse:
        text = f"a body has at most {self.body_bytes:,} bytes\n"
        return HttpResponse(text.encode(), status="413 Content Too Large")

    def _is_ours(self, host: str) -> bool:
        """Whether the Host of a request is an address or a name of this machine; a rebound DNS name is neither."""
        name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
        name = name.removeprefix("[").removesuffix("]").lower()
        if name in ("localhost", self._host.lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            # A server that listens to the network is reached by any name that the machine has there
            return not is_loopback(self._host)
        return True

    async def _send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        """Send an answer; raises ``TimeoutError`` where the client does not read it."""
        writer.transport.set_write_buffer_limits(0)
        writer.write(answer)
        async with asyncio.timeout(self._request_s):
            await writer.drain()

    @staticmethod
    async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read and drop what the client still sends, for a moment."""
        with suppress(TimeoutError, OSError):
            if writer.can_write_eof():
                writer.write_eof()
            async with asyncio.timeout(LINGER_S):
                while await reader.read(_READ_BYTES):
                    pass


def _parsed(head: bytes) -> HttpRequest:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise _RefusedError(plain("400 Bad Request"))
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise _RefusedError(plain("400 Bad Request"))
        headers.setdefault(name.lower(), value.strip())
    is_last = words[2] == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
    return HttpRequest(words[0], words[1].partition("?")[0], headers, is_last)


def _answer(response: HttpResponse, *, stays: bool, has_body: bool = True) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status}",
        f"Content-Type: {response.kind}",
        f"Content-Length: {len(response.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Connection: {'keep-alive' if stays else 'close'}",
        *response.headers,
    ]
    return "\r\n".join((*lines, "", "")).encode("ascii") + (response.body if has_body else b"")
