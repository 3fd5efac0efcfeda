"""Monitoring systems of one recording: who scrapes it, and where it sends to."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from dataclasses import replace

from wsmon.config.specs import Configuration
from wsmon.model.metrics.of_recorder import SinkState
from wsmon.model.redact.masking import mask_secrets
from wsmon.ports import Clock
from wsmon.recorder.monitoring.exposing import Exposing
from wsmon.recorder.monitoring.metrics import Measured, Metrics
from wsmon.recorder.monitoring.otlp.delivery import Rhythm
from wsmon.recorder.otlp_push import Sending, Told


class Monitoring:
    """Belongs to the event loop; nothing in it makes the recording wait or end."""

    def __init__(self, measured: Measured, first_id: int, configuration: str, clock: Clock) -> None:
        """``first_id``: the newest event before this run; ``configuration`` names it."""
        self._metrics = Metrics(replace(measured, sinks=self._sinks), clock)
        self._exposing = Exposing(self._metrics)
        resource = {"host.name": socket.gethostname(), "service.instance.id": str(measured.store)}
        told = Told(
            measured.store,
            first_id,
            measured.started_ns,
            self._metrics.families,
            {**resource, "wsmon.configuration": configuration},
        )
        self._sending = Sending(told, Rhythm(clock, random.Random(os.urandom(16)).random))
        self._secrets: tuple[str, ...] = ()

    def configure(self, configuration: Configuration) -> None:
        """Serve and send as it says from now on."""
        self._secrets = configuration.secrets
        self._exposing.configure(configuration.prometheus)
        self._sending.configure(configuration.otlp)

    def _sinks(self) -> tuple[SinkState, ...]:
        """In any thread."""
        return self._sending.states()

    @property
    def warning(self) -> str:
        """What is wrong with the ways out; empty = they work."""
        return mask_secrets(self._exposing.warning or self._sending.health.warning, self._secrets)

    async def run(self) -> None:
        """Serve and send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._exposing.run(), name="prometheus")
            group.create_task(self._sending.run(), name="otlp")
            group.create_task(self._metrics.watch_loop(), name="lag of the loop")

    async def finish(self) -> None:
        """The recording is over, and everything committed: send what is left, in bounded time."""
        await self._sending.finish()
