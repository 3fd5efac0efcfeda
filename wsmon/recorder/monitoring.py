"""Monitoring of the recorder: its metrics, as a Prometheus page on request and as OTLP push to a collector.

``Metrics`` collects the numbers when they are asked for. ``prometheus_server`` serves them, ``otlp_push`` sends them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import wsmon
from wsmon.config.specs import Configuration
from wsmon.export.prometheus import OPEN_METRICS, PLAIN, exposition
from wsmon.model.metrics import (
    ConnectionTotals,
    MetricFamily,
    RecorderFacts,
    SinkState,
    connection_families,
    recorder_families,
)
from wsmon.model.redact.masking import mask_secrets
from wsmon.model.snapshot import Health
from wsmon.ports import Clock
from wsmon.recorder.http_server import HttpResponse
from wsmon.recorder.otlp_delivery import RetryTiming
from wsmon.recorder.otlp_push import OtlpPusher, PushContext
from wsmon.recorder.prometheus_server import PrometheusEndpoint
from wsmon.recorder.sink_guard import SinkGuard

# A page is returned again for this long: numbers are counted once a second
FRESH_NS: Final = 1_000_000_000
# Interval of the measurement of the lag of the event loop
LAG_EVERY_S: Final = 1.0
_OPEN_METRICS: Final = "application/openmetrics-text"
_STATM: Final = Path("/proc/self/statm")
_FILES: Final = Path("/proc/self/fd")

_LOG = logging.getLogger("wsmon.recorder")


class Monitoring:
    """Serves and sends the metrics of one recording, and never delays or ends it. Use it on the event loop."""

    def __init__(
        self, sources: MetricSources, first_id: int, configuration: str, clock: Clock, guard: SinkGuard
    ) -> None:
        """``first_id``: the newest event before this run; ``configuration``: its path, or URLs."""
        self._guard = guard
        self._metrics = Metrics(replace(sources, sinks=self._sinks), clock)
        self._prometheus = PrometheusEndpoint(self._metrics.page, guard.failed)
        resource = {"host.name": socket.gethostname(), "service.instance.id": str(sources.store)}
        context = PushContext(
            sources.store,
            first_id,
            sources.started_ns,
            self._metrics.families,
            {**resource, "wsmon.configuration": configuration},
        )
        self._otlp = OtlpPusher(context, RetryTiming(clock, random.Random(os.urandom(16)).random), guard.failed)
        self._secrets: tuple[str, ...] = ()

    def configure(self, configuration: Configuration) -> None:
        """Serve and send as this configuration says from now on."""
        self._secrets = configuration.secrets
        self._prometheus.configure(configuration.prometheus)
        self._otlp.configure(configuration.otlp)

    def _sinks(self) -> tuple[SinkState, ...]:
        """Return the state of the OTLP push; may be called on any thread."""
        return self._otlp.states()

    @property
    def warning(self) -> str:
        """The failure of serving or sending, as a sentence; empty where there is none."""
        return mask_secrets(self._prometheus.warning or self._otlp.health.warning, self._secrets)

    async def run(self) -> None:
        """Serve and send until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, run in (
                ("prometheus", self._prometheus.run),
                ("otlp", self._otlp.run),
                ("loop lag", self._metrics.watch_loop),
            ):
                group.create_task(self._guard.keep(name, run), name=name)

    async def finish(self) -> None:
        """Send what is left after the last commit, in bounded time."""
        try:
            await self._otlp.finish()
        except Exception:  # noqa: BLE001 - the end of the recording comes all the same
            # No event of it can be recorded any more
            _LOG.exception("not everything was sent before the recorder stopped")


@dataclass(frozen=True, slots=True)
class MetricSources:
    """Where the numbers of a recording come from; every function may be called on any thread."""

    store: Path
    run: int
    started_ns: int
    totals: Callable[[], Sequence[ConnectionTotals]]
    health: Callable[[], Health]
    pruned_events: Callable[[], int]
    last_id: Callable[[], int]
    viewers: Callable[[], int]
    left_out_connections: Callable[[], int]
    sinks: Callable[[], tuple[SinkState, ...]] = tuple


class Metrics:
    """Collects the metrics in a thread. Use it on the event loop."""

    def __init__(self, sources: MetricSources, clock: Clock) -> None:
        self._sources = sources
        self._clock = clock
        self._loop_lag_s = 0.0
        # Monotonic time and page, by whether it is in the OpenMetrics format
        self._pages: dict[bool, tuple[int, HttpResponse]] = {}
        # One page is made at a time: requests that come meanwhile get the same
        self._writing = asyncio.Lock()

    async def page(self, accept: str) -> HttpResponse:
        """Return the page in the format that the header ``Accept`` asks for; it is made at most once a second."""
        is_open_metrics = wants_open_metrics(accept)
        async with self._writing:
            made_ns, page = self._pages.get(is_open_metrics, (0, None))
            if page is None or self._clock.mono_ns() - made_ns >= FRESH_NS:
                page = await asyncio.to_thread(self._page, is_open_metrics)
                self._pages[is_open_metrics] = self._clock.mono_ns(), page
            return page

    async def families(self) -> tuple[MetricFamily, ...]:
        """Return all metrics, now."""
        return await asyncio.to_thread(self._families)

    async def watch_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due_ns = self._clock.mono_ns() + round(LAG_EVERY_S * 1e9)
            await asyncio.sleep(LAG_EVERY_S)
            self._loop_lag_s = max(0, self._clock.mono_ns() - due_ns) / 1e9

    def _page(self, is_open_metrics: bool) -> HttpResponse:
        write = partial(exposition, is_open_metrics=is_open_metrics)
        return HttpResponse(write(self._families()), OPEN_METRICS if is_open_metrics else PLAIN)

    def _families(self) -> tuple[MetricFamily, ...]:
        sources, process = self._sources, process_facts(self._sources.store)
        facts = RecorderFacts(
            version=wsmon.__version__,
            run=sources.run,
            started_ns=sources.started_ns,
            health=sources.health(),
            pruned_events=sources.pruned_events(),
            last_id=sources.last_id(),
            viewers=sources.viewers(),
            left_out_connections=sources.left_out_connections(),
            store_bytes=process.store_bytes,
            free_bytes=process.free_bytes,
            cpu_s=process.cpu_s,
            resident_bytes=process.resident_bytes,
            open_files=process.open_files,
            loop_lag_s=self._loop_lag_s,
            sinks=sources.sinks(),
        )
        return (*connection_families(sources.totals()), *recorder_families(facts))


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


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """Facts of the operating system about the process of the recorder and its files, at one time."""

    cpu_s: float
    resident_bytes: int
    open_files: int
    store_bytes: int
    """Size of the store and its write-ahead log; 0 where it is gone."""
    free_bytes: int
    """Free space of the file system of the store."""


def process_facts(store: Path) -> ProcessFacts:
    """Return the facts now; may block on the file system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    files = (store, store.with_name(f"{store.name}-wal"))
    return ProcessFacts(
        cpu_s=usage.ru_utime + usage.ru_stime,
        resident_bytes=_resident_bytes(usage.ru_maxrss),
        open_files=len(os.listdir(_FILES)) if _FILES.exists() else 0,  # noqa: PTH208 - names only, not a path each
        store_bytes=sum(file.stat().st_size for file in files if file.exists()),
        free_bytes=shutil.disk_usage(store.parent).free,
    )


def _resident_bytes(most_kib: int) -> int:
    """Return the present resident size where /proc has it, else the maximum."""
    if not _STATM.exists():
        return most_kib * 1024
    return int(_STATM.read_text().split()[1]) * resource.getpagesize()
