"""Keeps the recorder's metrics where the configuration wants them; an address that cannot be had is tried again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from wsmon.errors import WsmonError
from wsmon.recorder.monitoring.metrics import Metrics
from wsmon.recorder.prometheus_server import ScrapingServer

RETRY_S: Final = 2.0
_LOG = logging.getLogger("wsmon.prometheus")


class Exposing:
    """Belongs to the event loop."""

    def __init__(self, metrics: Metrics, retry_s: float = RETRY_S) -> None:
        self._metrics = metrics
        self._retry_s = retry_s
        self._address = ""
        self._changed = asyncio.Event()
        self.warning = ""
        # why nobody can scrape; empty = all is well

    def configure(self, address: str) -> None:
        """Be there from now on; empty: nowhere."""
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
            server = ScrapingServer(self._address, self._metrics.page)
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
