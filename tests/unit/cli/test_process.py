"""Work that can wait makes way."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os
from wsmon.cli.process import low_priority
os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), {nice}))
with low_priority():
    print(os.getpriority(os.PRIO_PROCESS, 0))
"""


def niceness(before: int) -> int:
    """Niceness in the block, of a process that began with at least this much."""
    script = SCRIPT.format(nice=before)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return int(done.stdout)


def test_it_makes_way_and_never_climbs() -> None:
    assert niceness(0) >= 5
    assert niceness(15) >= 15
