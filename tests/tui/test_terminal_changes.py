"""A real terminal that is made larger and smaller, left with ^Z and come back to, and has few colours."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.builders import message
from tests.recordings import Recording
from tests.tui.emulated import Emulated
from tests.tui.pty_screen import PtyScreen
from tests.tui.terminal import Terminal
from tests.tui.tour_world import WSMON, environment

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(90)]

SHOWS = {
    (20, 5): r"1 Connections",
    (10, 3): r"1 Con",
    (40, 12): r"\? help",
    (200, 60): r"5 Detail",
    (120, 40): r"5 Detail",
}
# at sizes where not everything is


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a hundred messages of one connection."""
    path = tmp_path / "store.db"
    recording = Recording(path, "orders")
    recording.write([message(f"message {number}", after_s=number * 0.1) for number in range(100)])
    recording.end(60)
    return path


@contextmanager
def opened(store: Path, columns: int, rows: int, *options: str) -> Iterator[Terminal]:
    """The store on a screen of that size."""
    environ = environment(store.parent)
    with Terminal(f"wsmon-{store.parent.name[-24:]}", columns, rows, environ, store.parent) as terminal:
        terminal.run(WSMON, "open", store, *options)
        yield terminal


def test_z_leaves_the_shell_and_fg_brings_everything_back(store: Path) -> None:
    with opened(store, 80, 24) as terminal:
        before = terminal.until(r"4 Log .*100 events")
        terminal.press("C-z")
        terminal.until(r"(?m)^\$ ?$")
        assert "4 Log" not in terminal.text()
        terminal.run("echo", "in between")
        terminal.until(r"\nin between")
        terminal.run("fg")
        after = terminal.until(r"4 Log .*100 events")
        assert after.splitlines()[-1] == before.splitlines()[-1]
        terminal.press("G", "d")
        terminal.until(r"(?m)^\$ ?$")
        assert not re.search(r"\d+;\d+R", terminal.text())


def test_the_screen_follows_the_terminal_at_every_size(store: Path) -> None:
    with opened(store, 80, 24) as terminal:
        terminal.until(r"4 Log .*100 events")
        for columns, rows in ((200, 60), (40, 12), (20, 5), (10, 3), (120, 40), (80, 24)):
            terminal.resize(columns, rows)
            terminal.until(SHOWS.get((columns, rows), r"4 Log"))
            lines = terminal.text().split("\n")[:rows]
            assert max(map(len, lines)) <= columns
            assert "Traceback" not in terminal.text()
        terminal.press("d")
        terminal.until(r"(?m)^\$ ?$")


def test_ascii_can_be_asked_for(store: Path) -> None:
    with opened(store, 80, 24, "--ascii") as terminal:
        assert terminal.until(r"= 4 Log .*100 events").isascii()


def test_a_slow_terminal_gets_answers_before_everything_is_painted(store: Path) -> None:
    """It reads 16 KB a second and answers questions when it comes to them; keys do not queue up behind paints."""
    with PtyScreen(store, {**os.environ, **environment(store.parent)}, Emulated(120, 40), 16_000) as screen:
        screen.until("4 Log .*100 events")
        for key, shows in (
            (b"1", "━ 1 Connections"),
            (b"4", "━ 4 Log"),
            (b"k", "paused"),
            (b"?", "│ Keys"),
            (b"\x1b", "━ 4 Log"),
        ):
            begun_s = time.monotonic()
            screen.press(key)
            screen.until(shows)
            assert time.monotonic() - begun_s < 5, f"{key!r} took too long"
