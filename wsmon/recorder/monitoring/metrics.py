"""The metrics of a recording, taken when somebody asks for them; a page is made once a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import wsmon
from wsmon.export.prometheus import OPEN_METRICS, PLAIN, exposition
from wsmon.model.metrics.family import Family
from wsmon.model.metrics.of_connections import connection_families
from wsmon.model.metrics.of_recorder import RecorderFacts, SinkState, recorder_families
from wsmon.model.metrics.totals import ConnectionTotals
from wsmon.model.snapshot import Health
from wsmon.ports import Clock
from wsmon.recorder.monitoring.process import process_facts
from wsmon.recorder.prometheus_server import Page

FRESH_NS: Final = 1_000_000_000
# how long a page is given again: what is counted is told once a second
LAG_EVERY_S: Final = 1.0
_OPEN_METRICS: Final = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Measured:
    """Where the numbers come from; every function may be called from any thread."""

    store: Path
    run: int
    started_ns: int
    totals: Callable[[], Sequence[ConnectionTotals]]
    health: Callable[[], Health]
    pruned_events: Callable[[], int]
    last_id: Callable[[], int]
    viewers: Callable[[], int]
    sinks: Callable[[], tuple[SinkState, ...]] = tuple


class Metrics:
    """Belongs to the event loop; numbers are collected and written in a thread."""

    def __init__(self, measured: Measured, clock: Clock) -> None:
        self._measured = measured
        self._clock = clock
        self._loop_lag_s = 0.0
        self._pages: dict[bool, tuple[int, Page]] = {}
        # the newest by whether it is OpenMetrics, and when it was made; monotonic
        self._writing = asyncio.Lock()
        # one page at a time: who comes meanwhile gets the same

    async def page(self, accept: str) -> Page:
        """The page in the format that a client's header Accept asks for."""
        is_open_metrics = wants_open_metrics(accept)
        async with self._writing:
            made_ns, page = self._pages.get(is_open_metrics, (0, None))
            if page is None or self._clock.mono_ns() - made_ns >= FRESH_NS:
                page = await asyncio.to_thread(self._page, is_open_metrics)
                self._pages[is_open_metrics] = self._clock.mono_ns(), page
            return page

    async def families(self) -> tuple[Family, ...]:
        """All metrics, now."""
        return await asyncio.to_thread(self._families)

    async def watch_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due_ns = self._clock.mono_ns() + round(LAG_EVERY_S * 1e9)
            await asyncio.sleep(LAG_EVERY_S)
            self._loop_lag_s = max(0, self._clock.mono_ns() - due_ns) / 1e9

    def _page(self, is_open_metrics: bool) -> Page:
        write = partial(exposition, is_open_metrics=is_open_metrics)
        return Page(write(self._families()), OPEN_METRICS if is_open_metrics else PLAIN)

    def _families(self) -> tuple[Family, ...]:
        measured, process = self._measured, process_facts(self._measured.store)
        facts = RecorderFacts(
            version=wsmon.__version__,
            run=measured.run,
            started_ns=measured.started_ns,
            health=measured.health(),
            pruned_events=measured.pruned_events(),
            last_id=measured.last_id(),
            viewers=measured.viewers(),
            store_bytes=process.store_bytes,
            free_bytes=process.free_bytes,
            cpu_s=process.cpu_s,
            resident_bytes=process.resident_bytes,
            open_files=process.open_files,
            loop_lag_s=self._loop_lag_s,
            sinks=measured.sinks(),
        )
        return (*connection_families(measured.totals()), *recorder_families(facts))


def wants_open_metrics(accept: str) -> bool:
    """Whether a header Accept prefers OpenMetrics to plain text."""
    weights = {_OPEN_METRICS: 0.0, "text/plain": 0.0}
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if kind in weights:
            weights[kind] = max(weights[kind], _weight(parameters))
    return 0 < weights[_OPEN_METRICS] >= weights["text/plain"]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
