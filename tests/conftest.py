"""Fixtures that all tests share."""

from __future__ import annotations

import os

from tests.support.thoroughness import be_steady

be_steady()

pytest_plugins = ("tests.support.node_peers", "tests.support.peers", "tests.support.processes")


def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than there are processors: many tests wait for processes, sockets and terminals."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None
