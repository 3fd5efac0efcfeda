"""The whole of wsmon in a real terminal: viewers that die, and recorders that go on."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import WSMON, stored
from tests.support.tmux_terminal import DEADLINE_S, POLL_S, TmuxTerminal
from tests.support.tour_world import user_of
from wsmon.control.lock import beside, holder

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(120)]


@contextmanager
def demonstration(home: Path) -> Iterator[tuple[TmuxTerminal, Path]]:
    """A demonstration on the screen, and its store."""
    with user_of(home) as environ, TmuxTerminal(f"wsmon-{home.name[-24:]}", 80, 24, environ, home) as terminal:
        terminal.run(WSMON, "demo")
        terminal.until(r"binary +open")
        (store,) = home.glob("state/wsmon/demo-*/store.db")
        yield terminal, store


def viewer_of(store: Path) -> int:
    """The pid of the one process with this home that is not the recorder."""
    held = holder(store)
    assert held is not None
    home = f"HOME={store.parents[3]}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(held.pid) and home in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes()
                if b"wsmon" in command and b"demo" in command and b"tmux" not in command:
                    return int(process.name)
        except OSError:
            continue
    raise AssertionError("no viewer runs")


def last_id(store: Path) -> int:
    """The newest event."""
    return stored(store)[-1].id


def account_of(store: Path) -> str:
    """What is known about its recorder, for whoever must find out why it stands still."""
    held = holder(store)
    if held is None:
        return f"it ended, its last event {stored(store)[-1]}, its log {beside(store, 'log').read_text()!r}"
    process = Path("/proc", str(held.pid))
    threads = {
        (task / "comm").read_text().strip(): [(task / "wchan").read_text(), *(task / "stat").read_text().split()[2:15]]
        for task in (process / "task").iterdir()
    }
    return f"its threads {threads}, its last event {stored(store)[-1]}, its log {beside(store, 'log').read_text()!r}"


def assert_recording_goes_on(store: Path) -> None:
    """New events arrive, and ids have no hole."""
    before = last_id(store)
    deadline_s = time.monotonic() + DEADLINE_S
    while last_id(store) <= before:
        assert time.monotonic() < deadline_s, f"nothing is recorded any more: {account_of(store)}"
        time.sleep(POLL_S)  # another process writes
    ids = [event.id for event in stored(store)]
    assert ids == list(range(1, len(ids) + 1))


def test_a_viewer_that_is_killed_costs_no_event(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (_terminal, store):
        os.kill(viewer_of(store), signal.SIGKILL)
        assert_recording_goes_on(store)


def test_a_lost_terminal_is_a_detach(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (terminal, store):
        os.kill(viewer_of(store), signal.SIGHUP)
        terminal.until(r"(?i)recorder (goes on|still running)")
        assert_recording_goes_on(store)


def test_a_viewer_told_to_end_gives_the_terminal_back(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (terminal, store):
        os.kill(viewer_of(store), signal.SIGTERM)
        terminal.until(r"(?i)recorder (goes on|still running)")
        terminal.run("echo", "the shell is back")
        terminal.until(r"\nthe shell is back")


def test_keys_of_one_write_wait_for_the_dialogs_that_they_open_and_close(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (terminal, _store):
        terminal.type("/\r\r")
        terminal.until(r"5 Detail")
        terminal.type("4:help\r")
        terminal.until("type a key or word to filter")
        terminal.press("C-End")
        terminal.until(r"△ payload over 64 KiB")
        terminal.press("Escape")
        terminal.until("type a key or word to filter", gone=True)
        terminal.type("qd")
        terminal.until(r"(?i)recorder (goes on|still running)")


def shown_events(terminal: TmuxTerminal) -> int:
    """How many events the log says there are."""
    found = re.search(r"following · ([\d,]+) events", terminal.until(r"following · [\d,]+ events"))
    assert found is not None
    return int(found[1].replace(",", ""))


def test_the_recorder_goes_on_while_the_screen_is_stopped_and_fg_shows_what_came_meanwhile(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (terminal, store):
        terminal.press("C-z")
        terminal.until(r"Stopped")
        assert_recording_goes_on(store)
        recorded = len(stored(store))
        terminal.run("fg")
        deadline_s = time.monotonic() + DEADLINE_S
        while shown_events(terminal) < recorded:
            assert time.monotonic() < deadline_s, "what came meanwhile is not shown"
            time.sleep(POLL_S)  # a terminal tells nobody when it was painted


def test_q_and_s_stop_the_recorder(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (terminal, store):
        terminal.press("q")
        terminal.until(r"(?i)stop")
        terminal.press("s")
        terminal.until(r"Recording stopped. View it with `wsmon open ")
        assert holder(store) is None
        assert stored(store)[-1].name == "self.run.ended"


def test_s1_what_a_full_disk_lost_is_said_when_the_screen_stops_the_recorder(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (terminal, store):
        held = holder(store)
        assert held is not None
        limit = max(each.stat().st_size for each in (store, store.with_name("store.db-wal")))
        resource.prlimit(held.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        terminal.until(r"the store .* failed|disk")
        terminal.press("q")
        terminal.until(r"(?i)stop")
        terminal.press("s")
        terminal.until(r"wsmon: [\d,]+ events lost: ")
        terminal.type("echo the code is $?\n")
        terminal.until(r"\nthe code is 1")


def test_a_terminal_that_is_none_gets_an_answer(tmp_path: Path) -> None:
    with user_of(tmp_path) as environ:
        done = subprocess.run(
            [WSMON, "wss://example.invalid/"], env=environ, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wsmon: the viewer needs a terminal")
