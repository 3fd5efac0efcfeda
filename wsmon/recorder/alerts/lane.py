"""The alerts that wait for one way: bounded, some at a time, so that a way that hangs delays only itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Event
from wsmon.ports import Clock
from wsmon.recorder.alerts.way import AlertFailedError, Way

PLACES = 64
# alerts that wait; more at once are a flood that nobody reads
AT_A_TIME = 4
# a way that hangs for one alert may work for the next, which is to be told within 5 s
WARNED_NS = 600 * SECOND_NS
# how long a failure is shown where no alert comes that could succeed

_LOG = logging.getLogger("wsmon.alerts")


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told."""

    event: Event
    body: bytes
    # its JSON


@dataclass(frozen=True, slots=True)
class Failure:
    """What was not told, and why."""

    way: str
    why: str
    event: Event | None
    # None where several were lost because too many waited
    lost: int


class Lane:
    """Delivers by a way that may change, or not be there, while it runs."""

    def __init__(self, name: str, clock: Clock, report: Callable[[Failure], None]) -> None:
        """``report`` gets what failed."""
        self.name = name
        self._clock = clock
        self._report = report
        self._way: Way | None = None
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(PLACES)
        self._overflown = 0
        # alerts that found no place, since that was reported
        self._failed = 0
        # in a row
        self._why = ""
        self._failed_mono_ns = 0

    @property
    def warning(self) -> str:
        """What is wrong with it; empty while the newest alert got through, or failed long ago."""
        if not self._failed or self._clock.mono_ns() - self._failed_mono_ns > WARNED_NS:
            return ""
        number = "an alert was" if self._failed == 1 else f"{self._failed:,} alerts were"
        return f"{number} not delivered: {self._why}"

    def use(self, way: Way | None) -> None:
        """Deliver by ``way`` from now on; alerts that wait go there too, or nowhere."""
        self._way = way
        self._failed = 0

    def put(self, alert: Alert) -> None:
        """Take an alert; never waits."""
        if self._way is None:
            return
        try:
            self._waiting.put_nowait(alert)
        except asyncio.QueueFull:
            self._overflown += 1
            self._note(1, f"{PLACES} alerts wait for the {self.name}")

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(AT_A_TIME):
                group.create_task(self._work(), name=f"alerts by {self.name} {number}")

    async def _work(self) -> None:
        while True:
            alert = await self._waiting.get()
            if self._way is not None:
                await self._deliver(self._way, alert)
            if self._overflown:
                lost, self._overflown = self._overflown, 0
                self._report(Failure(self.name, f"{PLACES} others waited already", None, lost))

    async def _deliver(self, way: Way, alert: Alert) -> None:
        try:
            await way.deliver(alert.body)
        except AlertFailedError as error:
            why = str(error)
        except Exception:  # noqa: BLE001 - the border of the worker: a mistake of ours ends no recording
            _LOG.exception("a mistake in the alerts by %s", self.name)
            why = "a mistake in wsmon; recorder.log has its place"
        else:
            if way is self._way:
                self._failed = 0
            return
        if way is self._way:
            self._note(1, why)
        self._report(Failure(self.name, why, alert.event, 1))

    def _note(self, number: int, why: str) -> None:
        self._failed += number
        self._why = why
        self._failed_mono_ns = self._clock.mono_ns()
