"""A test that starts a child process ends it, also where the test fails: the fixture that sees to it does."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.children import command_of, end_others, running_children

WAITS = "import subprocess, sys; print(flush=True); sys.stdin.read()"
STARTS_ONE = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITS!r}]).wait()"


def test_what_a_test_leaves_is_killed_with_what_it_started_and_named() -> None:
    before = running_children(os.getpid())
    with subprocess.Popen([sys.executable, "-c", STARTS_ONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (grandchild,) = running_children(process.pid)
        assert end_others(before) == [f"{sys.executable} -c {STARTS_ONE}"]
        assert (running_children(os.getpid()), command_of(process.pid)) == (before, "")
        # Not ours to wait for: the kernel ends it in its own time
        while command_of(grandchild):
            os.sched_yield()


def test_what_ran_before_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert end_others(running_children(os.getpid())) == []
        assert process.poll() is None
        process.kill()
