"""A real terminal that is made larger and smaller, left with ^Z and come back to, and has few colours."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.processes import WSMON
from tests.support.pty_screen import PtyScreen
from tests.support.recordings import Recording
from tests.support.terminal_emulator import TerminalEmulator
from tests.support.tmux_terminal import TmuxTerminal
from tests.support.tour_world import user_of

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(90)]

# At sizes where not everything is
SHOWS = {
    (20, 5): r"1 Connections",
    (10, 3): r"1 Con",
    (40, 12): r"\? help",
    (200, 60): r"4 Log",
    (120, 40): r"4 Log",
}
OURS = "alternate 1 cursor 0 mouse 1 wrap 0"
THE_SHELLS = "alternate 0 cursor 1 mouse 0 wrap 1"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a hundred messages of one connection."""
    path = tmp_path / "store.db"
    recording = Recording(path, "orders")
    recording.write([message(f"message {number}", after_s=number * 0.1) for number in range(100)])
    recording.end(60)
    return path


@contextmanager
def opened(store: Path, columns: int, rows: int, *options: str, before: str = "true") -> Iterator[TmuxTerminal]:
    """The store on a screen of that size."""
    home = store.parent
    with user_of(home) as environ, TmuxTerminal(f"wsmon-{home.name[-24:]}", columns, rows, environ, home) as terminal:
        terminal.type(f"{before}\n")
        terminal.run(WSMON, "open", store, *options)
        yield terminal


def test_z_gives_the_terminal_back_as_it_was_and_fg_takes_it_again_at_any_size(store: Path) -> None:
    with opened(store, 80, 24, before="stty -g > before") as terminal:
        terminal.until(r"4 Log .*100 events")
        assert terminal.modes() == OURS
        terminal.press("C-z")
        terminal.until(r"(?m)Stopped[\s\S]*^\$ ?$")
        assert terminal.modes() == THE_SHELLS
        assert "4 Log" not in terminal.text()
        terminal.resize(100, 30)
        terminal.type("stty -g > stopped; echo in between\n")
        terminal.until(r"\nin between")
        terminal.run("fg")
        whole = terminal.until(r"(?m)^. 1 Connections .{84,}$[\s\S]*4 Log .*100 events")
        assert terminal.modes() == OURS
        assert "in between" not in whole
        leave(terminal)
        terminal.type("stty -g > after\n")
        terminal.until(r"after\n\$ ?")
        assert same_line_settings(store.parent, "before", "stopped", "after")


def test_a_screen_that_was_stopped_by_somebody_else_goes_on_and_leaves_the_terminal_as_it_was(store: Path) -> None:
    with opened(store, 80, 24, before="stty -g > before") as terminal:
        terminal.until(r"4 Log .*100 events")
        viewer = viewer_of(store)
        os.kill(viewer, signal.SIGSTOP)
        terminal.until(r"Stopped")
        terminal.press("C-u")  # an answer that came after the stop
        terminal.run("fg")
        terminal.until(r"Stopped", gone=True)
        terminal.press("?")
        terminal.until(r"type a key or word to filter")
        terminal.press("Escape")
        terminal.until(r"type a key or word to filter", gone=True)
        leave(terminal)
        terminal.type("stty -g > after\n")
        terminal.until(r"after\n\$ ?")
        assert same_line_settings(store.parent, "before", "after")


def leave(terminal: TmuxTerminal) -> None:
    """Detach; no answer to the last question is left for the shell."""
    terminal.press("G", "d")
    text = terminal.until(r"(?m)^\$ ?$")
    assert not re.search(r"\d+;\d+R", text)
    assert terminal.modes() == THE_SHELLS


def same_line_settings(folder: Path, *names: str) -> bool:
    """Whether ``stty`` said the same each time: echo, lines, signals."""
    return len({(folder / name).read_text() for name in names}) == 1


def viewer_of(store: Path) -> int:
    """The process that shows a store."""
    wanted = [b"open", bytes(store)]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")[-2:] == wanted:
                return int(process.name)
        except OSError:
            continue
    raise AssertionError("no viewer runs")


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


def test_what_is_copied_is_on_the_clipboard_of_tmux(store: Path) -> None:
    with opened(store, 80, 24) as terminal:
        terminal.take_clipboards()
        terminal.until(r"4 Log .*100 events")
        terminal.press("k")
        terminal.until("paused")
        terminal.press("y")
        terminal.until(r"copied payload of event #\d+ \(10 B\)")
        assert terminal.clipboard() == "message 98"


def test_ascii_can_be_asked_for(store: Path) -> None:
    with opened(store, 80, 24, "--ascii") as terminal:
        assert terminal.until(r"= 4 Log .*100 events").isascii()


def test_a_slow_terminal_gets_answers_before_everything_is_painted(store: Path) -> None:
    """It reads 16 KB a second and answers questions when it comes to them; keys do not queue up behind paints."""
    shown = TerminalEmulator(120, 40)
    with user_of(store.parent) as environ, PtyScreen(store, {**os.environ, **environ}, shown, 16_000) as screen:
        screen.until("4 Log .*100 events")
        for key, shows in (
            (b"1", "━ 1 Connections"),
            (b"4", "━ 4 Log"),
            (b"k", "paused"),
            (b"?", "type a key or word to filter"),
            (b"\x1b", "━ 4 Log"),
        ):
            begun_s = time.monotonic()
            screen.press(key)
            screen.until(shows)
            assert time.monotonic() - begun_s < 5, f"{key!r} took too long"
