"""Sender: the thread of a sink, which brings lines to the recorder of a store, or into the spool while none runs.

Lines go in the order of their numbers: those in the spool, then those that were sent on an earlier link and not
acknowledged, then new ones. Whatever goes wrong ends in ``LineBuffer.problem``, and not in the application.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from wsmon import __version__
from wsmon.control.ingest import GreetingLine, IngestGreeting, encode_ingest
from wsmon.control.link import Link, RecorderLink
from wsmon.errors import WsmonError
from wsmon.trace.buffer import LineBuffer
from wsmon.trace.events import TraceEvent, json_line
from wsmon.trace.location import locate_store
from wsmon.trace.spool import SpoolFile, numbered_line

# Lines that are sent at once
CHUNK_BYTES: Final = 64 * 1024
# Between two looks for a recorder: at first, and at most
FIRST_RETRY_S: Final = 0.2
LONGEST_RETRY_S: Final = 2.0
# Between two looks for new events while acknowledgements are awaited, and between two writes to the spool
LOOK_S: Final = 0.02
# Between two reports of refused events: a report may be refused itself, as where an application has too many names
REFUSALS_S: Final = 10.0
# A recorder that reads nothing for this long: what is in memory goes into the spool
STUCK_S: Final = 0.5
# Of the time that the end may take, how much is kept for the spool
SPOOLING_S: Final = 0.3
# And for the count of what found no room there
REPORT_S: Final = 0.1
# How much later than asked for the end may come, on a busy machine
LATE_S: Final = 0.5
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Sender:
    """Brings the lines of a buffer into a store; ``start`` it with the first line."""

    def __init__(
        self, buffer: LineBuffer, named: str, *, own: bool, connection: str, group: str, spool_bytes: int
    ) -> None:
        """``named`` is the store, see ``locate_store``. ``own``: hold it and write it in this process; raises what
        ``LocalStore`` raises.
        """
        self._buffer = buffer
        self._named = named
        self._folder = _here()
        self._spool_bytes = spool_bytes
        self._greeting = IngestGreeting(os.urandom(8).hex(), os.getpid(), __version__, connection, group, _boot_id())
        self._store: Path | None = None
        self._spool: SpoolFile | None = None
        self._is_own = own
        self._link: Link | None = self._own_store() if own else None
        # A link whose recorder has not answered yet
        self._dialled: RecorderLink | None = None
        # Since when the link has not taken all that it was given; None = it has
        self._stuck_since_s: float | None = None
        # Greatest number that was given to the present link, and what is read of the spool for it
        self._sent_seq = 0
        self._spooled_lines: Iterator[tuple[int, bytes]] = iter(())
        self._retry_s = FIRST_RETRY_S
        self._retry_at_s = 0.0
        # Refused events that an event tells of, and when it may be told of more
        self._reported_refusals = 0
        self._refusals_at_s = 0.0
        self._is_ending = False
        self._ends_s = 0.0
        self._thread = threading.Thread(target=self._run, name="wsmon sink", daemon=True)
        self._has_started = False

    @property
    def is_connected(self) -> bool:
        """Whether a store takes lines now."""
        return self._link is not None

    def locate(self) -> Path:
        """Return the store that lines go to, see ``locate_store``."""
        return self._store or locate_store(self._named, os.environ, self._folder)

    def start(self) -> None:
        """Start the thread, where it has not been started; the caller holds a lock against a second call."""
        if not self._has_started:
            self._has_started = True
            self._thread.start()

    def begin_end(self, ends_s: float) -> None:
        """Begin to end, without waiting; ``ends_s`` is the monotonic time by which the end is to be reached."""
        self._ends_s = ends_s
        self._is_ending = True
        self._buffer.wake()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        if not self._has_started:
            self._let_go()
        elif self._thread is not threading.current_thread():
            self._thread.join(timeout_s + LATE_S)

    def abandon(self) -> None:
        """Let go of what is the parent's, in a forked child."""
        if self._spool is not None:
            self._spool.close()
        for link in (self._link, self._dialled):
            if link is not None:
                link.abandon()

    def _run(self) -> None:
        while not self._is_ending:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - the border of the thread: the application goes on
                self._hang_up(f"the sink failed: {type(error).__name__}: {error}")
                time.sleep(FIRST_RETRY_S)
        try:
            self._finish()
        except Exception as error:  # noqa: BLE001 - as above
            self._buffer.problem = f"the sink failed at its end: {type(error).__name__}: {error}"
        finally:
            self._let_go()

    def _turn(self) -> None:
        """Do what there is to do, or wait for it."""
        if not self._buffer.has_work:
            self._buffer.wait(None)
            return
        if self._link is None and time.monotonic() >= self._retry_at_s:
            self._dial()
        if self._link is not None:
            self._exchange()
        elif self._spool_all():
            # Events of a moment are written together
            self._buffer.wait(LOOK_S, for_line=False)
        else:
            self._buffer.wait(max(LOOK_S, self._retry_at_s - time.monotonic()))

    def _finish(self) -> None:
        """Wait for what is sent, and spool the rest."""
        ends_s = self._ends_s - SPOOLING_S
        if self._link is None and self._buffer.has_work:
            self._dial()
            while self._dialled is not None and time.monotonic() < ends_s:
                self._dial()
        self._refusals_at_s = 0.0
        if self._link is not None and self._buffer.refused > self._reported_refusals:
            self._report_refusals()
        while self._link is not None and self._buffer.has_work and time.monotonic() < ends_s:
            self._exchange()
        self._spool_all()
        while self._link is not None and self._buffer.waiting and time.monotonic() < self._ends_s - REPORT_S:
            self._exchange()
        self._lose_rest()

    def _lose_rest(self) -> None:
        """Count what found no room anywhere, and leave the count to the next recorder."""
        self._buffer.lose_all()
        count, reason = self._buffer.unreported(), self._buffer.problem
        if not count or self._store is None or self._is_own:
            return
        spool = self._spool or self._new_spool(self._store)
        try:
            # Its number is beyond those of all lines: what is on its way to a recorder, and counted here, is not taken
            number = self._buffer.next_number()
            dropped = spool.append_report(number, lambda more: json_line(_report_of(count + more, reason)))
        except OSError as error:
            self._buffer.problem = f"cannot write {spool.path}: {error.strerror or error}"
        else:
            self._buffer.lose_spooled(dropped)

    def _let_go(self) -> None:
        link, self._link = self._link, None
        for part in (link, self._dialled, self._spool):
            if part is not None:
                part.close()

    def _dial(self) -> None:
        """Look for a recorder, or for the answer of the one that was dialled."""
        try:
            if self._store is None:
                self._store = self.locate()
            if self._dialled is None:
                self._dialled = RecorderLink(self._store, self._greeting)
            acked = self._dialled.greeted_within(LOOK_S)
        except (OSError, WsmonError) as error:
            self._hang_up(str(error))
            self._retry_at_s = time.monotonic() + self._retry_s
            self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
            return
        if acked is None:
            return
        self._link, self._dialled = self._dialled, None
        self._retry_s = FIRST_RETRY_S
        self._sent_seq = acked
        self._spooled_lines = iter(())
        self._acknowledge(acked)

    def _exchange(self) -> None:
        """Send what the link has room for, and take answers, for which there is a short wait."""
        link = self._link
        assert link is not None
        if not link.is_sending:
            self._report_losses()
            link.send(self._next_lines())
        answers = link.exchange(LOOK_S)
        if answers is None:
            self._hang_up("the recorder closed the connection")
            return
        for answer in answers:
            if answer.acked is not None:
                self._acknowledge(answer.acked)
            elif answer.error:
                self._buffer.refused += 1
                self._buffer.problem = f"the recorder refused an event: {answer.error}"
        now_s = time.monotonic()
        if self._buffer.refused > self._reported_refusals and now_s >= self._refusals_at_s:
            self._refusals_at_s = now_s + REFUSALS_S
            self._report_refusals()
        self._stuck_since_s = (self._stuck_since_s or now_s) if link.is_sending else None
        # The link may stand still for long, while the store takes nothing
        is_stuck = self._stuck_since_s is not None and now_s - self._stuck_since_s > STUCK_S
        if is_stuck or self._buffer.is_half_full:
            self._spool_all()

    def _next_lines(self) -> bytes:
        """Return the next lines to send; empty where there are none."""
        if self._spool is not None and self._spool.last_seq > self._sent_seq:
            return self._next_spooled(self._spool)
        lines = self._buffer.next_lines(self._sent_seq, CHUNK_BYTES)
        if lines:
            self._sent_seq = lines[-1][0]
        return b"".join(numbered_line(seq, line) for seq, line in lines)

    def _next_spooled(self, spool: SpoolFile) -> bytes:
        pieces: list[bytes] = []
        size = 0
        is_new = False
        while size < CHUNK_BYTES and not is_new:
            found = next(self._spooled_lines, None)
            if found is None:
                # From the beginning: this is a new link, or the file has grown
                is_new = bool(pieces)
                self._spooled_lines = spool.lines(self._sent_seq)
                continue
            self._sent_seq = found[0]
            pieces.append(found[1])
            size += len(found[1])
        return b"".join(pieces)

    def _acknowledge(self, seq: int) -> None:
        """Forget the lines up to a number."""
        if self._spool is not None and 0 < self._spool.last_seq <= seq:
            self._spool.clear()
            self._spooled_lines = iter(())
            self._buffer.acknowledge_spool()
        self._buffer.acknowledge(seq)

    def _spool_all(self) -> bool:
        """Move what is in memory into the spool, as far as there is room; returns whether anything was moved."""
        if self._store is None or self._is_own or not (lines := self._buffer.all_lines()):
            return False
        spool = self._spool or self._new_spool(self._store)
        try:
            moved = spool.append(lines)
        except OSError as error:
            self._buffer.problem = f"cannot write {spool.path}: {error.strerror or error}"
            return False
        if moved < len(lines):
            self._buffer.problem = f"{spool.path} has reached its limit of {self._spool_bytes:,} bytes"
        self._buffer.move_to_spool(moved)
        return bool(moved)

    def _new_spool(self, store: Path) -> SpoolFile:
        first = encode_ingest(GreetingLine(self._greeting))
        self._spool = SpoolFile(store, self._greeting.client, self._spool_bytes, first)
        return self._spool

    def _report_losses(self) -> None:
        """Report what was lost as an event, once there is room again."""
        if not self._buffer.is_half_full and (count := self._buffer.unreported()):
            reason = self._buffer.problem
            self._buffer.add(json_line(_report_of(count, reason)))

    def _report_refusals(self) -> None:
        """Report what the recorder refused as an event, without a time: that may be what it refuses."""
        count = self._buffer.refused - self._reported_refusals
        self._reported_refusals = self._buffer.refused
        self._buffer.add(msgspec.json.encode(_report_of(count, self._buffer.problem)))

    def _hang_up(self, problem: str) -> None:
        self._buffer.problem = problem
        self._retry_at_s = 0.0
        # A store of one's own that failed: its lock is free for a recorder, and the spool takes what comes
        self._is_own = False
        self._stuck_since_s = None
        for link in (self._link, self._dialled):
            if link is not None:
                link.close()
        self._link = self._dialled = None

    def _own_store(self) -> Link:
        """Hold the store, and write it in this process."""
        # Imported now: it brings SQLite and what else a recorder needs
        from wsmon.recorder.local_store import LocalStore

        self._store = locate_store(self._named, os.environ, self._folder)
        return LocalStore(self._store, self._greeting)


def _report_of(count: int, reason: str) -> TraceEvent:
    return TraceEvent(name="trace.lost", reason=reason, meta={"count": count})


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # It was removed
        return Path("/")


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
