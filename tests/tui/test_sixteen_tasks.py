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
from tests.support.tour_world import servers, user_of
from wsmon.demo.scenario import parse_scenario

PANES = {"1": "Connections", "2": "Timeline", "3": "Statistics", "4": "Log", "5": "Detail"}
# Seconds within which a pane has the focus; a key behind Escape may arrive with it, and be Alt and that key
NEVER, APART_S = r"(?!)", 0.15
AGAIN_S, TRIES = 2.0, 5


# Its server says something, and is silent from then on; it sends back what it is sent
SILENT = """
[[step]]
do = "echo"

[[step]]
do = "send"
text = '{"type":"order","id":$seq}'
rate = 5
count = 3

[[step]]
do = "silence"
"""
# Its server closes after its last words
LOST = """
[[step]]
do = "send"
text = '{"type":"order","id":$seq}'
rate = 50
count = 10

[[step]]
do = "send"
text = '{"type":"notice","text":"last words"}'

[[step]]
do = "close"
code = 4401
reason = "token expired"
"""
CONFIGURATION = """\
[[connection]]
name = "orders"
url = "{url}"
expect_every = "1s"
allow_send = true
ping = {{ interval = "1s", timeout = "5s" }}
reconnect = {{ initial = "1h", max = "1h", jitter = 0.0 }}
"""


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
    """The panes from which it is done with these keys; a task has each pane in one of its rows."""
    begins: str = ""
    """A regular expression over the screen, which is waited for before the keys."""
    look: tuple[str, ...] = ()
    """Keys that show whether it is done; not counted."""


TEXT = "TEXT"
LETTERS = "abcdefghijklmnop"
# On the demonstration
DEMO_TASKS = (
    Task("a", "which connection is broken, and why", 0, (), r"✕|◌.*(403|policy violation|not logged in)"),
    Task("c", "find an id and copy it", 2, ("/", TEXT, "C-y"), r"copied|clipboard", "type:order"),
    Task("d", "since when a connection is silent", 2, (), r"no data since \d\d:\d\d:\d\d"),
    Task("e", "compare two events", 3, ("m", "e", "C"), r" apart\b", panes="1345"),
    Task("e", "compare the events of two lanes", 3, ("m", "j", "C"), r" apart\b", panes="2"),
    Task("f", "export an incident with what was around it", 4, ("e", "4", "x", "Enter"), r"wrote [\d,]+ "),
    Task("g", "messages a minute like this one", 3, ("4", "i", "Enter"), r"total [\d,]+ events? · mean .*/min"),
    Task("i", "the slowest request", 3, ("4", "s", "d"), r"4 Log.* slowest of"),
    Task(
        "j",
        "what happened at 14:02",
        7,
        ("t", "1", "4", ":", "0", "2", "Enter"),
        r"4 Log.*paused|at or after that time",
    ),
    Task("k", "another theme", 3, ("C-t", "Down", "Enter"), r"theme wsmon-"),
)
# On a connection that was lost, and is not tried again
LOST_TASKS = (
    Task(
        "b",
        "the last message before a loss",
        2,
        ("e", "w"),
        r"━ 5 Detail ━(.*\n)+.*Type +notice(.*\n)*.*last words|━ 5 Detail ━(.*\n)+.*last words(.*\n)+.*Type +notice",
        look=("4", "Enter"),
    ),
)
# On a connection that is open and silent; an incident of the alert that "h" adds could not be silenced by "l"
SILENT_TASKS = (
    Task("m", "the handshake of this session", 1, ("K",), r"━ 5 Detail ━(.*\n)+.*Open: orders"),
    Task("n", "send a text by hand", 2, ("a", TEXT, "Enter"), r"↑ .*hello there(.*\n)*.*↓ .*hello there", "hello there",
         look=("4", "F")),
    Task(
        "l",
        "no more incidents of this kind",
        2,
        ("S", "Enter"),
        r"stall silenced for orders \(wsmon\.toml:\d+\); reloaded",
        begins=r"no data since",
    ),
    Task(
        "h", "an alert on such events", 4, ("4", "A", "Enter"), r"alert added \(wsmon\.toml:\d+\); reloaded"
    ),
    Task("p", "edit the configuration", 2, ("C-e",), r"wsmon\.toml unchanged"),
    Task("o", "reconnect now", 2, ("R", "y"), r"reconnecting orders…"),
)  # fmt: skip
TASKS = (*DEMO_TASKS, *LOST_TASKS, *SILENT_TASKS)


@contextmanager
def screen(home: Path, *command: str, shows: str) -> Iterator[TmuxTerminal]:
    """A command on the screen that shows something, with an editor that changes nothing."""
    with user_of(home) as environ:
        environ["EDITOR"] = "true"
        with TmuxTerminal(f"wsmon-{home.name[-24:]}", 120, 40, environ, home) as terminal:
            terminal.run(WSMON, *command)
            terminal.until(shows)
            yield terminal


@contextmanager
def recording(home: Path, scenario: str, *, shows: str) -> Iterator[TmuxTerminal]:
    """The screen of one connection, to a server that does what the scenario says."""
    with servers([parse_scenario("orders", scenario)]) as urls:
        (home / "wsmon.toml").write_text(CONFIGURATION.format(url=urls["orders"]))
        with screen(home, shows=shows) as terminal:
            yield terminal


def go_to(terminal: TmuxTerminal, pane: str) -> None:
    """Leave what is open, and go to a pane."""
    for _ in range(3):
        terminal.press("Escape")
        # A key that arrives with Escape is another one: Alt and the key
        terminal.comes_to(NEVER, APART_S)
    for _ in range(TRIES):
        terminal.press(pane)
        if terminal.comes_to(rf"━ {pane} {PANES[pane]} ━", AGAIN_S):
            return
    raise AssertionError(f"pane {pane} has no focus:\n{terminal.text()}")


def do(terminal: TmuxTerminal, task: Task) -> None:
    """Press the keys of a task, and see that it is done."""
    terminal.until(task.begins)
    for key in (*task.keys, *task.look):
        if key == TEXT:
            terminal.type(task.text)
        else:
            terminal.press(key)
    terminal.until(task.shows)


def do_all(terminal: TmuxTerminal, tasks: tuple[Task, ...], pane: str) -> None:
    """Do the tasks that can be done from a pane, each from there."""
    for task in tasks:
        if pane in task.panes:
            go_to(terminal, pane)
            try:
                do(terminal, task)
            except AssertionError as error:
                raise AssertionError(f"{task.letter}, {task.name}, from pane {pane}: {error}") from error


def test_no_task_takes_more_keys_than_it_may() -> None:
    assert [task for task in TASKS if len([key for key in task.keys if key != TEXT]) > task.at_most] == []
    panes = {
        letter: "".join(sorted("".join(task.panes for task in TASKS if task.letter == letter))) for letter in LETTERS
    }
    assert panes == dict.fromkeys(LETTERS, "12345")


@pytest.mark.usefixtures("tmux")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("pane", PANES)
def test_every_task_is_done_from_a_pane_of_the_demonstration(pane: str, tmp_path: Path) -> None:
    with screen(tmp_path, "demo", shows=r"no data since") as terminal:
        do_all(terminal, DEMO_TASKS, pane)


@pytest.mark.usefixtures("tmux")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("pane", PANES)
def test_what_was_said_before_a_loss_is_found_from_a_pane(pane: str, tmp_path: Path) -> None:
    with recording(tmp_path, LOST, shows=r"orders +reconnecting") as terminal:
        do_all(terminal, LOST_TASKS, pane)


@pytest.mark.usefixtures("tmux")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("pane", PANES)
def test_every_task_about_an_open_connection_is_done_from_a_pane(pane: str, tmp_path: Path) -> None:
    with recording(tmp_path, SILENT, shows=r"no data since") as terminal:
        do_all(terminal, SILENT_TASKS, pane)
