"""Recorder: engine, bus, writer, control server, alerts and monitoring of one recording, from its lock to its end.

The parts end in a fixed order: alerts and monitoring stop, sockets close, the writer takes what the bus holds and
commits it, monitoring sends what is left, the control server closes, and the lock is released.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import random
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

import wsmon
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.config.specs import Configuration
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.losses import LossNote, keep_note, read_note, remove_note
from wsmon.control.messages import PROTOCOL, Hello, Sample
from wsmon.control.ownership import make_private_folder
from wsmon.control.registry import ensure_runtime_folder, register, running, unregister
from wsmon.engine.loop import EngineLoop, new_event_loop
from wsmon.engine.retry import out_of_descriptors
from wsmon.engine.standstill import LoopWatch, Standstill
from wsmon.engine.supervisor import Supervisor
from wsmon.errors import EXIT_INTERRUPTED, StoreError, WsmonError
from wsmon.model.block import Committed
from wsmon.model.detectors import all_detectors
from wsmon.model.detectors.rules import RuleDetector
from wsmon.model.events import Event, Meta
from wsmon.model.profiles import Notable
from wsmon.model.snapshot import Health
from wsmon.model.units import SECOND_NS
from wsmon.ports import EventSink
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.alerts import AlertDispatcher, AlertOrigin
from wsmon.recorder.bundles import IncidentBundles
from wsmon.recorder.descriptors import SetAside, raised_limit
from wsmon.recorder.ingest import Ingest, LineIngest
from wsmon.recorder.intake import Intake
from wsmon.recorder.monitoring import MetricSources, Monitoring
from wsmon.recorder.otlp_server import OtlpReceiver, listening_socket
from wsmon.recorder.plugins import PluginDecoders, PluginProtocols
from wsmon.recorder.relaying import addresses_of, listening_relays, routes_of_rows, share_interpreter
from wsmon.recorder.run import RecorderOptions, emit_start, self_events
from wsmon.recorder.server import CommandHandler, ControlServer
from wsmon.recorder.sink_guard import SinkGuard
from wsmon.recorder.spool import SpoolIntake
from wsmon.relay.relayed_session import RelayedSession
from wsmon.relay.relays import Listening, Relays
from wsmon.store.database import Database, RunStart, open_for_writing
from wsmon.store.opening import file_identity
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION
from wsmon.store.writer import Writer

# New objects until they are searched for garbage, of which a recorder makes little, and how often that is until older
# ones are, too. At Python's default of 700, that takes a tenth of the time of a thousand connections
GC_THRESHOLDS = (20_000, 10, 10)
# Interval at which viewers and the file of the store are checked
POLL_S = 1.0
_LOG = logging.getLogger("wsmon.recorder")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def record(options: RecorderOptions, on_ready: Callable[[LockInfo], None]) -> None:
    """Record until stopped by a signal, a command or a limit; call ``on_ready`` once viewers can attach.

    Raises ``StoreHeldError`` where another recorder holds the store, ``WsmonError`` where recording cannot begin or
    had to end.
    """
    info = _describe(options)
    _ensure_folder(options.store.parent)
    ensure_runtime_folder(options.socket.parent)
    with (
        StoreLock(options.store, info, partial(running, options.socket.parent)) as lock,
        raised_limit() as descriptors,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        try:
            runner.run(_record(replace(options, child_descriptors=descriptors), info, lock, on_ready))
        finally:
            unregister(info)


async def _record(
    options: RecorderOptions, info: LockInfo, lock: StoreLock, on_ready: Callable[[LockInfo], None]
) -> None:
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    gc.set_threshold(*GC_THRESHOLDS)
    async with options.prepare() as configuration:
        # Before anything is written: an address in use is an error of the configuration
        listener = listening_socket(configuration)
        relays = listening_relays(configuration)
        database = open_for_writing(options.store)
        database.begin_run(_run_start(info, configuration))
        recording = _Recording(options, configuration, database, info, lock, stopping, listener, relays)
        await recording.run(on_ready)


class _Recording:
    """The parts of a recording, and the order in which they start and end."""

    def __init__(
        self,
        options: RecorderOptions,
        configuration: Configuration,
        database: Database,
        info: LockInfo,
        lock: StoreLock,
        stopping: asyncio.Event,
        otlp_listener: socket.socket | None,
        listening: Mapping[str, Listening],
    ) -> None:
        self._options = options
        self._info = info
        self._lock = lock
        self._run_start = _run_start(info, configuration)
        # Device and inode of the store; None before it is watched
        self._opened: tuple[int, int] | None = None
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_fault)
        self._clock = clock = SystemClock()
        self._hung_up = asyncio.Event()
        self._loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        self._failure: BaseException | None = None
        # Set where the recording ended and relays pass bytes on without one
        self._outlived = asyncio.Event()
        # What earlier recorders lost, until an event in the store tells of it
        self._untold = read_note(options.store, options.state_folder)
        self._bus = Bus(self._on_drained)
        self._writer = Writer(
            database,
            self._bus,
            clock,
            self._on_commit,
            self._on_failure,
            (*all_detectors(), rules := RuleDetector()),
            self._on_notable,
            self._renew_store,
        )
        self._last_id_before = self._writer.committed_id
        self._open_at_cut_off = database.open_at_cut_off
        self._routes = routes_of_rows(configuration, {}, addresses_of(listening))
        self._writer.configure(configuration.recorded, configuration.retention, configuration.detectors, self._routes)
        sink = _ListenedSink(self._bus, options.on_event) if options.on_event else self._bus
        self._plugins = PluginProtocols()
        self._decoders = PluginDecoders()
        self._supervisor = Supervisor(
            configuration.connections,
            configuration.secrets,
            sink,
            clock,
            random.Random(os.urandom(16)),
            self._plugins,
            self._decoders,
        )
        self._relays = Relays(
            self._supervisor.services,
            configuration.secrets,
            RelayedSession,
            self._configure_rows,
            lambda: self._bus.is_shedding,
        )
        names = [spec.name for spec in configuration.connections]
        self._relays.configure(configuration.relays, names, listening)
        share_interpreter(configuration)
        self._watch = LoopWatch(sink, clock, self._bus.mark_read, lambda: self._supervisor.is_paused, self._stood_still)
        if isinstance(self._loop, EngineLoop):
            self._loop.on_standstill = self._watch.stood_still
        self._emit = self_events(sink, clock)
        self._guard = guard = SinkGuard(self._emit, clock, lambda: self._commands.secrets)
        origin = AlertOrigin(socket.gethostname(), info.configuration, info.store)
        watch = partial(
            RuleWatch, partial(Reader, options.store, clock), lambda: self._writer.committed_id, rules, clock
        )
        self._alerts = AlertDispatcher(origin, self._emit, clock, watch, guard, options.child_descriptors)
        self._alerts.configure(configuration.alerts, configuration.secrets)
        self._monitoring = Monitoring(
            self._metric_sources(), self._writer.committed_id, info.configuration, clock, guard
        )
        self._monitoring.configure(configuration)
        self._bundles = IncidentBundles(options.store, options.program, clock, guard.failed, options.child_descriptors)
        self._bundles.configure(configuration)
        self._intake = Intake(clock, info.boot_id)
        self._intake.configure(configuration)
        self._ingest = Ingest(LineIngest(self._bus, self._intake, clock, self._writer.committed_seqs, options.on_event))
        self._spool = SpoolIntake(options.store, self._ingest, self._emit)
        self._receiver = OtlpReceiver(self._ingest, guard.failed, str(options.store))
        self._configure_receiver = partial(self._receiver.configure, configuration, otlp_listener)
        self._commands = CommandHandler(
            options,
            configuration,
            self._supervisor,
            self._relays,
            self._writer,
            self._alerts,
            self._monitoring,
            self._bundles,
            self._intake,
            self._receiver,
            self._emit,
            stopping.set,
        )
        self._server = ControlServer(
            options.socket, self._hello, self._sample, self._commands.execute, guard.failed, self._ingest
        )

    async def run(self, on_ready: Callable[[LockInfo], None]) -> None:
        """Start all parts, wait for the end, and end them; raise the failure that ended the recording."""
        self._writer.start()
        try:
            await self._record(on_ready)
        finally:
            self._emit("self.run.ended")
            self._bus.close()
            await asyncio.to_thread(self._writer.join)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._monitoring.finish(), name="end of monitoring")
                group.create_task(self._bundles.finish(), name="last bundle")
            await self._receiver.close()
            await self._server.close()
        if self._failure is not None:
            lost = await asyncio.to_thread(self._note_losses, self._failure)
            raise WsmonError(f"recording ended: {lost}{self._failure}") from self._failure

    async def _record(self, on_ready: Callable[[LockInfo], None]) -> None:
        """Record from the first event to the end of the last connection."""
        if self._untold is not None:
            self._emit("self.lost", reason=_told(self._untold), meta=_told_meta(self._untold))
        emit_start(self._emit, wsmon.__version__, self._info.pid, self._open_at_cut_off)
        self._plugins.report_to(self._emit)
        self._decoders.report_to(self._emit)
        # Clients may take all descriptors that are left from here on
        for_the_judge = SetAside()
        await self._server.start()
        await self._configure_receiver()
        register(self._info)
        # Before viewers are let in, so that a store that is removed at once is noticed, too
        self._opened = await asyncio.to_thread(file_identity, self._options.store)
        # Outside the group, which would wrap an error of the standard output that the addresses are printed to
        if self._options.on_listening is not None:
            self._options.on_listening(self._routes)
        async with asyncio.TaskGroup() as group:
            engine = group.create_task(self._supervisor.run(), name="supervisor")
            engine.add_done_callback(lambda _task: None if self._outlived.is_set() else self._stopping.set())
            relays = group.create_task(self._relays.run(), name="relays")
            relays.add_done_callback(lambda _task: self._stopping.set())
            helpers = [
                group.create_task(self._watch.run(), name="loop watch"),
                group.create_task(self._watch_limits(), name="limits"),
                group.create_task(self._watch_store(), name="store"),
                group.create_task(self._outlive(), name="relays without a recording"),
                group.create_task(self._reload_on_hangup(), name="reload on SIGHUP"),
                group.create_task(self._guard.keep("spool", self._spool.run), name="spool"),
                group.create_task(self._guard.keep("alerts", self._alerts.run), name="alerts"),
                group.create_task(self._guard.keep("monitoring", self._monitoring.run), name="monitoring"),
                group.create_task(self._guard.keep("bundle", self._bundles.run), name="bundles"),
            ]
            on_ready(self._info)
            # The writer judges the end of a session by it. Not before the recorder is ready, which should be soon; but
            # before the first connection, since later there may be no descriptor left to read a module by
            for_the_judge.give_back()
            importlib.import_module("wsmon.model.verdict.judge")
            await self._stopping.wait()
            self._receiver.stop_listening()
            for task in helpers:
                task.cancel()
            # The ends of a thousand sessions would have the garbage collector look through all of them many times
            gc.freeze()
            await self._relays.stop()
            await self._supervisor.stop()

    async def _reload_on_hangup(self) -> None:
        """Read the configuration again on SIGHUP; a closed terminal does not end the recording."""
        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            try:
                await self._commands.reload()
            except WsmonError as error:
                _LOG.warning("not reloaded: %s", error)
            except Exception as error:  # noqa: BLE001 - the border of the reload: the recording goes on as it was
                self._guard.failed("reload", error)

    async def _watch_limits(self) -> None:
        """End the recording when its time is up, or after the idle limit without viewers."""
        limit_s, idle_limit_s = self._options.limit_s, self._options.idle_limit_s
        # Not the clock of the loop, which stands still with the process
        begun_s = seen_s = self._clock.mono_ns() / SECOND_NS
        while True:
            now_s = self._clock.mono_ns() / SECOND_NS
            if self._server.clients:
                seen_s = now_s
            ends_s = [begun_s + limit_s] if limit_s is not None else []
            ends_s += [seen_s + idle_limit_s] if idle_limit_s is not None else []
            if any(now_s >= end_s for end_s in ends_s):
                self._stopping.set()
                return
            await asyncio.sleep(min([POLL_S, *(end_s - now_s for end_s in ends_s)]))

    async def _watch_store(self) -> None:
        """End the recording when its file is gone: SQLite would go on, and write into a file without a name."""
        path = self._options.store
        while await asyncio.to_thread(self._is_in_place):  # noqa: ASYNC110 - the removal of a file sends no event
            await asyncio.sleep(POLL_S)
        self._end_recording(StoreError(f"the store {path} was removed or replaced", "the data in it is lost"))

    def _end_recording(self, failure: BaseException) -> None:
        """End, because nothing can be stored any more; relays that fail open go on until they are stopped."""
        self._failure = self._failure or failure
        if self._relays.end_closed("nothing can be stored"):
            self._bus.start_shedding()
            self._outlived.set()
        else:
            self._stopping.set()

    async def _outlive(self) -> None:
        """End what is of no use without a store, once there is none; the bytes of relays pass on."""
        await self._outlived.wait()
        _LOG.error("relays pass bytes on without recording them: %s", self._failure)
        await self._supervisor.stop()

    def _is_in_place(self) -> bool:
        """Whether the file that is written has its name."""
        return (
            file_identity(self._options.store) == self._opened
            or self._writer.is_renewing
            # A new store may have been begun between the two
            or file_identity(self._options.store) == self._opened
        )

    def _renew_store(self, last_id: int) -> Database:
        """Begin a new store in place of one that was set aside, for the same run. Called on the writer thread."""
        path = self._options.store
        self._lock.move_to_new_file(path)
        database = open_for_writing(path)
        database.continue_after(last_id)
        database.begin_run(self._run_start, self._writer.run)
        self._opened = file_identity(path)
        return database

    def _hello(self) -> Hello:
        return Hello(
            PROTOCOL,
            wsmon.__version__,
            SCHEMA_VERSION,
            self._writer.run,
            os.getpid(),
            self._writer.committed_id,
            self._commands.digest,
        )

    def _health(self) -> Health:
        """Return the health of all parts; may be called on any thread."""
        health = self._writer.health()
        return replace(health, warning=health.warning or self._sink_warning())

    def _sink_warning(self) -> str:
        if self._failure is not None:
            return f"nothing is recorded any more: {self._failure}"
        return self._alerts.warning or self._monitoring.warning or self._guard.warning

    def _sample(self) -> Sample:
        health = self._health()
        return Sample(
            health.waiting_events,
            health.waiting_bytes,
            health.commit_lag_ms,
            health.events_shed,
            health.is_paused,
            health.warning,
            self._commands.digest,
            self._alerts.rings,
            self._alerts.notifies,
        )

    def _metric_sources(self) -> MetricSources:
        """Return where the metrics come from; they are read when a monitoring system asks."""
        writer = self._writer
        return MetricSources(
            self._options.store,
            writer.run,
            self._info.started_ns,
            writer.totals.read,
            self._health,
            lambda: writer.pruned_events,
            lambda: writer.committed_id,
            lambda: self._server.clients,
            lambda: writer.totals.left_out,
        )

    def _on_drained(self) -> None:
        """Called on the writer thread."""
        self._supervisor.resume_reading()
        self._loop.call_soon_threadsafe(self._relays.resume_reading)

    def _configure_rows(self) -> None:
        self._commands.configure_rows()

    def _stood_still(self, standstill: Standstill) -> None:
        self._supervisor.stood_still(standstill)
        self._relays.stood_still(standstill)

    def _note_losses(self, failure: BaseException) -> str:
        """Note how many events were not kept, for `stop`, `doctor` and the next recorder; return it as a clause."""
        count = self._writer.lost_events
        if not count:
            return ""
        store, ended_ns = self._info.store, self._clock.wall_ns()
        note = LossNote(store, count, ended_ns, self._info.pid, str(failure))
        kept = keep_note(note, self._options.state_folder)
        unnoted = "" if kept else ", and the loss could not be noted in a file"
        return f"{count:,} events lost{unnoted}: "

    def _on_commit(self, last_id: int, committed: Sequence[Committed]) -> None:
        """Called on the writer thread."""
        self._alerts.hold(committed)
        if self._untold is not None and last_id > self._last_id_before:
            remove_note(self._options.store, self._options.state_folder)
            self._untold = None
        self._loop.call_soon_threadsafe(self._server.wake, last_id)

    def _on_notable(self, notable: Sequence[Notable]) -> None:
        """Called on the writer thread."""
        self._loop.call_soon_threadsafe(self._alerts.take, notable)
        self._loop.call_soon_threadsafe(self._bundles.take, [each.event for each in notable])

    def _on_loop_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report what asyncio would print: a client that could not be let in, or a fault of a task that none awaits."""
        error = context.get("exception")
        if isinstance(error, OSError) and (sentence := out_of_descriptors(error)):
            self._guard.failed("server", WsmonError(f"it cannot accept a client: {sentence}"))
        elif isinstance(error, Exception):
            self._guard.failed("asyncio", error)
        else:
            loop.default_exception_handler(context)

    def _on_failure(self, error: BaseException) -> None:
        """End the recording, because its writer failed. Called on the writer thread."""
        # An error of ours: its traceback is needed
        if not isinstance(error, WsmonError):
            _LOG.error("the writer failed", exc_info=error)
        self._failure = error
        self._loop.call_soon_threadsafe(self._end_recording, error)


class _ListenedSink:
    """A sink that passes lifecycle events to a listener, too; messages go straight to the sink."""

    def __init__(self, sink: EventSink, listener: Callable[[Event], None]) -> None:
        self._sink = sink
        self._listener = listener
        self.emit_message = sink.emit_message
        self.emit_block = sink.emit_block

    def emit(self, event: Event) -> None:
        """Emit, then call the listener."""
        self._sink.emit(event)
        self._listener(event)

    @property
    def is_full(self) -> bool:
        """Whether the sink is full."""
        return self._sink.is_full


def _told(note: LossNote) -> str:
    return f"{note.count:,} events lost when the last recorder stopped: {note.reason}"


def _told_meta(note: LossNote) -> Meta:
    return {"count": note.count, "ended_ns": note.ended_ns, "pid": note.pid}


def _run_start(info: LockInfo, configuration: Configuration) -> RunStart:
    return RunStart(
        info.started_ns,
        SystemClock().mono_ns(),
        info.pid,
        info.version,
        info.boot_id,
        info.configuration,
        configuration.digest,
    )


# timeout(1) signals its command and then the process group with the command in it; npm passes on a ^C that the terminal
# has sent to all. No user is as fast
_ONE_SIGNAL_S: Final = 0.1


def _stop_on_signals(stopping: asyncio.Event) -> None:
    """Stop on SIGINT and SIGTERM; the second signal ends the process at once, unless it came with the first."""
    loop = asyncio.get_running_loop()
    first_s = -inf

    def stop() -> None:
        nonlocal first_s
        if not stopping.is_set():
            first_s = loop.time()
            stopping.set()
        elif loop.time() - first_s >= _ONE_SIGNAL_S:
            # What is committed is on disk; what was received since then is lost
            os._exit(EXIT_INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _describe(options: RecorderOptions) -> LockInfo:
    boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
    return LockInfo(
        os.getpid(),
        wsmon.__version__,
        SCHEMA_VERSION,
        PROTOCOL,
        options.identity,
        str(options.store),
        str(options.socket),
        SystemClock().wall_ns(),
        boot_id,
    )


def _ensure_folder(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder of the store {folder}: {error.strerror}", "use --store to choose another location"
        ) from error
