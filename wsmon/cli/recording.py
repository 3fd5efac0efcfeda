"""A recording in this process: what it records, what it prints on stderr, and how it tells its parent it is ready.

A slow reader of stderr (a full pipe, a stopped terminal) delays its own lines alone, never the recorder.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec

from wsmon.cli.spawn import LogFile, Readiness
from wsmon.cli.targets import Target
from wsmon.config.locate import state_dir
from wsmon.config.specs import Configuration
from wsmon.control.lock import LockInfo, beside
from wsmon.errors import StoreHeldError, WsmonError
from wsmon.model.ends import why
from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import Routes
from wsmon.model.statuses import LABELS, SESSION_ENDS
from wsmon.recorder.run import RecorderOptions

LINE_CHARS = 200

# Written to directly: a thread that is stuck in sys.stderr would hold its lock when the interpreter ends.
STDERR_FD = 2

# How far a reader may be behind; older lines are dropped, and counted.
LINES_WAITING = 1_000

# How often the same message of a library is printed, and how many different ones are told apart.
REPEAT_S = 60.0
REPEAT_KEYS = 100

# How long the last lines may take.
END_S = 0.2

Ready = Callable[[Readiness], None]


class StderrLog(logging.Handler):
    """Lines on stderr, written by a thread of their own; silent once the reader is gone.

    While it is entered, it prints warnings of the program's own loggers as well.
    """

    def __init__(self, *, is_quiet: bool, fd: int = STDERR_FD, has_libraries: bool = True) -> None:
        """``is_quiet``: warnings and errors only; without ``has_libraries``, none that a library reports."""
        super().__init__(logging.WARNING)
        self._is_quiet = is_quiet
        self._has_libraries = has_libraries
        self._fd = fd
        self._repeats = RepeatLimit()
        # The file that the lines end up in, where that is a file of the recorder's own.
        self._log: LogFile | None = None
        # Guards the lines, their losses and the end.
        self._changed = threading.Condition()
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._is_ending = False
        # A daemon thread, since it may be stuck in a write for ever.
        self._thread = threading.Thread(target=self._write, name="stderr", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(END_S)
        self.close()

    def rotate_file(self, log: LogFile) -> None:
        """Rotate this file when it has grown, in case the lines end up in it."""
        self._log = log

    def print_line(self, text: str) -> None:
        """Print a line, made harmless and cut to ``LINE_CHARS``."""
        if not self._is_quiet:
            self._put(sanitize(text, LINE_CHARS))

    def print_event(self, event: Event) -> None:
        """Print a problem, or a status that lasts; other events are in the store alone."""
        if not self._is_quiet and (event.is_problem or event.to_status not in (None, "connecting", "connected")):
            at = datetime.fromtimestamp(event.ts_ns / 1e9).astimezone().strftime("%H:%M:%S")
            self.print_line(f"{at}  {event.source.connection:<16}  {_sentence(event)}")

    def print_routes(self, routes: Routes) -> None:
        """Print where applications connect to relays, and instead of what."""
        for name, of_relay in routes.items():
            for route in of_relay:
                self.print_line(f"{name}: applications connect to {route.listen} instead of {route.upstream}")

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning or an error of the program, with its traceback where it has one."""
        if not self._has_libraries and not _is_own(record):
            return
        text = self._repeats.admit(record, self.format)
        for line in text.splitlines():
            self._put(sanitize(line, LINE_CHARS))

    def _put(self, line: str) -> None:
        with self._changed:
            if len(self._lines) == LINES_WAITING:
                self._lines.popleft()
                self._dropped += 1
            self._lines.append(line)
            self._changed.notify()

    def _write(self) -> None:
        try:
            while text := self._take():
                octets = f"{self._rotate()}{text}".encode()
                while octets:
                    octets = octets[os.write(self._fd, octets) :]
        except OSError:
            # The reader has gone.
            self._is_quiet = True

    def _rotate(self) -> str:
        """Rotate a log that has grown; return a line about what was lost where that fails, else nothing."""
        error = "" if self._log is None else self._log.rotate(self._fd)
        return f"(log rotation failed, log was truncated: {error})\n" if error else ""

    def _take(self) -> str:
        """Wait for lines and take them; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._is_ending)
            lines = [f"({self._dropped:,} lines dropped)"] if self._dropped else []
            lines += self._lines
            self._lines.clear()
            self._dropped = 0
        return "".join(f"{line}\n" for line in lines)


class RepeatLimit:
    """Lets a message of a library pass once in ``REPEAT_S``, with the number of those that were left out.

    asyncio reports the same trouble at every turn, such as each ``accept`` without a free descriptor, with a traceback.
    Messages of wsmon's own loggers all pass: they are rare, and none is like another.
    """

    def __init__(self, repeat_s: float = REPEAT_S) -> None:
        self._repeat_s = repeat_s
        # By logger and first line: when it passed last, in seconds, and how many were left out since
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def admit(self, record: logging.LogRecord, text_of: Callable[[logging.LogRecord], str]) -> str:
        """Return the text of a record, empty where it is left out."""
        if _is_own(record):
            return text_of(record)
        key = (record.name, str(record.msg).partition("\n")[0][:LINE_CHARS])
        passed_s, left_out = self._seen.get(key, (-self._repeat_s, 0))
        if record.created - passed_s < self._repeat_s and record.created >= passed_s:
            self._seen[key] = (passed_s, left_out + 1)
            return ""
        if len(self._seen) >= REPEAT_KEYS:
            self._seen.clear()
        self._seen[key] = (record.created, 0)
        text = text_of(record)
        return f"{text}\n({left_out:,} more like {key[1]!r} suppressed)" if left_out else text


def _is_own(record: logging.LogRecord) -> bool:
    """Whether wsmon itself reports this, and no library."""
    return record.name.partition(".")[0] == "wsmon"


def _sentence(event: Event) -> str:
    if event.is_problem or event.to_status in SESSION_ENDS:
        return why(event) or event.reason or event.error or event.name
    if event.name == "connection.reconnect.attempt" and event.meta:
        text = f"retrying in {_seconds(event.meta.get('delay_ms'))} s (attempt {event.meta.get('attempt')})"
        return f"{text}, {event.reason}" if event.reason else text
    return LABELS[event.to_status] if event.to_status else event.name


def _seconds(delay_ms: object) -> str:
    return f"{delay_ms / 1000:.1f}" if isinstance(delay_ms, int | float) else "?"


def assignment_of(target: Target, limit_s: float | None, log: StderrLog) -> RecorderOptions:
    """Return the assignment that records a configuration until a signal, or for ``limit_s`` seconds."""
    reload = target.reload
    return RecorderOptions(
        prepare=lambda: _unchanged(target.loaded.configuration),
        store=target.store,
        socket=target.socket,
        identity=target.identity,
        state_folder=state_dir(os.environ),
        reload=(lambda: reload().configuration) if reload else None,
        limit_s=limit_s,
        on_event=log.print_event,
        on_listening=log.print_routes,
        program=(sys.executable, "-m", "wsmon"),
    )


def run_assignment(assignment: RecorderOptions, log: StderrLog, ready: Ready, note: str = "") -> None:
    """Record in this process, until a signal or the end of the assignment; ``note`` is printed once it records."""
    # Imported after everything that can be refused quickly: the recorder's modules take the longest.
    from wsmon.recorder.recorder import record as run

    log.rotate_file(LogFile(beside(assignment.store, "log")))

    def on_ready(info: LockInfo) -> None:
        log.print_line(f"recording to {info.store} (pid {info.pid}); view with `wsmon attach`")
        if note:
            log.print_line(note)
        ready(Readiness(info.pid, info.store))

    run(assignment, on_ready)


@contextmanager
def readiness(fd: int | None) -> Iterator[Ready]:
    """Give a function that reports to the parent process, on ``fd``, that viewers can attach.

    A ``WsmonError`` inside the block is reported as well. Without ``fd`` there is no parent that waits.
    """
    if fd is None:
        yield lambda _readiness: None
        return
    with os.fdopen(fd, "wb", buffering=0) as pipe:

        def report(line: Readiness) -> None:
            if not pipe.closed:
                # A parent that has ended meanwhile ends no recording.
                with pipe, suppress(BrokenPipeError):
                    pipe.write(msgspec.json.encode(line) + b"\n")

        try:
            yield report
        except WsmonError as error:
            report(Readiness(os.getpid(), "", str(error), error.exit_code, isinstance(error, StoreHeldError)))
            raise


@asynccontextmanager
async def _unchanged(configuration: Configuration) -> AsyncIterator[Configuration]:
    yield configuration
