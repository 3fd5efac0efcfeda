"""The tour: what a new user does first, in a real terminal, with a picture of every stop.

    python -m tests.tui.tour [FOLDER]

Starts the demonstration at 80×24 and 120×40, searches, opens, goes to problems, exports, asks for help, detaches, comes
back, and checks that every event is in the store exactly once. Leaves captures as text
and PNG in FOLDER (tests/tui/captures).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import stored
from tests.tui.terminal import Terminal

SIZES = ((80, 24), (120, 40))
TITLE = r"1 Connections \S+ \w+:"
WSMON = Path(sys.executable).with_name("wsmon")


def environment(home: Path) -> dict[str, str]:
    """A user who has never run wsmon."""
    (home / "run").mkdir(mode=0o700)
    return {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "LANG": "C.UTF-8",
    }


@contextmanager
def no_recorder_left(environ: dict[str, str]) -> Iterator[None]:
    """Whatever happens inside, no recorder of it survives."""
    try:
        yield
    finally:
        subprocess.run([WSMON, "stop", "--all"], env=environ, check=True, stderr=subprocess.DEVNULL)


def tour(columns: int, rows: int, captures: Path) -> list[str]:
    """Walk through; raises AssertionError where something expected is not seen. What was done, a line each."""
    done: list[str] = []
    with tempfile.TemporaryDirectory(prefix="wsmon-tour-") as folder:
        home = Path(folder)
        environ = environment(home)
        with (
            no_recorder_left(environ),
            Terminal(f"wsmon-tour-{columns}", columns, rows, environ, home) as terminal,
        ):

            def stop(name: str, what: str) -> None:
                terminal.picture(captures / f"{columns}x{rows}-{len(done) + 1:02}-{name}.png")
                done.append(what)

            terminal.run(WSMON, "demo")
            for trouble in (r"forbidden +reconnecting", r"bouncer +reconnecting", r"silent +stalled"):
                terminal.until(trouble)
            terminal.until(r"1 Connections .*bouncer: .*token expired”, 1008 by peer")
            stop("demo", "wsmon demo: connections, timeline and log are alive, and the worst says why")
            terminal.press("/")
            terminal.type("policy violation")
            terminal.until(r"\n / policy violation")
            terminal.until(r"4 Log .*'policy violation'")
            stop("searching", "/ policy violation: the log narrows while one types")
            terminal.press("Enter")
            terminal.until(r"/ policy violation", gone=True)
            stop("search", "Enter: the refusals of the bouncer alone")
            terminal.press("Enter")
            terminal.until(r"Loss of bouncer")
            terminal.until(r"Closed by +the peer")
            stop("detail", "Enter: everything about one of them")
            everything_again(terminal)
            put_cursor_on(terminal, "forbidden")
            terminal.until(r"1 Connections .*forbidden: .*403 Forbidden")
            terminal.press("Enter")
            terminal.until(r"4 Log .*'conn:forbidden'")
            terminal.until(r"failed .*403 Forbidden")
            stop("forbidden", "1, j, Enter: the log of the forbidden one, at its refusal")
            terminal.press("F")
            terminal.until(r"4 Log .*following")
            terminal.press("e")
            terminal.until(r"4 Log .*paused")
            terminal.press("5")
            terminal.until(r"refused with 403")
            terminal.until(r"Evidence +#\d")
            stop("problem", "F e 5: its newest problem in full, with what proves it")
            everything_again(terminal)
            terminal.press("F")
            terminal.until(r"4 Log .*following")
            terminal.press("2")
            terminal.until(r"2 Timeline .* a cell")
            terminal.until(r"messages +[▁▂▃▄▅▆▇█]")
            stop("timeline", "2: the timeline, the worst on top")
            terminal.press("3")
            terminal.until(r"available .* of the time")
            stop("statistics", "3: statistics of the time there was")
            terminal.press("4")
            terminal.until(r"4 Log")
            terminal.press("x")
            terminal.until(r"Format +‹ jsonl ›")
            stop("export", "x: the export dialog")
            terminal.press("Enter")
            terminal.until(r"wrote [\d,]+ events, .*jsonl")
            stop("exported", "Enter: written")
            terminal.press("?")
            terminal.until(r"Keys")
            terminal.until(r"▼ \d+ more lines")
            stop("help", "?: all keys, the first ones first")
            terminal.press("G")
            terminal.until(r"Signs of the log")
            stop("signs", "G: what the signs mean")
            terminal.press("Escape")
            terminal.until("Signs of the log", gone=True)
            terminal.press("d")
            terminal.until(r"the recorder goes on")
            stop("detached", "d: detached; the recorder goes on")
            terminal.run(WSMON, "attach")
            terminal.until(r"binary +open")
            terminal.until(r"recording \d")
            stop("attached", "wsmon attach: back again, with the recorder's own age")
            terminal.press("q")
            terminal.until(r"stop recording")
            stop("quit", "q: detach or stop?")
            terminal.press("Escape")
            terminal.until(r"stop recording", gone=True)
            terminal.press("d")
            terminal.until(r"the recorder goes on")
            terminal.run(WSMON, "stop")
            terminal.until(r"stopped the recorder")
        check_store(home, done)
        check_export(home, done)
    return done


def everything_again(terminal: Terminal) -> None:
    """The log without a filter."""
    terminal.press("4")
    terminal.until(r"4 Log .*'")
    terminal.press("Escape")
    terminal.until(r"4 Log .*'", gone=True)


def put_cursor_on(terminal: Terminal, connection: str) -> None:
    """Go down the list until its title speaks of a connection."""
    terminal.press("1", "g")
    terminal.until(r"━ 1 Connections")
    while (current := terminal.until(TITLE).split("1 Connections", 1)[1].split(":", 1)[0].split()[-1]) != connection:
        terminal.press("j")
        terminal.until(rf"1 Connections \S+ (?!{current}:)")


def check_store(home: Path, done: list[str]) -> None:
    """Every event is there, none twice."""
    (store,) = home.glob("state/wsmon/demo-*/store.db")
    events = stored(store)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert {event.source.run for event in events} == {1}
    done.append(f"the store holds {len(events):,} events, ids 1 to {events[-1].id:,} without a hole")


def check_export(home: Path, done: list[str]) -> None:
    """What was exported is one event a line."""
    (target,) = [path for path in home.iterdir() if path.suffix in (".jsonl", ".json", ".csv")]
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert lines
    assert len({line["id"] for line in lines}) == len(lines)
    done.append(f"the export {target.name} holds {len(lines):,} events, none twice")


def main() -> None:
    """Walk at both sizes and print what was seen."""
    captures = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "captures"
    os.environ.pop("NO_COLOR", None)
    for columns, rows in SIZES:
        print(f"{columns} × {rows}")
        for line in tour(columns, rows, captures):
            print(f"  {line}")
    print(f"captures are in {captures}")


if __name__ == "__main__":
    main()
