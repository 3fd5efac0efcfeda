"""Keys that are typed ahead, in a real terminal: every key from every pane, and every key of every dialog twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.processes import WSMON
from tests.support.tmux_terminal import TmuxTerminal
from tests.support.tour_steps import key
from tests.support.tour_world import user_of
from wsmon.tui.actions import ACTIONS

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(300)]

# They end the viewer, or stop it, when they are pressed twice
LEAVING = frozenset({"app.quit", "app.detach", "app.suspend"})
KEYS = tuple(dict.fromkeys(key(name) for action in ACTIONS if action.id not in LEAVING for name in action.keys))
PANES = {"1": "Connections", "2": "Timeline", "3": "Statistics", "4": "Log"}
AGAIN_S, APART_S, TRIES = 2.0, 0.15, 8
# How each dialog is opened, and the keys that act in it
DIALOGS = {
    "search": (("4", "/"), ("Enter", "Escape", "Up", "Down", "x")),
    "search with a text": (("4", "/", "a"), ("Enter", "Escape", "Up", "C-y")),
    "find in the detail": (("4", "p", "Enter", "/"), ("Enter", "Escape")),
    "go to": (("4", "t"), ("Enter", "Escape")),
    "go to an event": (("4", "t", "1"), ("Enter", "Escape")),
    "note": (("4", "p", "M"), ("Enter", "Escape")),
    "views": (("4", "v"), ("Enter", "Escape", "Up", "Down", "C-x", "DC")),
    "columns": (("4", "c"), ("Enter", "Escape", "Space", "a", "j", "k")),
    "commands": ((":",), ("Enter", "Escape", "Up", "Down")),
    "theme": ((":", "t", "h", "e", "m", "e", "Enter"), ("Enter", "Escape", "j", "k")),
    "help": (("?",), ("Enter", "Escape", "q", "?", "j", "G")),
    "export": (("4", "x"), ("Enter", "Escape", "Tab", "Right")),
    "comparison": (("4", "p", "m", "k", "C"), ("Enter", "Escape", "q", "f", "y")),
    "spans": (("1", "W"), ("Enter", "Escape", "q", "t", "W")),
    "reconnect": (("1", "G", "R"), ("Enter", "Escape", "y")),
    "disable": (("1", "G", "D"), ("Enter", "Escape", "y")),
    "quit": (("q",), ("Enter", "Escape")),
}


@contextmanager
def demonstration(home: Path) -> Iterator[TmuxTerminal]:
    """A demonstration on the screen."""
    with user_of(home) as environ, TmuxTerminal(f"wsmon-{home.name[-24:]}", 120, 40, environ, home) as terminal:
        terminal.run(WSMON, "demo")
        terminal.until(r"binary +open")
        yield terminal


def assert_alive(terminal: TmuxTerminal, goals: Iterator[str], after: object) -> None:
    """The viewer takes keys: it goes to another pane than the last time, so that nothing old counts."""
    goal = next(goals)
    shown = rf"━ {goal} {PANES[goal]} ━"
    # Escape leaves a dialog, which may open only now, then a search, then a pane that has the whole screen. Escape and
    # a key that arrives with it are Alt and that key: they are pressed apart.
    for pressed in ("Escape", "Escape", "Escape", goal) * TRIES:
        terminal.press(pressed)
        is_there = terminal.comes_to(f"{shown}|Traceback", AGAIN_S if pressed == goal else APART_S)
        # Keys that wait may lead away from it once more
        if is_there and pressed == goal and not terminal.comes_to(r"━ 4 Log ━", 2 * APART_S):
            break
    assert "Traceback" not in terminal.text()
    try:
        terminal.until(shown)
    except AssertionError as error:
        raise AssertionError(f"after {after}: {error}") from error


@pytest.mark.parametrize("pane", ["1", "2", "3", "4", "5"])
def test_every_key_twice_from_a_pane(pane: str, tmp_path: Path) -> None:
    goals = cycle([each for each in PANES if each != pane][:2])
    with demonstration(tmp_path) as terminal:
        for pressed in KEYS:
            terminal.press(pane, pressed, pressed)
            terminal.press("Escape", "Escape")
            if pressed in ("x", "R", "D", ":"):
                assert_alive(terminal, goals, (pane, pressed))
        assert_alive(terminal, goals, pane)


def test_every_key_of_every_dialog_twice(tmp_path: Path) -> None:
    # No dialog is opened from these
    goals = cycle(["2", "3"])
    with demonstration(tmp_path) as terminal:
        for name, (opens, keys) in DIALOGS.items():
            for pressed in keys:
                terminal.press(*opens, pressed, pressed)
                assert_alive(terminal, goals, (name, pressed))


@pytest.mark.parametrize("keys", [("d", "d"), ("d", "Enter"), ("C-c", "C-c"), ("q", "d"), ("q", "d", "d", "Enter")])
def test_ways_to_leave_may_be_typed_ahead(keys: tuple[str, ...], tmp_path: Path) -> None:
    with demonstration(tmp_path) as terminal:
        terminal.press(*keys)
        shown = terminal.until(r"(?i)recorder (goes on|still running)|Traceback")
        assert "Traceback" not in shown
