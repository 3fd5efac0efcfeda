"""Real ``wsmon`` processes in a home of their own: recorders that tests start, signal and kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from wsmon.cli.known_recordings import recorders
from wsmon.cli.stop import end_recorder
from wsmon.clock import SystemClock
from wsmon.config.locate import socket_of
from wsmon.errors import WsmonError
from wsmon.model.events import Event, Verdict
from wsmon.store.reader import Reader

# The command as users have it: with `python -m`, ^C in a wrong moment ends Python with another code
WSMON = Path(sys.executable).with_name("wsmon")
# What a test waits for takes a second at most where nothing else runs
DEADLINE_S = 30.0
POLL_S = 0.02


def _queued_s(pid: int) -> dict[str, float]:
    """For how long each thread of a process has waited for a processor; Documentation/scheduler/sched-stats.rst."""
    found = {}
    # The process, or one of its threads, may end meanwhile
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    return found


async def _end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Wait for the end of a process; the time for which it waits for a processor is not counted."""
    loop = asyncio.get_running_loop()
    began_s, queued_s = loop.time(), 0.0
    # By thread: those that end are no longer listed
    before, queued = _queued_s(process.pid), dict[str, float]()
    async with asyncio.timeout(within_s) as deadline:
        while process.returncode is None:
            await asyncio.sleep(POLL_S)
            queued |= _queued_s(process.pid)
            queued_s = sum(waited_s - before.get(thread, 0.0) for thread, waited_s in queued.items())
            deadline.reschedule(began_s + within_s + queued_s)


class Recorder:
    """A ``wsmon record`` in the foreground, ready to be watched."""

    def __init__(self, process: asyncio.subprocess.Process, store: Path) -> None:
        self.process = process
        self.store = store

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, also where it may have ended: the library would look first, and take the exit code."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def ended(self, within_s: float = DEADLINE_S) -> int:
        """Its exit code; the time for which it waits for a processor is not counted, which depends on who else runs."""
        await _end(self.process, within_s)
        return await self.process.wait()

    async def until_stored(self, count: int, name: str = "message.received") -> tuple[Event, ...]:
        """The events of that name, once there are ``count``."""
        async with asyncio.timeout(DEADLINE_S):
            while len(found := [event for event in stored(self.store) if event.name == name]) < count:
                await asyncio.sleep(POLL_S)  # another process's store tells nobody
        return tuple(found)

    async def judged(self, *names: str) -> Mapping[str, Verdict]:
        """The first verdict on each of these connections, once it is stored."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found: dict[str, Verdict] = {}
                for event in stored(self.store):
                    if event.verdict is not None:
                        found.setdefault(event.source.connection, event.verdict)
                if found.keys() >= {*names}:
                    return found
                await asyncio.sleep(POLL_S)  # another process's store tells nobody


def stored(store: Path) -> tuple[Event, ...]:
    """Every event of a store, oldest first."""
    view = Reader(store, SystemClock())
    try:
        events: list[Event] = []
        while page := view.events_after(events[-1].id if events else 0, 5_000):
            events += page
        return tuple(events)
    finally:
        view.close()


def socket_in(home: Home, store: Path) -> Path:
    """The control socket of the recorder of a store."""
    return socket_of(store, home.environ)


class Home:
    """A user's folders, and the commands that the user runs there."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        # Short: a folder too long for a socket's path would be left for one that the recorders of other tests share
        self.runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsmon-")))
        self._stack = stack

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of every command here."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WSMON", "XDG"))}
        return {
            **inherited,
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "TMPDIR": str(self.runtime),
        }

    def write(self, text: str, name: str = "wsmon.toml") -> Path:
        """A configuration file."""
        path = self.folder / name
        path.write_text(text)
        return path

    async def run(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Run ``wsmon`` to its end; exit code, stdout, stderr."""
        process = await self._start(arguments, stdout=asyncio.subprocess.PIPE)
        self.own(process)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(process.communicate(), name="output")
            await _end(process, DEADLINE_S)
        out, err = reading.result()
        return process.returncode or 0, out.decode(), err.decode()

    async def record(self, *arguments: str | Path, store: Path | None = None, stdin: str = "") -> Recorder:
        """Start ``wsmon record`` and wait until it records; it is killed at the end of the test."""
        store = store or self.folder / "recording" / "store.db"
        return await self._recorder("record", *arguments, store=store, stdin=stdin)

    async def record_with_files(self, config: Path, limit: int) -> Recorder:
        """Start ``wsmon record`` that may open so many files, and wait for its socket; what it prints is not read."""
        store = self.folder / "store.db"
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", sys.executable, "-m", "wsmon"),
            *("record", str(config), "--store", str(store), "--quiet"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environ,
            cwd=self.folder,
        )
        self.own(process)
        async with asyncio.timeout(DEADLINE_S):
            while not socket_in(self, store).exists():
                await asyncio.sleep(POLL_S)
        return Recorder(process, store)

    async def demonstrate(self) -> Recorder:
        """Start the recorder of ``wsmon demo``, as ``record`` does."""
        return await self._recorder("demo", "--headless", store=self.folder / "demo.db")

    async def end_recorders(self) -> None:
        """End all recorders that run here, as ``wsmon stop --all`` does, but without a process of its own."""
        # A test may leave a folder that is refused, or a recorder that does not end
        with suppress(WsmonError):
            for info in recorders(self.environ):
                await asyncio.to_thread(end_recorder, info)

    def own(self, process: asyncio.subprocess.Process) -> None:
        """Kill a process that the test started itself at the end of the test, also where that fails."""
        self._stack.push_async_callback(_kill, process)

    async def _recorder(self, *arguments: str | Path, store: Path, stdin: str = "") -> Recorder:
        reading, writing = os.pipe()
        whole = (*arguments, "--store", store, "--ready-fd", str(writing))
        process = await self._start(whole, pass_fds=(writing,), has_stdin=bool(stdin))
        os.close(writing)
        if process.stdin is not None:
            process.stdin.write(stdin.encode())
            process.stdin.close()
        self._stack.push_async_callback(_kill, process)
        with os.fdopen(reading, "rb") as pipe:
            line = await asyncio.to_thread(pipe.readline)
        assert b'"store"' in line, line
        assert b'"error"' not in line, line
        return Recorder(process, store)

    async def _start(
        self,
        arguments: tuple[str | Path, ...],
        stdout: int | None = None,
        pass_fds: tuple[int, ...] = (),
        *,
        has_stdin: bool = False,
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wsmon",
            *map(str, arguments),
            stdin=asyncio.subprocess.PIPE if has_stdin else asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE if stdout else None,
            pass_fds=pass_fds,
            env=self.environ,
            cwd=self.folder,
        )


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    """A home whose recorders end with the test."""
    async with AsyncExitStack() as stack:
        home = Home(tmp_path, stack)
        yield home
        await home.end_recorders()
