"""Sink: takes the events of an application without delay, and brings each into the store once.

``emit`` puts a line into a bounded buffer (buffer.py). A daemon thread (sender.py) sends lines to the recorder of the
store, and keeps them until they are acknowledged; while no recorder runs it writes them into the spool of this process.
What found no place is counted, and reported as ``trace.lost`` when a recorder is there.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

import msgspec

from wsmon.trace.buffer import LineBuffer
from wsmon.trace.events import TraceEvent, json_line

if TYPE_CHECKING:
    from pathlib import Path

    from wsmon.trace.sender import Sender

# Memory of events that are not stored yet
BUFFER_BYTES: Final = 8 * 1024 * 1024
# Disk of events that found no recorder
SPOOL_BYTES: Final = 64 * 1024 * 1024
# Longer lines are refused by recorders; with room for the number
LINE_BYTES: Final = 1024 * 1024 - 64
# How long the end of the program waits for what is buffered
END_S: Final = 1.0


class SinkReport(msgspec.Struct, frozen=True):
    """What became of the events of a sink so far."""

    stored: int
    """Acknowledged: committed to the store, or refused by the recorder."""
    refused: int
    """Refused by the recorder; ``problem`` says why of the last one, and ``trace.lost`` in the recording."""
    spooled: int
    """In the spool, for the recorder that comes next."""
    waiting: int
    """In memory."""
    lost: int
    """Kept nowhere: the buffer and the spool were full, or could not be written."""
    is_connected: bool
    """Whether a recorder takes events now."""
    problem: str
    """What went wrong last, as a sentence; empty: nothing did."""


class Sink:
    """Brings events into a store; may be used from any thread, event loop and signal handler, and after ``fork``.

    One sink serves a whole process: ``sink_of`` returns the one of a store.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] = "",
        *,
        own: bool = False,
        connection: str = "",
        group: str = "",
        buffer_bytes: int = BUFFER_BYTES,
        spool_bytes: int = SPOOL_BYTES,
    ) -> None:
        """Report to a store: a path, or a configuration, which stands for its store. By default that of
        ``$WSMON_STORE``, else of the configuration in the present folder, else of the only recorder that runs.

        ``own``: hold the lock of ``store`` and write it in this process, without a recorder; raises ``StoreHeldError``
        where another process does, ``StoreError`` where it cannot be written. ``connection`` and ``group`` are of
        events that name none ("app"). At most ``buffer_bytes`` of memory and ``spool_bytes`` of disk hold events that
        are not stored yet.
        """
        self._named = os.fspath(store)
        self._connection = connection
        self._group = group
        self._buffer_bytes = buffer_bytes
        self._spool_bytes = spool_bytes
        self._begin(own=own)
        _SINKS.add(self)

    def emit(self, event: TraceEvent) -> None:
        """Take an event; returns at once, and raises nothing, whatever the event holds."""
        try:
            line = json_line(event)
        except Exception as error:  # noqa: BLE001 - an event must not disturb the application that reports it
            self._buffer.lose(f"an event cannot be written as JSON: {type(error).__name__}")
            return
        if self._is_closed:
            self._buffer.lose("the sink is closed")
        elif len(line) > LINE_BYTES:
            self._buffer.lose(f"an event of {len(line):,} bytes exceeds the limit of a recorder")
        elif self._buffer.add(line) and not self._has_started:
            self._start()

    def flush(self, timeout_s: float = END_S) -> bool:
        """Wait until what was emitted is stored or spooled; returns whether that came true in time."""
        return self._buffer.wait_until_empty(timeout_s)

    def close(self, timeout_s: float = END_S) -> None:
        """Bring what is buffered into the store or the spool, and end; later events are lost.

        It is called at the end of the program, with ``timeout_s`` at its default.
        """
        self._begin_end(time.monotonic() + timeout_s)
        self._sender.join(timeout_s)
        _SINKS.discard(self)

    def _begin_end(self, ends_s: float) -> None:
        """Begin to end, without waiting; ``ends_s`` is the monotonic time by which the end is to be reached."""
        self._is_closed = True
        self._sender.begin_end(ends_s)

    def locate(self) -> Path:
        """Return the real path of the store that it reports to; raises ``UsageError`` where none is found."""
        return self._sender.locate()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    @property
    def state(self) -> SinkReport:
        """What became of the events so far."""
        buffer = self._buffer
        return SinkReport(
            buffer.stored,
            buffer.refused,
            buffer.spooled,
            buffer.waiting,
            buffer.lost,
            self._sender.is_connected,
            buffer.problem,
        )

    def _after_fork(self) -> None:
        """Begin anew in a forked child: what the parent has in its buffers, the parent sends."""
        self._sender.abandon()
        # A store has one writer: what the child says waits in the spool
        self._begin(own=False)

    def _begin(self, *, own: bool) -> None:
        # Imported now, in the thread of the application: `import wsmon.trace` loads less, and a process that is forked
        # while another thread imports inherits a lock that is never released
        from wsmon.trace.sender import Sender

        self._start_lock = threading.RLock()
        self._has_started = False
        self._is_closed = False
        self._buffer = LineBuffer(self._buffer_bytes)
        self._sender: Sender = Sender(
            self._buffer,
            self._named,
            own=own,
            connection=self._connection,
            group=self._group,
            spool_bytes=self._spool_bytes,
        )

    def _start(self) -> None:
        with self._start_lock:
            self._sender.start()
            if not self._has_started:
                self._has_started = True
                _close_with_child()


_SHARED_LOCK = threading.Lock()
# Of this process, by what they were asked for: all parts of a program report through one buffer and one thread
_SHARED: dict[tuple[str, bool], Sink] = {}
_SINKS: weakref.WeakSet[Sink] = weakref.WeakSet()


def sink_of(store: str | os.PathLike[str] = "", *, own: bool = False) -> Sink:
    """Return the sink of this process for a store, made at the first call; see ``Sink``."""
    key = (os.fspath(store), own)
    with _SHARED_LOCK:
        sink = _SHARED.get(key)
        if sink is None or sink.is_closed:
            sink = _SHARED[key] = Sink(store, own=own)
        return sink


def _close_all() -> None:
    """Close all sinks together, within the time of one."""
    ends_s = time.monotonic() + END_S
    sinks = tuple(_SINKS)
    for sink in sinks:
        sink._begin_end(ends_s)
    for sink in sinks:
        sink.close(max(0.0, ends_s - time.monotonic()))


def _forked() -> None:
    global _SHARED_LOCK  # noqa: PLW0603 - a thread of the parent may hold it
    _SHARED_LOCK = threading.Lock()
    for sink in tuple(_SINKS):
        sink._after_fork()


def _close_with_child() -> None:
    """Close all sinks at the end of a child of multiprocessing, which runs no ``atexit`` functions."""
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _close_all, exitpriority=0)


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forked)
