"""The metrics of a recording, taken when somebody asks for them; a page is made once a second at most."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import shutil
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import wsmon
from wsmon.config.specs import Configuration
from wsmon.errors import WsmonError
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
from wsmon.recorder.otlp_delivery import RetryTiming
from wsmon.recorder.otlp_push import OtlpPusher, PushContext
from wsmon.recorder.prometheus_server import HttpResponse, PrometheusServer

# What the operating system says about the recorder's process and its files.

_STATM: Final = Path("/proc/self/statm")
_FILES: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """All of it taken at one time."""

    cpu_s: float
    resident_bytes: int
    open_files: int
    store_bytes: int
    """Of the file and its write-ahead log; 0 where it is gone."""
    free_bytes: int
    """Of its file system."""


def process_facts(store: Path) -> ProcessFacts:
    """The facts now; may wait for the file system."""
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
    """Now, where the system says it; else the most there ever was."""
    if not _STATM.exists():
        return most_kib * 1024
    return int(_STATM.read_text().split()[1]) * resource.getpagesize()


# How long a page is given again: what is counted is told once a second
FRESH_NS: Final = 1_000_000_000
LAG_EVERY_S: Final = 1.0
_OPEN_METRICS: Final = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class MetricSources:
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

    def __init__(self, measured: MetricSources, clock: Clock) -> None:
        self._measured = measured
        self._clock = clock
        self._loop_lag_s = 0.0
        self._pages: dict[bool, tuple[int, HttpResponse]] = {}
        # the newest by whether it is OpenMetrics, and when it was made; monotonic
        # One page at a time: who comes meanwhile gets the same
        self._writing = asyncio.Lock()

    async def page(self, accept: str) -> HttpResponse:
        """The page in the format that a client's header Accept asks for."""
        is_open_metrics = wants_open_metrics(accept)
        async with self._writing:
            made_ns, page = self._pages.get(is_open_metrics, (0, None))
            if page is None or self._clock.mono_ns() - made_ns >= FRESH_NS:
                page = await asyncio.to_thread(self._page, is_open_metrics)
                self._pages[is_open_metrics] = self._clock.mono_ns(), page
            return page

    async def families(self) -> tuple[MetricFamily, ...]:
        """All metrics, now."""
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


# Keeps the recorder's metrics where the configuration wants them; an address that cannot be had is tried again.

RETRY_S: Final = 2.0
_LOG = logging.getLogger("wsmon.prometheus")


class PrometheusEndpoint:
    """Belongs to the event loop."""

    def __init__(self, metrics: Metrics, retry_s: float = RETRY_S) -> None:
        self._metrics = metrics
        self._retry_s = retry_s
        self._address = ""
        self._changed = asyncio.Event()
        # Why nobody can scrape; empty = all is well
        self.warning = ""

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
            server = PrometheusServer(self._address, self._metrics.page)
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


# Monitoring systems of one recording: who scrapes it, and where it sends to.


class Monitoring:
    """Belongs to the event loop; nothing in it makes the recording wait or end."""

    def __init__(self, measured: MetricSources, first_id: int, configuration: str, clock: Clock) -> None:
        """``first_id``: the newest event before this run; ``configuration`` names it."""
        self._metrics = Metrics(replace(measured, sinks=self._sinks), clock)
        self._exposing = PrometheusEndpoint(self._metrics)
        resource = {"host.name": socket.gethostname(), "service.instance.id": str(measured.store)}
        told = PushContext(
            measured.store,
            first_id,
            measured.started_ns,
            self._metrics.families,
            {**resource, "wsmon.configuration": configuration},
        )
        self._sending = OtlpPusher(told, RetryTiming(clock, random.Random(os.urandom(16)).random))
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
