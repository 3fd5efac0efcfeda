"""Prometheus server: serves ``/metrics`` and ``/-/healthy`` over HTTP/1.1, read-only.

Pages in a browser cannot read the metrics: ``http_server`` refuses foreign hosts, and no other origin is allowed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from wsmon.errors import WsmonError
from wsmon.recorder.http_server import REQUEST_S, HttpRequest, HttpResponse, HttpServer, plain
from wsmon.recorder.run import ReportFault

# Delay of the next try where the address is in use
RETRY_S: Final = 2.0
_LOG = logging.getLogger("wsmon.prometheus")


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


class PrometheusServer(HttpServer):
    """Serves one address until it is closed."""

    name = "prometheus"

    def __init__(
        self,
        address: str,
        metrics: Callable[[str], Awaitable[HttpResponse]],
        report: ReportFault,
        request_s: float = REQUEST_S,
    ) -> None:
        """``address`` is ``HOST:PORT``; without a host, loopback. ``metrics`` gets the header ``Accept``."""
        super().__init__(address, report, request_s)
        self._metrics = metrics

    def refused(self, request: HttpRequest) -> HttpResponse | None:
        """Refuse what would change something."""
        return None if request.method in ("GET", "HEAD") else plain("405 Method Not Allowed", "Allow: GET, HEAD")

    async def reply(self, request: HttpRequest) -> HttpResponse:
        """Return the metrics, or that the recorder lives."""
        match request.path:
            case "/metrics":
                return await self._metrics(request.headers.get("accept", ""))
            case "/-/healthy":
                return HttpResponse(b"wsmon is recording\n")
            case _:
                return plain("404 Not Found")
