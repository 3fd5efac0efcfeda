"""One recorder: engine, bus, writer and control socket put together, from lock to truncated log.

The order of the end is the promise: sockets close, the bus drains, the writer commits, then the lock goes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import wsmon
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.config.specs import Configuration
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.messages import PROTOCOL, Hello, Sample
from wsmon.control.registry import ensure_runtime_folder, register, unregister
from wsmon.engine.loop import new_event_loop
from wsmon.engine.supervisor import Supervisor
from wsmon.errors import EXIT_INTERRUPTED, StoreError, WsmonError
from wsmon.model.detectors import all_detectors
from wsmon.model.detectors.rules import RuleDetector
from wsmon.model.events import Event
from wsmon.model.snapshot import Health
from wsmon.ports import EventSink
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.alerts import AlertDispatcher, AlertOrigin
from wsmon.recorder.monitoring import MetricSources, Monitoring
from wsmon.recorder.run import RecorderOptions, self_events
from wsmon.recorder.server import CommandHandler, ControlServer
from wsmon.store.database import Database, RunStart, open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION
from wsmon.store.writer import Writer

# How soon the writer gets the interpreter back from a busy loop: at the default of 5 ms a commit waits for 100 ms
SWITCH_INTERVAL_S = 0.0005
# How often is looked whether viewers are there, and the store still is
POLL_S = 1.0
_LOG = logging.getLogger("wsmon.recorder")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def record(assignment: RecorderOptions, on_ready: Callable[[LockInfo], None]) -> None:
    """Record until told to stop; ``on_ready`` once viewers can attach.

    Raises ``StoreHeldError`` where another recorder holds the store, ``WsmonError`` where recording cannot begin or
    had to end.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    info = _describe(assignment)
    _ensure_folder(assignment.store.parent)
    ensure_runtime_folder(assignment.socket.parent)
    with StoreLock(assignment.store, info), asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            runner.run(_record(assignment, info, on_ready))
        finally:
            unregister(info)


async def _record(assignment: RecorderOptions, info: LockInfo, on_ready: Callable[[LockInfo], None]) -> None:
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    async with assignment.prepare() as configuration:
        database = open_for_writing(assignment.store)
        database.begin_run(
            RunStart(
                info.started_ns,
                SystemClock().mono_ns(),
                info.pid,
                info.version,
                info.boot_id,
                info.configuration,
                configuration.digest,
            )
        )
        recording = _Recording(assignment, configuration, database, info, stopping)
        await recording.run(on_ready)


class _Recording:
    """The parts of a recording and the order in which they begin and end."""

    def __init__(
        self,
        assignment: RecorderOptions,
        configuration: Configuration,
        database: Database,
        info: LockInfo,
        stopping: asyncio.Event,
    ) -> None:
        self._assignment = assignment
        self._info = info
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
        self._hung_up = asyncio.Event()
        self._loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        self._failure: BaseException | None = None
        clock = SystemClock()
        self._bus = Bus(self._on_drained)
        self._writer = Writer(
            database,
            self._bus,
            clock,
            self._on_commit,
            self._on_failure,
            (*all_detectors(), rules := RuleDetector()),
            self._on_notable,
        )
        self._writer.configure(configuration.connections, configuration.retention)
        sink = _Overheard(self._bus, assignment.on_event) if assignment.on_event else self._bus
        self._supervisor = Supervisor(
            configuration.connections, configuration.secrets, sink, clock, random.Random(os.urandom(16))
        )
        self._emit = self_events(sink, clock)
        origin = AlertOrigin(socket.gethostname(), info.configuration, info.store)
        watch = partial(RuleWatch, partial(Reader, assignment.store, clock), lambda: self._writer.last_id, rules, clock)
        self._alerting = AlertDispatcher(origin, self._emit, clock, watch)
        self._alerting.configure(configuration.alerts, configuration.secrets)
        self._monitoring = Monitoring(self._measured(), self._writer.last_id, info.configuration, clock)
        self._monitoring.configure(configuration)
        self._operator = CommandHandler(
            assignment,
            configuration,
            self._supervisor,
            self._writer,
            self._alerting,
            self._monitoring,
            self._emit,
            stopping.set,
        )
        self._server = ControlServer(assignment.socket, self._hello, self._sample, self._operator.execute)

    async def run(self, on_ready: Callable[[LockInfo], None]) -> None:
        """Everything begins, waits for the end, and ends; the failure that ended it is raised."""
        self._writer.start()
        try:
            await self._record(on_ready)
        finally:
            self._emit("self.run.ended")
            self._bus.close()
            await asyncio.to_thread(self._writer.join)
            await self._monitoring.finish()
            await self._server.close()
        if self._failure is not None:
            raise WsmonError(f"recording ended: {self._failure}") from self._failure

    async def _record(self, on_ready: Callable[[LockInfo], None]) -> None:
        """From the first event to the end of the last connection."""
        self._emit("self.run.started", meta={"version": wsmon.__version__, "pid": self._info.pid})
        await self._server.start()
        register(self._info)
        async with asyncio.TaskGroup() as group:
            engine = group.create_task(self._supervisor.run(), name="supervisor")
            engine.add_done_callback(lambda _task: self._stopping.set())
            helping = [
                group.create_task(self._watch_limits(), name="limits"),
                group.create_task(self._watch_store(), name="store"),
                group.create_task(self._reload_on_hangup(), name="reload on SIGHUP"),
                group.create_task(self._alerting.run(), name="alerts"),
                group.create_task(self._monitoring.run(), name="monitoring"),
            ]
            on_ready(self._info)
            await self._stopping.wait()
            for task in helping:
                task.cancel()
            await self._supervisor.stop()

    async def _reload_on_hangup(self) -> None:
        """SIGHUP reads the configuration again; a terminal that went away is no reason to end."""
        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            try:
                await self._operator.reload()
            except WsmonError as error:
                _LOG.warning("not reloaded: %s", error)

    async def _watch_limits(self) -> None:
        """End the recording when its time is up, or nobody has looked at it for long enough."""
        limit_s, idle_limit_s = self._assignment.limit_s, self._assignment.idle_limit_s
        begun_s = seen_s = self._loop.time()
        while True:
            now_s = self._loop.time()
            if self._server.clients:
                seen_s = now_s
            ends_s = [begun_s + limit_s] if limit_s is not None else []
            ends_s += [seen_s + idle_limit_s] if idle_limit_s is not None else []
            if any(now_s >= end_s for end_s in ends_s):
                self._stopping.set()
                return
            await asyncio.sleep(min([POLL_S, *(end_s - now_s for end_s in ends_s)]))

    async def _watch_store(self) -> None:
        """End the recording when its file is gone: SQLite would go on, and write where nobody can read."""
        path = self._assignment.store
        opened = await asyncio.to_thread(_identity, path)
        while await asyncio.to_thread(_identity, path) == opened:  # noqa: ASYNC110 - a file that goes tells nobody
            await asyncio.sleep(POLL_S)
        self._failure = StoreError(f"the store {path} was removed or replaced", "what is recorded is lost with it")
        self._stopping.set()

    def _hello(self) -> Hello:
        return Hello(
            PROTOCOL,
            wsmon.__version__,
            SCHEMA_VERSION,
            self._writer.run,
            os.getpid(),
            self._writer.last_id,
            self._operator.digest,
        )

    def _health(self) -> Health:
        """In any thread."""
        health = self._writer.health()
        return replace(health, warning=health.warning or self._alerting.warning or self._monitoring.warning)

    def _sample(self) -> Sample:
        health = self._health()
        return Sample(
            health.waiting_events,
            health.waiting_bytes,
            health.commit_lag_ms,
            health.events_shed,
            health.is_paused,
            health.warning,
            self._operator.digest,
            self._alerting.rings,
            self._alerting.notifies,
        )

    def _measured(self) -> MetricSources:
        """What monitoring systems are told, taken when they ask."""
        writer = self._writer
        return MetricSources(
            self._assignment.store,
            writer.run,
            self._info.started_ns,
            writer.totals.read,
            self._health,
            lambda: writer.pruned_events,
            lambda: writer.last_id,
            lambda: self._server.clients,
        )

    def _on_drained(self) -> None:
        """In the writer's thread."""
        self._supervisor.resume_reading()

    def _on_commit(self, last_id: int) -> None:
        """In the writer's thread."""
        self._loop.call_soon_threadsafe(self._server.wake, last_id)

    def _on_notable(self, events: Sequence[Event]) -> None:
        """In the writer's thread."""
        self._loop.call_soon_threadsafe(self._alerting.take, events)

    def _on_failure(self, error: BaseException) -> None:
        """In the writer's thread: without a writer there is nothing to record into."""
        if not isinstance(error, WsmonError):
            _LOG.error("the writer failed", exc_info=error)  # a mistake of ours: its place must be known
        self._failure = error
        self._loop.call_soon_threadsafe(self._stopping.set)


class _Overheard:
    """A sink that somebody else listens to: lifecycle events are told, messages are not."""

    def __init__(self, sink: EventSink, listener: Callable[[Event], None]) -> None:
        self._sink = sink
        self._listener = listener
        self.emit_message = sink.emit_message

    def emit(self, event: Event) -> None:
        """Hand on, then tell."""
        self._sink.emit(event)
        self._listener(event)

    @property
    def is_full(self) -> bool:
        """As the sink says."""
        return self._sink.is_full


def _stop_on_signals(stopping: asyncio.Event) -> None:
    """SIGINT and SIGTERM end the recording; the second one ends the process."""

    def stop() -> None:
        if stopping.is_set():
            os._exit(EXIT_INTERRUPTED)  # the store needs no goodbye: what was acknowledged is on disk
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _describe(assignment: RecorderOptions) -> LockInfo:
    boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
    return LockInfo(
        os.getpid(),
        wsmon.__version__,
        SCHEMA_VERSION,
        PROTOCOL,
        assignment.identity,
        str(assignment.store),
        str(assignment.socket),
        SystemClock().wall_ns(),
        boot_id,
    )


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path is; ``None`` for none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _ensure_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder of the store {folder}: {error.strerror}", "--store names another place"
        ) from error
