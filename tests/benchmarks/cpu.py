"""CPU time and memory of processes, from outside: what they use, and whether they are at rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Linux: the number of the clock of all CPU time of a process is made from its id (clock_getcpuclockid(3))
CLOCK_OF_ALL_THREADS = 2
# A process is at rest where it uses less than this for so long, beyond what it uses without any messages
REST_SHARE = 0.02
REST_S = 1.0
LONGEST_S = 900.0
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB


def cpu_s(processes: Sequence[int]) -> float:
    """Return the CPU time that processes used since their start, all threads, in seconds; all must be alive."""
    return sum(time.clock_gettime(~pid << 3 | CLOCK_OF_ALL_THREADS) for pid in processes)


def at_rest(processes: Sequence[int], idle_share: float = 0.0, state: Callable[[], object] = lambda: None) -> float:
    """Wait until processes are at rest and return their CPU time, without what they used idly while they were watched.

    ``idle_share`` is what they use without any messages, as a share of a core. They are not at rest where ``state``
    changed within ``REST_S``. Raises ``TimeoutError`` after ``LONGEST_S``.
    """
    deadline_s = time.monotonic() + LONGEST_S
    known = state()
    while time.monotonic() < deadline_s:
        began_s, before_s = time.monotonic(), cpu_s(processes)
        time.sleep(REST_S)
        used_s, length_s = cpu_s(processes), time.monotonic() - began_s
        is_quiet = used_s - before_s <= (idle_share + REST_SHARE) * length_s
        if (found := state()) == known and is_quiet:
            return max(before_s, used_s - idle_share * length_s)
        known = found
    raise TimeoutError(f"not at rest after {LONGEST_S:.0f} s")


def idle_share(processes: Sequence[int]) -> float:
    """Wait until processes have started, and return what they use then, as a share of a core."""
    share = 1.0
    deadline_s = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline_s:
        began_s, before_s = time.monotonic(), cpu_s(processes)
        time.sleep(REST_S / 2)
        after = (cpu_s(processes) - before_s) / (time.monotonic() - began_s)
        # A start is over where two measurements in a row are alike
        if abs(after - share) < REST_SHARE:
            return min(after, share)
        share = after
    raise TimeoutError(f"not at rest {LONGEST_S:.0f} s after the start")
