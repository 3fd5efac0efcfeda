"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal

from tests.support.thoroughness import be_steady

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
    """One worker more than there are processors: many tests wait for processes, sockets and terminals."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None
