"""Sends a recording's telemetry where the configuration says, for as long as it says so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from wsmon.config.specs import OtlpSpec
from wsmon.errors import StoreError
from wsmon.export.otlp_values import Fields
from wsmon.model.metrics.of_recorder import SinkState
from wsmon.ports import Clock
from wsmon.recorder.monitoring.otlp.backlog import RowKind
from wsmon.recorder.monitoring.otlp.delivery import Rhythm
from wsmon.recorder.monitoring.otlp.health import SIGNALS, SinkHealth
from wsmon.recorder.monitoring.otlp.points import _LOG, Families, Points
from wsmon.recorder.monitoring.otlp.position import Position, read_position, write_position
from wsmon.recorder.monitoring.otlp.rows import Rows
from wsmon.recorder.otlp_delivery import Collector
from wsmon.store.reader import Reader

FAREWELL_S: Final = 0.4
# for what is left when the recording ends: a stop is over within two seconds
RETRY_S: Final = 5.0
# where the store cannot be read
_ROWS: Final[tuple[RowKind, ...]] = ("spans", "logRecords")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told, and who tells."""

    store: Path
    first_id: int
    # newest event before this run: without a place of its own, sending begins behind it
    begun_ns: int
    # wall
    families: Families
    resource: Fields


class Sending:
    """Belongs to the event loop."""

    def __init__(self, told: Told, rhythm: Rhythm) -> None:
        self._told = told
        self._rhythm = rhythm
        self._spec = OtlpSpec()
        self._changed = asyncio.Event()
        self._position = Position("")
        # of no store: not read yet
        self._moving = asyncio.Lock()
        # one at a time writes it down
        self._rows: list[Rows] = []
        self._points: Points | None = None
        self.health = SinkHealth((), rhythm.clock)

    def configure(self, spec: OtlpSpec) -> None:
        """Send there from now on; without a URL, nowhere."""
        if spec != self._spec:
            self._spec = spec
            self._changed.set()

    def states(self) -> tuple[SinkState, ...]:
        """For metrics."""
        state = self.health.state()
        return () if state is None else (state,)

    async def run(self) -> None:
        """Send until cancelled; what is under way then waits for ``finish``."""
        while True:
            self._changed.clear()
            if self._spec.url:
                try:
                    await self._find_position()
                except StoreError as error:
                    self.health.failed("spans", f"is not sent anything: {error}")
                    await self._rhythm.sleep(RETRY_S)
                    continue
            self._begin()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each.run(), name="otlp rows") for each in self._rows]
                if self._points is not None:
                    tasks.append(group.create_task(self._points.run(), name="otlp metrics"))
                await self._changed.wait()
                for task in tasks:
                    task.cancel()
            await self._end()

    async def finish(self) -> None:
        """The recording is over: send what is left, in bounded time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                parts = [rows.finish() for rows in self._rows]
                parts += [self._points.finish()] if self._points else []
                for failure in await asyncio.gather(*parts, return_exceptions=True):
                    if isinstance(failure, Exception):
                        _LOG.warning("not all was sent at the end: %s", failure)
        await self._end()

    def _begin(self) -> None:
        spec, told = self._spec, self._told
        kinds = tuple(kind for kind, name in SIGNALS.items() if name in spec.signals) if spec.url else ()
        self.health.follow(spec.url.masked, kinds)
        if not kinds:
            return
        collector = Collector(spec, told.resource, self._rhythm.clock)
        self._rows = [self._rows_of(kind, collector) for kind in _ROWS if kind in kinds]
        if "metrics" in kinds:
            self._points = Points(told.families, told.begun_ns, collector, self.health, self._rhythm)

    async def _end(self) -> None:
        for rows in self._rows:
            await rows.close()
        if self._points is not None:
            await self._points.close()
        self._rows, self._points = [], None

    async def _find_position(self) -> None:
        """Where an earlier run was, else where this one began; noted at once, so that the next run goes on there."""
        if not self._position.store_id:
            self._position = await asyncio.to_thread(_position_of, self._told.store, self._rhythm.clock)
        for kind in _ROWS:
            if SIGNALS[kind] in self._spec.signals and self._position.of(kind) is None:
                await self._move(kind, self._told.first_id)

    def _rows_of(self, kind: RowKind, collector: Collector) -> Rows:
        after_id = self._position.of(kind)
        return Rows(
            kind,
            self._told.store,
            collector,
            self.health,
            self._rhythm,
            self._told.first_id if after_id is None else after_id,
            partial(self._move, kind),
        )

    async def _move(self, kind: RowKind, event_id: int) -> None:
        async with self._moving:
            self._position = self._position.moved(kind, event_id)
            try:
                await asyncio.to_thread(write_position, self._told.store, self._position)
            except OSError as error:
                _LOG.warning("what was sent may be sent again after a restart: %s", error)


def _position_of(store: Path, clock: Clock) -> Position:
    view = Reader(store, clock)
    try:
        return read_position(store, view.store_id)
    finally:
        view.close()
