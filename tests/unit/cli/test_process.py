"""Work that can wait gives way; a signal reaches recorders alone."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.support.users import STRANGER, needs_root, stranger
from wsmon.cli.process import collecting_later, is_recorder, outliving_stop, terminate_recorder
from wsmon.errors import WsmonError

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


def test_a_stop_of_the_recorder_does_not_reach_what_it_lets_finish() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    with outliving_stop():
        for number in (signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == before


def test_garbage_is_looked_for_again_after_imports_and_not_in_what_they_made() -> None:
    script = """
import gc
from wsmon.cli.process import importing
with importing():
    print(gc.isenabled())
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == ["False", "True", "True"]


@contextmanager
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this user that is no recorder, and waits until it is killed."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        try:
            assert started.stdin is not None
            assert started.stdout is not None
            # Its arguments are there once it answers
            started.stdin.write(b"\n")
            started.stdin.flush()
            started.stdout.readline()
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_block_leaves_the_search_for_garbage_as_it_was(was_enabled: bool) -> None:
    before = gc.isenabled()
    try:
        gc.enable() if was_enabled else gc.disable()
        with suppress(KeyboardInterrupt), collecting_later():
            within = gc.isenabled()
            raise KeyboardInterrupt
        assert (within, gc.isenabled()) == (False, was_enabled)
    finally:
        gc.enable() if before else gc.disable()


def test_d11_a_process_that_is_no_recorder_gets_no_signal() -> None:
    with waiting() as bystander:
        with pytest.raises(WsmonError, match="named in the lock file: it is not a recorder but 'cat'"):
            terminate_recorder(bystander.pid, os.geteuid())
        assert bystander.poll() is None


@needs_root
def test_d11_a_process_of_another_user_gets_no_signal() -> None:
    with stranger("print('ready', flush=True); time.sleep(60)") as bystander:
        with pytest.raises(WsmonError, match=f"it belongs to uid {STRANGER}, but the lock file to uid {os.geteuid()}"):
            terminate_recorder(bystander.pid, os.geteuid())
        assert bystander.poll() is None


def test_a_process_that_has_ended_needs_no_signal() -> None:
    with waiting() as ended:
        ended.kill()
        ended.wait()
    terminate_recorder(ended.pid, os.geteuid())


def test_a_number_that_no_process_has_is_an_error() -> None:
    with pytest.raises(WsmonError, match="invalid process id"):
        terminate_recorder(10**30, os.geteuid())


@pytest.mark.parametrize(
    ("line", "records"),
    [
        ("/usr/local/bin/wsmon record x.toml", True),
        ("/opt/venv/bin/python /opt/venv/bin/wsmon record x.toml", True),
        ("python3.13 -m wsmon demo --headless", True),
        ("wsmon attach", False),
        ("wsmon", False),
        ("vi wsmon record", False),
        ("python -m http.server wsmon record", False),
        ("python", False),
        ("wsmonitor record", False),
    ],
)
def test_d11_recorders_are_told_from_viewers_and_other_programs(line: str, records: bool) -> None:
    assert is_recorder([word.encode() for word in line.split()]) is records
