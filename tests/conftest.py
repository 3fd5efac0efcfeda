"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
import signal

from tests.support.thoroughness import be_steady

# So many new objects make the collector come; of Python's 700 each screen that is drawn makes many times as many
YOUNG_OBJECTS = 50_000

be_steady()

# Under nohup, or in the background of a shell without job control, both are ignored, and so they would be in every
# command that a test starts and then ends by one of them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = (
    "tests.support.children",
    "tests.support.network",
    "tests.support.node_peers",
    "tests.support.peers",
    "tests.support.processes",
    "tests.support.users",
)


def pytest_xdist_auto_num_workers() -> int | None:
    """Two workers a processor and one more: each waits more than half of its time, for processes and terminals."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    return 2 * len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None


def pytest_collection() -> None:
    """Collect without the garbage collector: modules and tests stay to the end, half a gigabyte of the whole suite.

    A process that hands tests to workers collects nothing, and does not come here.
    """
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave the modules and the tests to no garbage collector, and what tests make to one that comes less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    gc.enable()
