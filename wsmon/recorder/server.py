"""Control server: the recorder's end of the control socket, with wake-ups and health out, commands in.

The first line of a client tells a viewer from an application that reports events, which recorder/ingest.py serves.

A client that reads slowly delays itself alone: wake-ups are coalesced, and each client has a task of its own.
``CommandHandler`` carries commands out. The viewer's end is control/client.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from wsmon.config.secrets import expand_typed
from wsmon.config.specs import Configuration
from wsmon.control.ingest import LineFault, encode_ingest, is_from_application
from wsmon.control.messages import LINE_LIMIT_BYTES, Command, Hello, Message, Reply, Sample, Wake, decode, encode
from wsmon.control.ownership import ROOT, peer_uid
from wsmon.engine.supervisor import Changes, Supervisor
from wsmon.errors import ConfigError, WsmonError
from wsmon.model.units import format_size
from wsmon.ports import SentByHand
from wsmon.recorder.alerts import AlertDispatcher
from wsmon.recorder.bundles import IncidentBundles
from wsmon.recorder.ingest import Ingest, IngestLine, LineReader
from wsmon.recorder.intake import Intake
from wsmon.recorder.monitoring import Monitoring
from wsmon.recorder.otlp_server import OtlpReceiver
from wsmon.recorder.relaying import listening_relays, recorded_specs, routes_of_rows, share_interpreter
from wsmon.recorder.run import EmitSelfEvent, RecorderOptions, ReportFault
from wsmon.relay.relays import RelayChanges, Relays, close_all
from wsmon.store.writer import Writer

# A viewer repaints ten times a second, so it needs no more wake-ups than this
WAKE_INTERVAL_S = 0.04
SAMPLE_INTERVAL_S = 1.0
# A client that reads nothing for this long is disconnected
STUCK_S = 30.0
# How long a client may take to send its greeting
HELLO_S = 10.0
# How long a client may take to read its last lines when the recorder ends
CLOSE_S = 0.2
_LOG = logging.getLogger("wsmon.control")


class ControlServer:
    """Serves viewers on a Unix socket until closed."""

    def __init__(
        self,
        path: Path,
        hello: Callable[[], Hello],
        sample: Callable[[], Sample],
        execute: Callable[[Command], Awaitable[str | SentByHand]],
        report: ReportFault,
        ingest: Ingest,
    ) -> None:
        """``execute`` carries a command out and returns a sentence; its ``WsmonError`` is the refusal.

        ``report`` gets the faults of ours, with the name of the sink; ``ingest`` serves applications.
        """
        self._ingest = ingest
        self._report = report
        self._path = path
        self._hello = hello
        self._sample = sample
        self._execute = execute
        self._last_id = 0
        # Clients that have sent their greeting; the event is set while there is a new event id for them
        self._clients: dict[asyncio.StreamWriter, asyncio.Event] = {}
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        # Inode of the socket; 0 before there is one
        self._inode = 0

    @property
    def clients(self) -> int:
        """Number of viewers that are attached."""
        return len(self._clients)

    async def start(self) -> None:
        """Listen; a file at the path is stale, because the caller holds the lock of the store.

        Raises ``WsmonError`` where no socket can be made.
        """
        mask = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(self._protocol, str(self._path))
            self._inode = self._path.stat().st_ino
        except OSError as error:
            raise WsmonError(
                f"cannot make the control socket {self._path}: {error.strerror}",
                "set XDG_RUNTIME_DIR to choose the folder",
            ) from error
        finally:
            os.umask(mask)

    async def close(self) -> None:
        """Disconnect all clients and remove the socket."""
        self._ingest.close()
        if self._server is not None:
            self._server.close()
        # The task that serves a client reads the end of the stream, and ends
        for writer in self._serving.values():
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=CLOSE_S)
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving, timeout=CLOSE_S)
        # It may be gone already, or belong to another recorder with a new store at the same path
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def wake(self, last_id: int) -> None:
        """Send all viewers a wake-up, and applications what they wait for: events up to ``last_id`` are committed."""
        self._ingest.committed()
        self._last_id = last_id
        for dirty in self._clients.values():
            dirty.set()

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(_PatientReader(LINE_LIMIT_BYTES), self._serve)

    def _greet(self, writer: asyncio.StreamWriter) -> None:
        """Send the greeting. A program that has written its lines and left does not hear it, and they count."""
        with suppress(OSError):
            # Not by the transport, which would end, with what it has not read. A new socket has room for it
            os.write(writer.get_extra_info("socket").fileno(), encode(self._hello()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            if peer_uid(writer.get_extra_info("socket")) not in (os.geteuid(), ROOT):
                return
            self._greet(writer)
            lines = LineReader(reader)
            async with asyncio.timeout(HELLO_S):
                first = await lines.read()
            if first and is_from_application(first[0] or b""):
                await self._ingest.serve(lines, first, writer)
                return
            if not first:
                return
            if not _is_hello(first[0]):
                writer.write(encode_ingest(LineFault(1, "neither an event (no name) nor a greeting")))
                return
            self._clients[writer] = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                pushing = group.create_task(self._push(writer, self._clients[writer]), name="control push")
                await self._answer(lines, first[1:], writer)
                pushing.cancel()
        except* (OSError, WsmonError, ValueError) as errors:
            # The client is gone, stuck, or not a viewer: none of that concerns the recording
            _LOG.info("viewer lost: %s", errors.exceptions[0])
        except* Exception as errors:  # noqa: BLE001 - the border of the task: an error of ours costs one viewer
            self._report("control", errors)
        finally:
            self._clients.pop(writer, None)
            self._serving.pop(task)
            writer.close()

    async def _push(self, writer: asyncio.StreamWriter, dirty: asyncio.Event) -> None:
        sent_id = -1
        while True:
            await _send(writer, self._sample())
            loop = asyncio.get_running_loop()
            sample_due = loop.time() + SAMPLE_INTERVAL_S
            while (rest := sample_due - loop.time()) > 0:
                try:
                    async with asyncio.timeout(rest):
                        await dirty.wait()
                except TimeoutError:
                    break
                dirty.clear()
                if self._last_id != sent_id:
                    sent_id = self._last_id
                    await _send(writer, Wake(sent_id))
                await asyncio.sleep(WAKE_INTERVAL_S)

    async def _answer(self, lines: LineReader, first: list[IngestLine], writer: asyncio.StreamWriter) -> None:
        waiting = first or await lines.read()
        while waiting:
            for line in waiting:
                await _send(writer, await self._reply(_decode(line)))
            waiting = await lines.read()

    async def _reply(self, command: Message) -> Reply:
        if not isinstance(command, Command):
            raise WsmonError("a viewer may only send commands")
        try:
            done = await self._execute(command)
            sentence, kept = (done, "") if isinstance(done, str) else done
            return Reply(command.ref, True, sentence, kept)
        except WsmonError as error:
            return Reply(command.ref, ok=False, text=str(error))
        except Exception as error:  # noqa: BLE001 - an error of ours costs one command
            self._report("control", error)
            what = f"`{command.action}` failed due to a wsmon bug ({type(error).__name__})"
            return Reply(command.ref, ok=False, text=f"{what}; see recorder.log")


class _PatientReader(asyncio.StreamReader):
    """A stream whose reset is its end: what came before it is read first."""

    def set_exception(self, exc: BaseException) -> None:
        """Take note of a connection that was lost."""
        del exc
        self.feed_eof()


def _is_hello(line: IngestLine) -> bool:
    try:
        return isinstance(_decode(line), Hello)
    except WsmonError:
        return False


def _decode(line: IngestLine) -> Message:
    """Return the message of a viewer; raises ``WsmonError`` where the line is none, or too long for one."""
    if line is None or len(line) > LINE_LIMIT_BYTES:
        raise WsmonError(f"a viewer sends lines of at most {LINE_LIMIT_BYTES:,} bytes")
    return decode(line)


async def _send(writer: asyncio.StreamWriter, message: Message) -> None:
    """Send a message; raises ``TimeoutError`` where the client does not read."""
    writer.write(encode(message))
    async with asyncio.timeout(STUCK_S):
        await writer.drain()


class CommandHandler:
    """Carries out the commands of the control socket and of SIGHUP; returns a sentence for each."""

    def __init__(
        self,
        options: RecorderOptions,
        configuration: Configuration,
        supervisor: Supervisor,
        relays: Relays,
        writer: Writer,
        alerts: AlertDispatcher,
        monitoring: Monitoring,
        bundles: IncidentBundles,
        intake: Intake,
        receiver: OtlpReceiver,
        emit: EmitSelfEvent,
        stop: Callable[[], None],
    ) -> None:
        self._reload_configuration = options.reload
        self._configuration = configuration
        self._supervisor = supervisor
        self._relays = relays
        self._writer = writer
        self._alerts = alerts
        self._monitoring = monitoring
        self._bundles = bundles
        self._intake = intake
        self._receiver = receiver
        self._emit = partial(emit, "self.config.reloaded")
        self._stop = stop
        # One reload at a time: the second one compares with what the first one applied
        self._reloading = asyncio.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of the configuration in force, which no text may show."""
        return self._configuration.secrets

    @property
    def digest(self) -> str:
        """Digest of the configuration in force."""
        return self._configuration.digest

    async def execute(self, command: Command) -> str | SentByHand:
        """Carry out a command; raises ``WsmonError`` with the reason where that fails."""
        name = command.connection
        if command.action in ("reconnect", "disable", "enable", "send"):
            self._refuse_relayed(name)
        match command.action:
            case "stop":
                self._stop()
                return "the recorder is ending"
            case "reload":
                return await self.reload()
            case "reconnect":
                self._supervisor.reconnect(name)
                return f"{name}: reconnecting"
            case "disable":
                self._supervisor.disable(name)
                return f"{name}: off"
            case "enable":
                self._supervisor.enable(name)
                return f"{name}: connecting"
            case "send":
                return self._send(name, command.text, command.data)

    def _refuse_relayed(self, name: str) -> None:
        """Raise ``WsmonError`` for a connection of an application, which wsmon neither opens nor sends to."""
        if self._relays.relay_of(name):
            raise WsmonError(f"{name} is relayed: its application opens and closes it", "end it there")

    def configure_rows(self) -> None:
        """Configure the rows of connections that are relayed now."""
        configuration = self._configuration
        rows = self._relays.rows
        routes = routes_of_rows(configuration, rows, self._relays.addresses)
        specs = recorded_specs(configuration, rows)
        self._writer.configure(specs, configuration.retention, configuration.detectors, routes)

    def _send(self, name: str, text: str, data: bytes) -> SentByHand:
        """Send a message of the user; a refusal comes before its references are looked up."""
        self._supervisor.check_send(name)
        if text and data:
            raise WsmonError("not sent: a message is either text or binary")
        if data:
            self._supervisor.send(name, data)
            return SentByHand(f"sent to {name}, {format_size(len(data))} binary", "")
        typed = expand_typed(text, os.environ)
        self._supervisor.send(name, typed.text, typed.secrets)
        if typed.secrets:
            self._relays.use_secrets(self._supervisor.secrets)
        kept = typed.restored(self._supervisor.masked(name, typed.bare))
        return SentByHand(f"sent to {name}, {format_size(len(typed.text.encode()))}", kept)

    async def reload(self) -> str:
        """Read the configuration again and restart only what changed; a file with errors changes nothing."""
        if self._reload_configuration is None:
            raise WsmonError("this recording has no configuration file", "stop it and start another recorder")
        async with self._reloading:
            try:
                configuration = await asyncio.to_thread(self._reload_configuration)
                # First, since their addresses may not be available
                listening = await asyncio.to_thread(listening_relays, configuration, self._relays)
                try:
                    await self._receiver.configure(configuration)
                except ConfigError:
                    close_all(listening)
                    raise
            except ConfigError as error:
                self._emit(status="error", error_type="configuration", error=str(error))
                raise
            before, self._configuration = self._configuration, configuration
            names = [spec.name for spec in configuration.connections]
            relayed = self._relays.configure(configuration.relays, names, listening)
            self.configure_rows()
            self._alerts.configure(configuration.alerts, configuration.secrets)
            self._monitoring.configure(configuration)
            self._bundles.configure(configuration)
            self._intake.configure(configuration)
            changes = self._supervisor.apply(configuration.connections, configuration.secrets)
            share_interpreter(configuration)
            self._relays.use_secrets(self._supervisor.secrets)
            others = ["alerts changed"] if configuration.alerts != before.alerts else []
            others += ["detectors changed"] if configuration.detectors != before.detectors else []
            others += ["bundles changed"] if configuration.bundle != before.bundle else []
            others += ["monitoring changed"] if _monitors_otherwise(configuration, before) else []
            sentence = _sentence(changes, relayed, others)
            self._emit(status="ok", reason=sentence)
            return sentence


def _monitors_otherwise(one: Configuration, other: Configuration) -> bool:
    def of(configuration: Configuration) -> tuple[object, ...]:
        return configuration.prometheus, configuration.otlp, configuration.otlp_listen

    return of(one) != of(other)


def _sentence(changes: Changes, relayed: RelayChanges, others: Sequence[str]) -> str:
    verbs = {
        "added": changes.added + relayed.added,
        "removed": changes.removed + relayed.removed,
        "restarted": changes.changed + relayed.changed,
    }
    parts = [f"{verb} {', '.join(names)}" for verb, names in verbs.items() if names]
    adjusted: dict[str, list[str]] = {}
    for name, change in changes.adjusted:
        adjusted.setdefault(change, []).append(name)
    parts += [f"{change} for {', '.join(names)}" for change, names in adjusted.items()]
    parts += others
    went_on = len(changes.unchanged) + len(changes.adjusted) + len(relayed.unchanged)
    return f"{'; '.join(parts) or 'nothing changed'}; {went_on} went on"
