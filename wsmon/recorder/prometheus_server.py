"""Prometheus server: serves ``/metrics`` and ``/-/healthy`` over HTTP/1.1, read-only.

A client that is slow, silent, floods, or does not speak HTTP occupies one of a few places for a few seconds, and does
no other harm. Pages in a browser cannot read the metrics: a request whose Host is not an address or a name of this
machine is refused, and no other origin is allowed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from wsmon.errors import WsmonError
from wsmon.recorder.run import ReportFault

# Deadline of a whole request, and of sending a whole answer
REQUEST_S: Final = 5.0
# Deadline of the next request on a connection: longer than the usual minute between two scrapes
IDLE_S: Final = 65.0
HEAD_BYTES: Final = 16 * 1024
# Connections at a time; for one more the oldest is closed
PLACES: Final = 16
# Delay of the next try where the address is in use
RETRY_S: Final = 2.0
_LOG = logging.getLogger("wsmon.prometheus")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Body and media type of a response."""

    body: bytes
    kind: str
    """Media type, for ``Content-Type``."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case; the first of several."""
    stays: bool
    """Whether another request may follow on the connection."""


class _BadRequestError(Exception):
    """A client sent something else than an HTTP request."""


class PrometheusEndpoint:
    """Serves metrics at the address of the configuration; retries while it is in use. Use it on the event loop."""

    def __init__(
        self,
        metrics: Callable[[str], Awaitable[HttpResponse]],
        report: ReportFault,
        retry_s: float = RETRY_S,
    ) -> None:
        """``report`` gets the faults of ours, with the name of the sink."""
        self._metrics = metrics
        self._report = report
        self._retry_s = retry_s
        self._address = ""
        self._changed = asyncio.Event()
        # Why metrics are not served, as a sentence; empty where they are, or where no address is configured
        self.warning = ""

    def configure(self, address: str) -> None:
        """Serve at this address from now on; serve nothing where it is empty."""
        if address != self._address:
            self._address = address
            self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self._changed.clear()
            if not self._address:
                self.warning = ""
                await self._changed.wait()
                continue
            server = PrometheusServer(self._address, self._metrics, self._report)
            try:
                await server.start()
            except WsmonError as error:
                self._warn(str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._retry_s):
                        await self._changed.wait()
                continue
            self._warn("")
            try:
                await self._changed.wait()
            finally:
                await server.close()

    def _warn(self, warning: str) -> None:
        if warning and warning != self.warning:
            _LOG.warning("%s", warning)
        self.warning = warning


class PrometheusServer:
    """Serves one address until it is closed."""

    def __init__(
        self,
        address: str,
        metrics: Callable[[str], Awaitable[HttpResponse]],
        report: ReportFault,
        request_s: float = REQUEST_S,
    ) -> None:
        """``address`` is ``HOST:PORT``; without a host, loopback. ``metrics`` gets the header ``Accept``.

        ``report`` gets the faults of ours, with the name of the sink.
        """
        self._report = report
        host, _, port = address.rpartition(":")
        self._host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
        self._port = int(port)
        self._metrics = metrics
        self._request_s = request_s
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; raises ``WsmonError`` where the address is not available."""
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=HEAD_BYTES)
        except OSError as error:
            raise WsmonError(
                f"prometheus: cannot listen on {self._host}:{self._port}: {error.strerror or error}",
                "set another address in [wsmon] prometheus",
            ) from error

    async def close(self) -> None:
        """Disconnect all clients and stop listening."""
        if self._server is not None:
            self._server.close()
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            # The oldest connection waits for a request, or is stuck
            if len(self._serving) > PLACES:
                next(iter(self._serving.values())).transport.abort()
            while await self._converse(reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _LOG.debug("a client left: %s", error)
        except Exception as error:  # noqa: BLE001 - the border of the task: an error of ours costs one scrape
            self._report("prometheus", error)
        finally:
            self._serving.pop(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; return whether another may follow."""
        async with asyncio.timeout(IDLE_S):
            first = await reader.read(1)
        if not first:
            return False
        try:
            async with asyncio.timeout(self._request_s):
                request = _parsed(first + await reader.readuntil(b"\r\n\r\n"))
        except (asyncio.LimitOverrunError, _BadRequestError):
            await self._send(writer, _answer("400 Bad Request", stays=False))
            return False
        try:
            answer = await self._reply(request)
        except Exception as error:  # noqa: BLE001 - an error of ours: the client is told that there is one
            self._report("prometheus", error)
            await self._send(writer, _answer("500 Internal Server Error", stays=False))
            return False
        await self._send(writer, answer)
        return request.stays

    async def _reply(self, request: _Request) -> bytes:
        if request.method not in ("GET", "HEAD"):
            return _answer("405 Method Not Allowed", stays=request.stays, more=("Allow: GET, HEAD",))
        if not self._is_ours(request.headers.get("host", "")):
            return _answer("421 Misdirected Request", stays=request.stays)
        match request.path:
            case "/metrics":
                page = await self._metrics(request.headers.get("accept", ""))
            case "/-/healthy":
                page = HttpResponse(b"wsmon is recording\n", "text/plain; charset=utf-8")
            case _:
                return _answer("404 Not Found", stays=request.stays)
        return _answer("200 OK", page, stays=request.stays, has_body=request.method == "GET")

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
            return not self._is_loopback()
        return True

    def _is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self._host).is_loopback
        except ValueError:
            return self._host == "localhost"

    async def _send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        """Send an answer; raises ``TimeoutError`` where the client does not read it."""
        writer.transport.set_write_buffer_limits(0)
        writer.write(answer)
        async with asyncio.timeout(self._request_s):
            await writer.drain()


def _parsed(head: bytes) -> _Request:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise _BadRequestError
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise _BadRequestError
        headers.setdefault(name.lower(), value.strip())
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    stays = words[2] == "HTTP/1.1" and headers.get("connection", "").lower() != "close" and not has_body
    return _Request(words[0], words[1].partition("?")[0], headers, stays)


def _answer(
    status: str, page: HttpResponse | None = None, *, stays: bool, has_body: bool = True, more: tuple[str, ...] = ()
) -> bytes:
    page = page or HttpResponse(f"{status}\n".encode(), "text/plain; charset=utf-8")
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {page.kind}",
        f"Content-Length: {len(page.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Connection: {'keep-alive' if stays else 'close'}",
        *more,
    ]
    return "\r\n".join((*lines, "", "")).encode("ascii") + (page.body if has_body else b"")
