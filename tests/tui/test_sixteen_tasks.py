"""What users do at night, each from every pane with few keys, counted in a real terminal.

A task is a row of ``TASKS``: its keys are pressed from each of its panes, and then the screen shows what it is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import WSMON
from tests.support.tmux_terminal import TmuxTerminal
from tests.support.tour_world import user_of

PANES = {"1": "Connections", "2": "Timeline", "3": "Statistics", "4": "Log", "5": "Detail"}
# Seconds within which a pane has the focus; a key behind Escape may arrive with it, and be Alt and that key
AGAIN_S, TRIES = 2.0, 5


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do, the keys that do it, and what proves that it is done."""

    letter: str
    name: str
    at_most: int
    """Keys, beside the letters of ``text``."""
    keys: tuple[str, ...]
    """tmux's names; ``TEXT`` = the text is typed here."""
    shows: str
    """A regular expression over the screen."""
    text: str = ""
    panes: str = "12345"
    """The panes from which it is done with these keys.

    In the detail, ``/`` finds in the detail; in the timeline, ``e`` may go to the event that was marked.
    """


TEXT = "TEXT"
TASKS = (
    Task("a", "which connection is broken, and why", 0, (), r"✕|◌.*(403|policy violation|not logged in)"),
    Task("b", "the last message before a loss", 2, ("e", "w"), r"4 Log ━*─*.*paused"),
    Task("c", "find an id and copy it", 2, ("/", TEXT, "C-y"), r"copied|clipboard", "type:order", panes="1234"),
    Task("d", "since when a connection is silent", 2, (), r"silent since \d\d:\d\d:\d\d"),
    Task("e", "compare two events", 3, ("m", "e", "C"), r" apart\b", panes="1345"),
    Task("f", "export an incident with what was around it", 4, ("e", "4", "x", "Enter"), r"wrote [\d,]+ "),
    Task("g", "messages a minute like this one", 3, ("4", "p", "i"), r"(?i)rate|/min|per minute"),
    Task("h", "an alert on such events", 4, ("4", "p", "A", "Enter"), r"copied|alert added|no terminal"),
    Task("i", "the slowest request", 3, ("4", "s", "d"), r"slowest|longest"),
    Task(
        "j",
        "what happened at 14:02",
        7,
        ("t", "1", "4", ":", "0", "2", "Enter"),
        r"4 Log.*paused|at or after that time",
    ),
    Task("k", "another theme", 3, ("C-t", "Down", "Enter"), r"theme wsmon-"),
    Task("l", "no more incidents of this kind", 2, ("S", "Enter"), r"copied|silenced|no terminal", panes="13"),
    Task("m", "the handshake of this session", 1, ("K",), r"(?i)handshake|upgrade|completed|no session yet"),
    Task("o", "reconnect now", 2, ("R", "y"), r"reconnecting \w+…|copied URL of|copied \w+ of event"),
    Task("p", "edit the configuration", 2, ("C-e",), r"unchanged|no configuration file"),
)


@contextmanager
def demonstration(home: Path) -> Iterator[TmuxTerminal]:
    """A demonstration on the screen, with an editor that changes nothing; its silent connection has gone silent."""
    with user_of(home) as environ:
        environ["EDITOR"] = "true"
        with TmuxTerminal(f"wsmon-{home.name[-24:]}", 120, 40, environ, home) as terminal:
            terminal.run(WSMON, "demo")
            terminal.until(r"silent since")
            yield terminal


def go_to(terminal: TmuxTerminal, pane: str) -> None:
    """Leave what is open, and go to a pane."""
    for _ in range(3):
        terminal.press("Escape")
    for _ in range(TRIES):
        terminal.press(pane)
        if terminal.comes_to(rf"━ {pane} {PANES[pane]} ━", AGAIN_S):
            return
    raise AssertionError(f"pane {pane} has no focus:\n{terminal.text()}")


def do(terminal: TmuxTerminal, task: Task) -> None:
    """Press the keys of a task, and see that it is done."""
    for key in task.keys:
        if key == TEXT:
            terminal.type(task.text)
        else:
            terminal.press(key)
    terminal.until(task.shows)


def test_no_task_takes_more_keys_than_it_may() -> None:
    assert [task for task in TASKS if len([key for key in task.keys if key != TEXT]) > task.at_most] == []


@pytest.mark.usefixtures("tmux")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("pane", PANES)
def test_every_task_is_done_from_a_pane(pane: str, tmp_path: Path) -> None:
    with demonstration(tmp_path) as terminal:
        for task in TASKS:
            if pane in task.panes:
                go_to(terminal, pane)
                try:
                    do(terminal, task)
                except AssertionError as error:
                    raise AssertionError(f"{task.letter}, {task.name}, from pane {pane}: {error}") from error
