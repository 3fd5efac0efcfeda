"""Monitoring systems of one recording: who scrapes it, and where it sends to."""

from __future__ import annotations

import asyncio

from wsmon.config.specs import Configuration
from wsmon.ports import Clock
from wsmon.recorder.monitoring.exposing import Exposing
from wsmon.recorder.monitoring.metrics import Measured, Metrics


class Monitoring:
    """Belongs to the event loop; nothing in it makes the recording wait or end."""

    def __init__(self, measured: Measured, clock: Clock) -> None:
        self._metrics = Metrics(measured, clock)
        self._exposing = Exposing(self._metrics)

    def configure(self, configuration: Configuration) -> None:
        """Serve and send as it says from now on."""
        self._exposing.configure(configuration.prometheus)

    @property
    def warning(self) -> str:
        """What is wrong with the ways out; empty = they work."""
        return self._exposing.warning

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._exposing.run(), name="prometheus")
            group.create_task(self._metrics.watch_loop(), name="lag of the loop")
