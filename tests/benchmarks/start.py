"""Short commands, and from Enter to the first paint of the screen, as multiples of ``python -c pass``.

    python tests/benchmarks/start.py [--rounds N] [--against REVISION] [--events N ...]

CPU time (user and system) of commands, and of the screen until its connections are shown, modules compiled; all
candidates take turns.
``--against`` measures a worktree of another revision beside this one; a screen runs in a pseudo-terminal of 120×40 and
is compared with an empty Textual application too. ``--events`` adds ``open`` on stores of so many events, beside one
without any.
"""

from __future__ import annotations

import argparse
import compileall
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks.day import build
from tests.benchmarks.load import cpu_s
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
# Of a store for --events: the narrow messages of the benchmark of a day
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
        return cpu_s(pid) * MS_PER_S
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


@contextmanager
def checked_out(revision: str | None, folder: Path) -> Iterator[Mapping[str, Path]]:
    """The source trees to measure, compiled: this one, and the one of another revision."""
    trees = {"": ROOT}
    if revision is not None:
        tree = folder / "against"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", tree, revision], check=True)
        trees[f" at {revision}"] = tree
    try:
        for tree in trees.values():
            compileall.compile_dir(tree / "wsmon", quiet=2)
        yield trees
    finally:
        if revision is not None:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)


def candidates(
    trees: Mapping[str, Path], small: Path, stores: Mapping[str, Path], environ: dict[str, str]
) -> dict[str, Callable[[], float]]:
    """What is measured, by name, the first one being the unit."""
    # Never from the current folder, which may be one of the trees
    python, wsmon = [sys.executable, "-c"], [sys.executable, "-P", "-m", "wsmon"]
    commands = {
        "search, one row": ["search", "--limit", "1", "--store", str(small)],
        "search --json, one row": ["search", "--json", "--limit", "1", "--store", str(small)],
        "stats": ["stats", "--store", str(small)],
        "export": ["export", "--format", "jsonl", "--store", str(small)],
        "--help": ["--help"],
    }
    found: dict[str, Callable[[], float]] = {
        "python -c pass": partial(command_ms, [*python, "pass"], environ),
        "empty Textual application": partial(screen_ms, [*python, EMPTY], environ, b"Connections"),
    }
    for suffix, tree in trees.items():
        inside = environ | {"PYTHONPATH": str(tree)}
        for name, arguments in commands.items():
            found[f"wsmon {name}{suffix}"] = partial(command_ms, [*wsmon, *arguments], inside)
        found[f"wsmon attach{suffix}"] = partial(screen_ms, [*wsmon, "attach"], inside, b"ticker")
        for name, store in stores.items():
            found[f"wsmon open, {name}{suffix}"] = partial(screen_ms, [*wsmon, "open", str(store)], inside, b"feed-00")
    return found


def stores_of(sizes: list[int], folder: Path) -> dict[str, Path]:
    """A store without events, and those of so many."""
    if not sizes:
        return {}
    found = {"no event": recorded(folder / "empty.db", [], "feed-00", end_s=1)}
    for events in sizes:
        path = found[f"{events:,} events"] = folder / f"{events}.db"
        build(path, CONNECTIONS, events, max(1, events // EVENTS_AN_HOUR))
    return found


def main() -> None:
    """Measure all in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--against", metavar="REVISION", help="another revision, measured beside this one")
    parser.add_argument("--events", type=int, nargs="*", default=[], help="sizes of stores for `open`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, checked_out(options.against, Path(name)) as trees:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "XDG_STATE_HOME": f"{folder}/state",
            "XDG_RUNTIME_DIR": f"{folder}/run",
        }
        stores = stores_of(options.events, folder)
        demo = [sys.executable, "-m", "wsmon", "demo", "--headless", "--for", "10m"]
        with subprocess.Popen(demo, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
            try:
                time.sleep(5)
                (small,) = (folder / "state" / "wsmon").glob("*/store.db")
                measured = candidates(trees, small, stores, environ)
                taken: dict[str, list[float]] = {name: [] for name in measured}
                for _ in range(options.rounds):
                    for name, measure in measured.items():
                        taken[name].append(measure())
            finally:
                recorder.terminate()
    print_table(taken)


def print_table(taken: Mapping[str, list[float]]) -> None:
    """Print medians, and what they are of the first and the second candidate, which are the units."""
    medians = {name: statistics.median(times) for name, times in taken.items()}
    unit, screen = list(medians.values())[:2]
    print(
        f"load {os.getloadavg()[0]:.1f}, CPU time, medians (least to most) of {len(next(iter(taken.values())))} rounds"
    )
    for name, median in medians.items():
        times = taken[name]
        beside = f"  {median / screen:5.2f} × empty application" if median > screen or "open" in name else ""
        print(
            f"{name:<44} {median:6.0f} ms ({min(times):.0f} to {max(times):.0f})  {median / unit:5.1f} × pass{beside}"
        )


if __name__ == "__main__":
    main()
