"""Bundles of incidents: which incidents leave one, when it is due, and the process that writes it.

In: committed incidents, from the writer. Out: files in ``bundles/`` beside the store, each written by ``wsmon bundle``
in a process of its own with a low priority, which holds up neither the event loop nor the writer. Incidents that open
while a bundle waits for the time after the first are in that bundle: a storm leaves one. A failure is an event
``self.sink.failed``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from wsmon.config.redacted_settings import redacted_settings
from wsmon.config.specs import BundleSpec, Configuration
from wsmon.control.ownership import make_private_folder
from wsmon.errors import WsmonError
from wsmon.model.bundle import SUFFIX, BundleOrder, ManifestSettings, file_name
from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.recorder.descriptors import with_limit
from wsmon.recorder.run import ReportFault

FOLDER: Final = "bundles"
# Name of the sink in events and warnings
SINK: Final = "bundle"
# Incidents that a bundle names; more are counted
MOST_INCIDENTS: Final = 100
# A bundle waits for the time after incidents that open while it waits, up to so many times ``after`` in all
LONGEST: Final = 3
# An incident of the same kind on the same connection leaves no further bundle until it has stayed away for this long
QUIET_NS: Final = 600 * SECOND_NS
# From the end of the period to the start of the process: what arrived by then is committed
COMMIT_S: Final = 1.0
# Longest sleep while incidents wait: a reload may have shortened ``after``
LOOK_S: Final = 60.0
# A process that has not ended by then is killed
LIMIT_S: Final = 900.0
# How long the end of the recorder waits for the last bundle; its process goes on by itself
END_S: Final = 1.0
# Of 19: it takes what others leave
NICENESS: Final = 15
ERROR_CHARS: Final = 500
# A file without its name that nothing was written to for this long is left from a process that was killed
STALE_S: Final = 300.0
_LOG = logging.getLogger("wsmon.bundles")

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class _PendingBundle:
    """Incidents that wait for the time after them."""

    first: Event
    last: Event
    ids: list[int] = field(default_factory=list)
    more: int = 0
    not_bundled: int = 0

    def join(self, event: Event) -> None:
        """Take another incident."""
        self.last = event
        if len(self.ids) < MOST_INCIDENTS:
            self.ids.append(event.id)
        else:
            self.more += 1

    def due_ns(self, after_ns: int) -> int:
        """Monotonic time at which the time after the incidents is over."""
        return min(self.last.mono_ns + after_ns, self.first.mono_ns + LONGEST * after_ns)


class IncidentBundles:
    """Collects incidents and has a bundle of them written. Use it on the event loop."""

    def __init__(
        self,
        store: Path,
        program: tuple[str, ...],
        clock: Clock,
        report: ReportFault,
        descriptors: int | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """``program`` with its first arguments is wsmon itself; empty = no bundles are written.

        ``descriptors`` is the limit on open files that the process gets; None for that of the recorder.
        """
        self._store = store
        self._folder = store.parent / FOLDER
        self._program = program
        self._clock = clock
        self._report = report
        self._descriptors = descriptors
        self._sleep = sleep
        self._spec = BundleSpec()
        self._settings = ManifestSettings(source="recorder", values={})
        self._pending: _PendingBundle | None = None
        self._is_due = asyncio.Event()
        # Kind and connection -> monotonic time of the newest incident that a bundle was made for, or would have been
        self._seen_ns: dict[tuple[str, str], int] = {}
        self._not_bundled = 0
        self._process: _BundleProcess | None = None

    def configure(self, configuration: Configuration) -> None:
        """Use this configuration from now on, for incidents that wait too."""
        self._spec = configuration.bundle
        self._settings = ManifestSettings(source="recorder", values=redacted_settings(configuration))

    def take(self, notable: Sequence[Event]) -> None:
        """Take committed events; incidents of the configured kinds wait for their bundle from now on."""
        for event in notable:
            if event.name == "incident.opened" and event.type in self._spec.kinds and self._program:
                self._take(event)

    def _take(self, event: Event) -> None:
        key = (event.type, event.source.connection)
        seen_ns = self._seen_ns.get(key)
        self._seen_ns[key] = event.mono_ns
        if self._pending is not None:
            self._pending.join(event)
        elif seen_ns is not None and event.mono_ns - seen_ns < QUIET_NS:
            self._not_bundled += 1
        else:
            self._pending = _PendingBundle(event, event, [event.id], not_bundled=self._not_bundled)
            self._not_bundled = 0
            self._is_due.set()
            # Connections come and go
            self._seen_ns = {each: at for each, at in self._seen_ns.items() if event.mono_ns - at < QUIET_NS}

    async def run(self) -> None:
        """Write bundles until cancelled; one that is being written then goes on, and ``finish`` waits for it."""
        while not (await self._tidied() or self._is_due.is_set()):
            # What a killed process left is old enough then, also where no incident follows
            with suppress(TimeoutError):
                async with asyncio.timeout(STALE_S):
                    await self._is_due.wait()
        while True:
            await self._is_due.wait()
            while (rest_s := self._rest_s()) > 0:
                await self._sleep(min(rest_s, LOOK_S))
            await self._write(is_stopping=False)

    async def finish(self) -> None:
        """Have the bundle of the incidents that wait written now, without the rest of its time; call it at the end.

        Everything is committed by then. Waits ``END_S`` at most for the process.
        """
        try:
            async with asyncio.timeout(END_S):
                if self._process is not None:
                    with self._reported():
                        await self._ended(self._process)
                if self._pending is not None:
                    await self._write(is_stopping=True)
        except TimeoutError:
            if self._pending is not None:
                # One was still under way: both go on
                with self._reported():
                    await self._start(is_stopping=True)
            _LOG.warning("a bundle is still being written to %s", self._folder)
        except Exception as error:  # noqa: BLE001 - the border of the sink: the recording ends without a bundle
            self._report(SINK, error)

    def _rest_s(self) -> float:
        """Seconds until the pending bundle is due."""
        assert self._pending is not None
        due_ns = self._pending.due_ns(round(self._spec.after_s * SECOND_NS))
        return (due_ns - self._clock.mono_ns()) / SECOND_NS + COMMIT_S

    async def _write(self, *, is_stopping: bool) -> None:
        with self._reported():
            await self._start(is_stopping=is_stopping)
            if self._process is not None:
                await self._ended(self._process)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Report why a bundle was not written; the next one is written nevertheless."""
        try:
            yield
        except (OSError, WsmonError) as error:
            self._report(SINK, error)

    async def _start(self, *, is_stopping: bool) -> None:
        """Start the process for the pending incidents, which are no longer pending then, nor where it cannot start."""
        try:
            # Before anything is taken: this may be cancelled while it waits
            await asyncio.to_thread(make_private_folder, self._folder)
        except OSError:
            # They would be due again at once, and for as long as the folder is missing
            self._take_pending()
            raise
        pending = self._take_pending()
        order = self._order(pending, is_stopping=is_stopping)
        command = [*self._program, "bundle", "--order", "--store", str(self._store)]
        limited = command if self._descriptors is None else with_limit(command, self._descriptors)
        # Known before it is started, in a thread that goes on where this is cancelled meanwhile: it is waited for then
        loop = asyncio.get_running_loop()
        process = self._process = _BundleProcess(limited, order, loop)
        await asyncio.shield(loop.run_in_executor(None, process.start))
        if process.unstarted:
            self._process = None
            raise WsmonError(process.unstarted)

    def _take_pending(self) -> _PendingBundle:
        """Return the incidents that wait; none do any more."""
        pending, self._pending = self._pending, None
        self._is_due.clear()
        assert pending is not None
        return pending

    async def _ended(self, process: _BundleProcess) -> None:
        """Wait for the process, and report its failure; the process is forgotten only then."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await process.ended.wait()
        except TimeoutError:
            process.kill()
            await process.ended.wait()
        self._process = None
        fault = process.fault()
        if fault:
            raise WsmonError(fault)
        _LOG.info("wrote the bundle %s", process.target)
        await self._tidied()

    def _order(self, pending: _PendingBundle, *, is_stopping: bool) -> BundleOrder:
        spec, first = self._spec, pending.first
        due_ns = pending.due_ns(round(spec.after_s * SECOND_NS))
        until_ns = first.ts_ns + due_ns - first.mono_ns
        name = f"{_prefix(self._store)}{datetime.fromtimestamp(first.ts_ns // SECOND_NS, UTC):%Y%m%dT%H%M%SZ}-"
        return BundleOrder(
            incidents=tuple(pending.ids),
            target=str(self._folder / f"{name}{file_name(first)}"),
            before_s=spec.before_s,
            after_s=spec.after_s,
            until_ns=min(until_ns, self._clock.wall_ns()) if is_stopping else until_ns,
            is_stopping=is_stopping,
            more_incidents=pending.more,
            not_bundled=pending.not_bundled,
            limit_bytes=spec.size_bytes,
            settings=self._settings,
        )

    async def _tidied(self) -> bool:
        """Delete the oldest bundles past the limits, and what processes that were killed left; report where it fails.

        Further bundles are written nevertheless. Return whether no unfinished file is left to be looked at again.
        """
        now_s = self._clock.wall_ns() / SECOND_NS
        try:
            return await asyncio.to_thread(tidy, self._folder, self._store, self._spec, now_s)
        except OSError as error:
            self._report(SINK, error)
            return True


class _BundleProcess:
    """A process that writes one bundle, once it is started; it goes on where the recorder ends."""

    def __init__(self, command: Sequence[str], order: BundleOrder, loop: asyncio.AbstractEventLoop) -> None:
        """``order`` goes to the standard input of ``command``; ``ended`` is set on ``loop``."""
        self.target = order.target
        self.ended = asyncio.Event()
        """Set when it has ended, or could not be started."""
        self._command = command
        self._order = order
        self._loop = loop
        # None before the start
        self._process: subprocess.Popen[bytes] | None = None
        self.unstarted = ""
        """Why it could not be started; empty where it was."""
        self._said = b""

    def start(self) -> None:
        """Start it; blocks. Where it cannot be started, it has ended, and ``unstarted`` says why."""
        try:
            self._launch()
        except OSError as error:
            self.unstarted = str(error)
            self._end()

    def _launch(self) -> None:
        # Files, and no pipes: the order may be larger than a pipe takes, and nothing waits for a reader
        errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was read
        try:
            with tempfile.TemporaryFile() as given:
                given.write(msgspec.json.encode(self._order))
                given.seek(0)
                process = self._process = subprocess.Popen(
                    self._command, stdin=given, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
                )
        except BaseException:
            errors.close()
            raise
        # It may have ended already
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        # Not asyncio's subprocess, which kills it when the loop is closed. A daemon: the process may outlive this one
        threading.Thread(target=self._await_end, args=(process, errors), name="bundle process", daemon=True).start()

    def _await_end(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        process.wait()
        # Here, because nothing asks for it where the recorder did not wait
        with errors:
            errors.seek(0)
            self._said = errors.read()
        self._end()

    def _end(self) -> None:
        # The loop is closed where the recorder did not wait
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.ended.set)

    def kill(self) -> None:
        """End it; what it has written has no name yet, and is deleted later."""
        if self._process is not None:
            self._process.kill()

    def fault(self) -> str:
        """Return why no bundle was written, as a sentence; empty where it was. Call it after the end."""
        if self._process is None:
            return self.unstarted
        said = sanitize(self._said.decode(errors="replace").strip(), ERROR_CHARS, multiline=True)
        code = self._process.returncode
        if code == 0:
            return ""
        last = said.splitlines()[-1].removeprefix("wsmon: ") if said else ""
        return last or (
            f"the process writing it was ended by signal {-code}"
            if code < 0
            else f"the process writing it ended with exit code {code}"
        )


def _prefix(store: Path) -> str:
    """How the names of the bundles of a store begin: several stores may share a folder."""
    return f"{store.stem}-"


def tidy(folder: Path, store: Path, spec: BundleSpec, now_s: float) -> bool:
    """Delete the oldest bundles of a store past ``keep`` and ``size``, and unfinished files that nothing writes to.

    Files with other names are left alone. ``now_s`` is wall time. Nothing where there is no folder yet. Return whether
    no unfinished file is left, which a process may still write to.
    """
    if not folder.is_dir():
        return True
    is_tidy = True
    own = re.compile(rf"{re.escape(_prefix(store))}\d{{8}}T\d{{6}}Z-.+{re.escape(SUFFIX)}")
    bundles: list[tuple[str, int, Path]] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found = path.stat()
            if own.fullmatch(path.name):
                bundles.append((path.name, found.st_size, path))
            elif path.name.startswith(f".{_prefix(store)}") and ".part" in path.name:
                if now_s - found.st_mtime > STALE_S:
                    path.unlink()
                else:
                    is_tidy = False
    kept_bytes = 0
    # Names sort by time
    for number, (_, size_bytes, path) in enumerate(sorted(bundles, reverse=True), 1):
        kept_bytes += size_bytes
        if number > spec.keep or kept_bytes > spec.size_bytes:
            path.unlink(missing_ok=True)
    return is_tidy
