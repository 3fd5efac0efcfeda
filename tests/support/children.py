"""Child processes of a test: those that it leaves are killed at its end, also where it fails, and named."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

_PROC = Path("/proc")
# How long a process may take to end that was asked to
ENDING_S = 2.0


def running_children(pid: int) -> frozenset[int]:
    """The children of a process that run; none on a system that does not list them."""
    found: set[int] = set()
    for listed in (_PROC / str(pid) / "task").glob("*/children"):
        # A thread may end meanwhile, and a child
        with suppress(OSError):
            found.update(int(child) for child in listed.read_text().split())
    return frozenset(child for child in found if _is_running(child))


def _is_running(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_of(pid: int) -> str:
    """The command of a process; empty where it has ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _ends_soon(pid: int) -> bool:
    """Wait for a process that is about to end: a recorder frees its store a moment before it ends."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        return bool(select.select([fd], [], [], ENDING_S)[0])
    finally:
        os.close(fd)


def end_others(before: frozenset[int]) -> list[str]:
    """Kill the children of this process that did not run before, and theirs; returns the commands of the children."""
    left = {child for child in running_children(os.getpid()) - before if not _ends_soon(child)}
    commands = [command_of(child) for child in left]
    pending = list(left)
    while pending:
        pid = pending.pop()
        pending += running_children(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        # Of a child of a child, another process waits
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    return commands


@pytest.fixture(autouse=True)
def ends_children() -> Iterator[None]:
    """Kill the child processes that a test leaves; a test that passes leaves none."""
    before = running_children(os.getpid())
    yield
    left = end_others(before)
    assert left == [], f"the test left processes behind: {left}"
