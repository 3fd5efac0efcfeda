"""Short commands, and from Enter to the first paint of the screen, beside ``python -c pass`` and an empty application.

CPU time (user and system) of commands, and of the screen until its connections are shown, modules compiled; all
candidates take turns. A screen runs in a pseudo-terminal of 120×40; ``open`` on large stores is compared with ``open``
on one without any event.
"""

from __future__ import annotations

import compileall
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.benchmarks.cpu import cpu_s
from tests.benchmarks.day import build
from tests.benchmarks.screen import environ_of
from tests.benchmarks.table import Options, Row
from tests.support.recordings import recorded

ROOT = Path(__file__).parents[2]
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("Connections")
Empty().run()
"""
MS_PER_S = 1000
ROUNDS = 7
PASS, EMPTY_APP, NO_EVENT = "python -c pass", "an empty Textual application", "open, no event"
SEARCH, ATTACH = "search, one row", "attach, first paint"
GOAL_LARGE = 1.5
PAINT_MS = 350.0
LIMITS_MS = {SEARCH: 120.0, ATTACH: PAINT_MS}
# Of a large store: the narrow messages of the benchmark of a day
CONNECTIONS, EVENTS_AN_HOUR = 20, 250_000
# Ends of processes that were asked to end
WAIT_S = 10


def command_ms(command: list[str], environ: Mapping[str, str]) -> float:
    """CPU milliseconds of a command, from its start to its end."""
    output = [(os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_WRONLY, 0) for each in (1, 2)]
    pid = os.posix_spawn(command[0], command, environ, file_actions=output)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, command
    return (usage.ru_utime + usage.ru_stime) * MS_PER_S


def screen_ms(command: list[str], environ: Mapping[str, str], shows: bytes) -> float:
    """CPU milliseconds until the terminal received ``shows``."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environ)  # noqa: S606 - a terminal of its own, no shell
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    received = b""
    try:
        while shows not in received:
            if not select.select([terminal], [], [], WAIT_S)[0]:
                raise AssertionError(f"never painted: {received[-500:]!r}")
            received += os.read(terminal, 65_536)
        return cpu_s([pid]) * MS_PER_S
    finally:
        os.kill(pid, signal.SIGTERM)
        _read_to_the_end(terminal)
        os.waitpid(pid, 0)
        os.close(terminal)


def _read_to_the_end(terminal: int) -> None:
    """Read until the process has closed the terminal, which a kernel reports as an error."""
    while True:
        try:
            if not os.read(terminal, 65_536):
                return
        except OSError:
            return


def candidates(small: Path, stores: Mapping[str, Path], environ: dict[str, str]) -> dict[str, Callable[[], float]]:
    """What is measured, by name."""
    # Never from the current folder, which may have modules
    python, wsmon = [sys.executable, "-c"], [sys.executable, "-P", "-m", "wsmon"]
    commands = {
        SEARCH: ["search", "--limit", "1", "--store", str(small)],
        "search --json, one row": ["search", "--json", "--limit", "1", "--store", str(small)],
        "stats": ["stats", "--store", str(small)],
        "export": ["export", "--format", "jsonl", "--store", str(small)],
        "--help": ["--help"],
    }
    found: dict[str, Callable[[], float]] = {
        PASS: partial(command_ms, [*python, "pass"], environ),
        EMPTY_APP: partial(screen_ms, [*python, EMPTY], environ, b"Connections"),
        ATTACH: partial(screen_ms, [*wsmon, "attach"], environ, b"ticker"),
    }
    for name, arguments in commands.items():
        found[name] = partial(command_ms, [*wsmon, *arguments], environ)
    for name, store in stores.items():
        found[name] = partial(screen_ms, [*wsmon, "open", str(store)], environ, b"feed-00")
    return found


def store_of(events: int, path: Path) -> Path:
    """A store of so many events."""
    if events:
        build(path, CONNECTIONS, events, max(1, events // EVENTS_AN_HOUR))
        return path
    return recorded(path, [], "feed-00", end_s=1)


def rows(options: Options) -> Iterator[Row]:
    """Measure all in turn, round by round."""
    large = {f"open, {events:,} events": events for events in (1_000_000, *([3_000_000] if options.is_full else []))}
    peers = {SEARCH: PASS, "search --json, one row": PASS, "stats": PASS, "export": PASS, "--help": PASS}
    peers |= {ATTACH: EMPTY_APP, **dict.fromkeys(large, NO_EVENT)}
    wanted = {name: peer for name, peer in peers.items() if options.wants(name)}
    if not wanted:
        return
    compileall.compile_dir(ROOT / "wsmon", quiet=2)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        environ = environ_of(folder) | {"XDG_RUNTIME_DIR": f"{folder}/run", "PYTHONPATH": str(ROOT)}
        events_of = {each: options.amount(large[each], 3_000) for each in large if each in wanted}
        events_of |= {NO_EVENT: 0} if events_of else {}
        stores = {each: store_of(events, folder / f"{events}.db") for each, events in events_of.items()}
        demo = [sys.executable, "-m", "wsmon", "demo", "--headless", "--for", "1h"]
        with subprocess.Popen(demo, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
            try:
                time.sleep(5)
                (small,) = (folder / "state" / "wsmon").glob("*/store.db")
                measured = candidates(small, stores, environ)
                taken: dict[str, list[float]] = {each: [] for each in (*wanted, *wanted.values())}
                for _ in range(options.rounds_or(ROUNDS)):
                    for each, times in taken.items():
                        times.append(measured[each]())
            finally:
                recorder.terminate()
    for each, peer in wanted.items():
        goal = GOAL_LARGE if peer == NO_EVENT else None
        yield Row(
            each,
            "ms",
            tuple(taken[each]),
            peer,
            tuple(taken[peer]),
            goal,
            LIMITS_MS.get(each, PAINT_MS if peer == NO_EVENT else None),
        )
