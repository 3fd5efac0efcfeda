"""LocalStore: a store that this process writes itself, without a recorder, for programs and pipes that report events.

Lines take the same way as those of applications in a recorder: intake, bus, writer. It has no control socket; viewers
look for new events by themselves.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import wsmon
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.config.specs import Configuration
from wsmon.control.ingest import GreetingLine, IngestAnswer, IngestGreeting, decode_answer, encode_ingest
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.messages import PROTOCOL
from wsmon.control.ownership import make_private_folder
from wsmon.errors import StoreError
from wsmon.recorder.ingest import CHUNK_LINES, IngestStream, LineIngest
from wsmon.recorder.intake import Intake
from wsmon.recorder.run import emit_start, self_events
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.schema import SCHEMA_VERSION
from wsmon.store.writer import Writer

# Lines that wait for room in the bus
WAITING_LINES: Final = 1_000


class LocalStore:
    """A ``Link`` into a store of this process; used by one thread, which made it."""

    def __init__(self, store: Path, greeting: IngestGreeting, configuration: Configuration | None = None) -> None:
        """Hold the store, made if need be, and begin a run; the secrets of a configuration are masked.

        Raises ``StoreHeldError`` where another process holds it, and ``StoreError`` where it cannot be written.
        """
        clock = SystemClock()
        try:
            make_private_folder(store.parent)
        except OSError as error:
            raise StoreError(f"cannot make the folder of the store {store}: {error.strerror}") from error
        identity = f"an application (pid {os.getpid()})"
        info = LockInfo(
            os.getpid(), wsmon.__version__, SCHEMA_VERSION, PROTOCOL, identity, str(store), "", clock.wall_ns(), ""
        )
        self._lock = StoreLock(store, info)
        try:
            database = open_for_writing(store)
            database.begin_run(RunStart(info.started_ns, clock.mono_ns(), info.pid, info.version, greeting.boot))
        except BaseException:
            self._lock.release()
            raise
        self._committed = threading.Event()
        self._failure: BaseException | None = None
        self._bus = Bus(lambda: None)
        # A sink is closed at the end of the program, by `atexit`: no thread may be waited for before
        self._writer = Writer(
            database,
            self._bus,
            clock,
            lambda _last_id, _events: self._committed.set(),
            self._on_failure,
            is_daemon=True,
        )
        intake = Intake(clock, greeting.boot)
        if configuration is not None:
            intake.configure(configuration)
        self._lines = LineIngest(self._bus, intake, clock, self._writer.committed_seqs)
        self._answers: list[IngestAnswer] = []
        self._stream = IngestStream(lambda line: self._answers.append(decode_answer(line)))
        self._waiting: list[bytes] = []
        self._emit = self_events(self._bus, clock)
        emit_start(self._emit, info.version, info.pid, database.open_at_cut_off)
        self._lines.read(self._stream, [encode_ingest(GreetingLine(greeting))[:-1]], 0)
        self.acked = self._answers.pop().acked or 0
        """Number of the last line that the store has of this client, when it was opened."""
        self._writer.start()

    @property
    def failure(self) -> str:
        """Why the store takes no more events; empty where it does."""
        return str(self._failure) if self._failure else ""

    def send(self, octets: bytes) -> None:
        """Add whole lines to what waits to be read."""
        self._waiting += octets.split(b"\n")[:-1]

    @property
    def is_sending(self) -> bool:
        """Whether so many lines wait that no more should come."""
        return len(self._waiting) > WAITING_LINES

    def exchange(self, wait_s: float) -> Sequence[IngestAnswer] | None:
        """Read waiting lines, and return answers, waiting ``wait_s`` at most; None = the store takes nothing more."""
        if self._failure is not None:
            return None
        while self._waiting and self._lines.has_room:
            chunk, self._waiting = self._waiting[:CHUNK_LINES], self._waiting[CHUNK_LINES:]
            self._lines.read(self._stream, chunk, sum(map(len, chunk)))
        if not self._answers and (self._waiting or self._lines.is_waiting(self._stream)):
            self._committed.wait(wait_s)
        self._committed.clear()
        self._lines.committed()
        answers, self._answers = self._answers, []
        return answers

    def close(self) -> None:
        """Commit what was read, end the run, and let the store go."""
        if not self._bus.is_closing:
            self._emit("self.run.ended")
            self._bus.close()
            self._writer.join()
            self._lock.release()

    def abandon(self) -> None:
        """Do nothing: in a forked child, the store is the parent's."""

    def _on_failure(self, error: BaseException) -> None:
        """Called on the writer's thread."""
        self._failure = error
        self._committed.set()
