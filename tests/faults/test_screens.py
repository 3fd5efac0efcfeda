"""Terminals that are resized without a pause, or die: the screen follows, ends, and costs the recording nothing.

A terminal that reads 16 KB a second: ``tests/tui/test_terminal_changes.py``.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.pty_screen import PtyScreen
from tests.support.recordings import Recording
from tests.support.terminal_emulator import TerminalEmulator
from tests.support.thoroughness import times
from tests.support.tour_world import user_of

RESIZES = times(60)
# As fast as the screen writes
FAST = 10_000_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a hundred messages of one connection."""
    path = tmp_path / "store.db"
    recording = Recording(path, "orders")
    recording.write([message(f"message {number}", after_s=number * 0.1) for number in range(100)])
    recording.end(60)
    return path


@contextmanager
def opened(store: Path) -> Iterator[PtyScreen]:
    """The store on a screen."""
    with (
        user_of(store.parent) as environ,
        PtyScreen(store, {**os.environ, **environ}, TerminalEmulator(120, 40), FAST) as screen,
    ):
        yield screen


@pytest.mark.timeout(90 + RESIZES // 10)
def test_a_storm_of_resizes_leaves_the_screen_whole(store: Path) -> None:
    with opened(store) as screen:
        screen.until("4 Log .*100 events")
        roll = random.Random(RESIZES)
        for _ in range(RESIZES):
            columns, rows = roll.randint(1, 300), roll.randint(1, 100)
            fcntl.ioctl(screen.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            # What it answers is read now and then, as a busy multiplexer does
            if roll.random() < 0.2:
                screen.read_for(0.01)
        fcntl.ioctl(screen.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        screen.press(b"?")
        screen.until("│ Help")
        screen.press(b"\x1b")
        whole = screen.until("4 Log .*100 events")
        assert "Traceback" not in whole


def test_a_terminal_that_dies_ends_the_screen(store: Path) -> None:
    with opened(store) as screen:
        screen.until("4 Log .*100 events")
        # A lost terminal is a detach, and no failure
        assert screen.hang_up() in (0, 129, -signal.SIGHUP)
