"""Line buffer: events between the threads that emit them and the one that brings them into the store.

Bounded in bytes; what found no place is counted. Lines are numbered in their order when they are first sent or spooled,
and leave the buffer when they are acknowledged or in the spool.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# Memory of a line beside its text
OVERHEAD_BYTES: Final = 100


class LineBuffer:
    """The lines of one process; any thread adds, one thread takes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        # Guards everything here. Reentrant: a signal handler may add while the thread that it interrupts does
        self._lock = threading.RLock()
        self._settled = threading.Condition(self._lock)
        self._unsent: deque[bytes] = deque()
        # Numbered, and not acknowledged
        self._unacked: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._next_seq = 1
        self.stored = 0
        self.refused = 0
        self.spooled = 0
        self.lost = 0
        # Of those lost, how many an event in the buffer tells of
        self._reported = 0
        # What went wrong last, as a sentence
        self.problem = ""
        self._wake = threading.Event()
        # Whether the taking thread waits for a line
        self._is_waited_for = False

    def add(self, line: bytes) -> bool:
        """Take a line, or count it as lost; returns which."""
        size = len(line) + OVERHEAD_BYTES
        with self._lock:
            if self._bytes + size > self._limit_bytes:
                self.lost += 1
                self.problem = self.problem or f"the buffer of {self._limit_bytes:,} bytes is full"
                return False
            self._bytes += size
            self._unsent.append(line)
        if self._is_waited_for:
            self._wake.set()
        return True

    def lose(self, problem: str) -> None:
        """Count an event that cannot be kept."""
        with self._lock:
            self.lost += 1
            self.problem = problem

    @property
    def waiting(self) -> int:
        """Lines in memory."""
        with self._lock:
            return len(self._unsent) + len(self._unacked)

    @property
    def has_work(self) -> bool:
        """Whether there is a line that is not stored, or a loss that is not reported."""
        return bool(self._unsent or self._unacked or self.spooled or self.lost > self._reported)

    @property
    def is_half_full(self) -> bool:
        """Whether lines should go elsewhere."""
        return self._bytes > self._limit_bytes // 2

    def wake(self) -> None:
        """Wake the taking thread."""
        self._wake.set()

    def wait(self, wait_s: float | None, *, for_line: bool = True) -> None:
        """Wait for a line or ``wake``; without ``for_line``, for ``wake`` alone. Returns at once where there is work
        and no time to wait for.
        """
        self._is_waited_for = for_line
        # What came before the flag was set is looked for once more
        if wait_s is not None or not self.has_work:
            self._wake.wait(wait_s)
        self._wake.clear()
        self._is_waited_for = False

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until all lines have left the buffer; returns whether that came true in time."""
        ends_s = time.monotonic() + timeout_s
        with self._settled:
            while self._bytes:
                left_s = ends_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._wake.set()
                self._settled.wait(min(left_s, 0.1))
        return True

    def next_lines(self, sent_seq: int, limit_bytes: int) -> list[tuple[int, bytes]]:
        """Return lines with greater numbers than ``sent_seq``: all that were numbered before, or new ones."""
        with self._lock:
            if self._unacked and self._unacked[-1][0] > sent_seq:
                return [(seq, line) for seq, line in self._unacked if seq > sent_seq]
            return self._number(limit_bytes)

    def all_lines(self) -> Sequence[tuple[int, bytes]]:
        """Number what is new, and return all lines, oldest first."""
        with self._lock:
            self._number(self._limit_bytes)
            return tuple(self._unacked)

    def acknowledge(self, seq: int) -> None:
        """Forget the lines up to a number: they are stored."""
        with self._settled:
            while self._unacked and self._unacked[0][0] <= seq:
                self._drop_first()
                self.stored += 1
            self._settled.notify_all()

    def acknowledge_spool(self) -> None:
        """Count what was spooled as stored."""
        with self._lock:
            self.stored += self.spooled
            self.spooled = 0

    def move_to_spool(self, count: int) -> None:
        """Forget the oldest lines: they are in the spool."""
        with self._settled:
            for _ in range(count):
                self._drop_first()
            self.spooled += count
            self._settled.notify_all()

    def lose_all(self) -> None:
        """Count all lines as lost: the process ends."""
        with self._settled:
            self.lost += len(self._unacked) + len(self._unsent)
            self._unacked.clear()
            self._unsent.clear()
            self._bytes = 0
            self._settled.notify_all()

    def lose_spooled(self, count: int) -> None:
        """Count lines as lost that were taken out of the spool."""
        with self._lock:
            self.spooled -= count
            self.lost += count

    def next_number(self) -> int:
        """Return a number for a line that does not go through the buffer."""
        with self._lock:
            self._next_seq += 1
            return self._next_seq - 1

    def unreported(self) -> int:
        """Return how many events were lost that no event tells of yet; the caller adds that event."""
        with self._lock:
            count = self.lost - self._reported
            self._reported = self.lost
            return count

    def _number(self, limit_bytes: int) -> list[tuple[int, bytes]]:
        """Number new lines; the caller holds the lock."""
        numbered: list[tuple[int, bytes]] = []
        size = 0
        while self._unsent and size < limit_bytes:
            line = self._unsent.popleft()
            size += len(line)
            numbered.append((self._next_seq, line))
            self._next_seq += 1
        self._unacked += numbered
        return numbered

    def _drop_first(self) -> None:
        self._bytes -= len(self._unacked.popleft()[1]) + OVERHEAD_BYTES
