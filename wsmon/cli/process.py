"""This process: a lower priority, and signals that end it like ^C, for commands that read a lot and write files."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Of 19: beside a busy recorder, a command still gets a quarter of a processor.
NICENESS = 5

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def low_priority() -> Iterator[None]:
    """Give way to other processes in the block; afterwards too where the priority may not be raised again."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, NICENESS))
    try:
        yield
    finally:
        # Only root may raise it; the commands that use this end here anyway.
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def tidy_end() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into ``KeyboardInterrupt`` in the block, so that half-written files are removed.

    A SIGHUP that is ignored (nohup) stays ignored.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
