"""Sends the recorder's metrics to a collector, as they are every few seconds; some of them wait while it is away.

Counters are cumulative: a point that is lost costs resolution, and no count.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wsmon.export.otlp_metrics import metric_records, point_count
from wsmon.model.metrics.family import Family
from wsmon.recorder.monitoring.otlp.delivery import Delivery, Rhythm
from wsmon.recorder.monitoring.otlp.health import SinkHealth
from wsmon.recorder.otlp_delivery import Collector, Later

EVERY_S: Final = 15.0
PLACES: Final = 240
# bodies that wait, compressed in memory: an hour of them; then the oldest go
MOST_BYTES: Final = 8 * 1024 * 1024
# of them together

_LOG = logging.getLogger("wsmon.otlp")

Families = Callable[[], Awaitable[Sequence[Family]]]


@dataclass(frozen=True, slots=True)
class _Body:
    """The metrics of one moment."""

    body: bytes
    points: int


class Points:
    """Belongs to the event loop."""

    def __init__(
        self,
        families: Families,
        begun_ns: int,
        collector: Collector,
        health: SinkHealth,
        rhythm: Rhythm,
        every_s: float = EVERY_S,
    ) -> None:
        """``begun_ns``: wall time at which the counters began."""
        self._families = families
        self._begun_ns = begun_ns
        self._collector = collector
        self._health = health
        self._rhythm = rhythm
        self._every_s = every_s
        self._delivery = Delivery("metrics", collector, health, rhythm)
        self._waiting: deque[_Body] = deque()
        self._there_is_one = asyncio.Event()

    async def run(self) -> None:
        """Take and send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_all(), name="otlp metrics are taken")
            group.create_task(self._send_all(), name="otlp metrics are sent")

    async def finish(self) -> None:
        """Send the newest, once; the caller bounds the time."""
        if self._waiting:
            await self._delivery.attempt(self._waiting[0].body)  # it may be under way already
        await self._take()
        newest = self._waiting.pop()
        outcome = await self._delivery.attempt(newest.body)
        if not isinstance(outcome, Later):
            self._delivery.count(outcome, newest.points)

    async def close(self) -> None:
        """Let the collector go; for after ``run`` has ended. What waits is lost."""
        await self._delivery.close()
        if self._waiting:
            self._health.dropped("metrics", sum(each.points for each in self._waiting), "nobody sends them any more")
            self._waiting.clear()

    async def _take_all(self) -> None:
        while True:
            try:
                await self._take()
            except Exception as error:  # noqa: BLE001 - the border of the task: the recording goes on without it
                _LOG.exception("a mistake in taking the metrics")
                self._health.failed("metrics", f"is not sent anything: {error}")
            await self._rhythm.sleep(self._every_s)

    async def _take(self) -> None:
        families = await self._families()
        body = await asyncio.to_thread(self._body, families)
        while self._waiting and (len(self._waiting) >= PLACES or self._bytes() + len(body) > MOST_BYTES):
            lost = self._waiting.popleft()
            self._health.dropped("metrics", lost.points, f"{PLACES:,} others waited already")
        self._waiting.append(_Body(body, point_count(families)))
        self._there_is_one.set()

    async def _send_all(self) -> None:
        while True:
            await self._there_is_one.wait()
            self._there_is_one.clear()
            while self._waiting:
                sent = self._waiting[0]
                outcome = await self._delivery.settle(sent.body)
                if self._waiting and self._waiting[0] is sent:  # not lost meanwhile
                    self._waiting.popleft()
                    self._delivery.count(outcome, sent.points)

    def _bytes(self) -> int:
        return sum(len(each.body) for each in self._waiting)

    def _body(self, families: Sequence[Family]) -> bytes:
        at_ns = self._rhythm.clock.wall_ns()
        return self._collector.body("metrics", tuple(metric_records(families, self._begun_ns, at_ns)))
