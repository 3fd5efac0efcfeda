"""The screen over a large store that grows: time from a key to its effect, and the viewer's CPU and bytes.

A recorder fills a store, then records at each rate in turn, none included, while ``wsmon attach`` runs in a terminal of
its own. Keys are pressed in a round; each has a text that the screen shows because of it, and only then. The peer is
the same screen while nothing is recorded.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cpu import cpu_s
from tests.benchmarks.table import Options, Row
from tests.support.peers import script
from tests.support.terminal_emulator import TerminalEmulator
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer
from wsmon.store.reader import Reader
from wsmon.tui.terminal.driver import QUESTION

WSMON = Path(sys.executable).with_name("wsmon")
CONNECTIONS = 10
ASKED = QUESTION.encode()
GOAL_MS = 65
# Messages a second, and the most of a core that a viewer may take at it, percent
CPU_GOALS = {0: 1.0, 1_000: 25.0, 10_000: 25.0}
RATES = tuple(CPU_GOALS)
ROUNDS = 10
DEADLINE_S = 10.0
SETTLE_S = 2.0
OPEN_WITHIN_S = 30.0
# So that what the key before painted is through, and Escape is no Alt
BETWEEN_KEYS_S = 0.3
STEP = (
    '[[step]]\ndo = "send"\nsize = "200B"\ntext = \'{{"type":"load","seq":$seq,"pad":"$pad"}}\'\nrate = {rate}\n{end}\n'
)
HELP, COMMANDS, SEARCH = (b"?", r"│ Help  "), (b":", "Enter run"), (b"/", r"(?m)^ / (?!search)")
BACK = (b"\x1b", r"(?m)\A(?![\s\S]*(│ Help|Enter run|^ / (?!search)))[\s\S]*q quit")
ROUND = (
    (b"1", "━ 1 Connections"),
    (b"2", "━ 2 Timeline"),
    (b"4", "━ 4 Log"),
    HELP,
    BACK,
    COMMANDS,
    BACK,
    SEARCH,
    ("ø".encode(), "ø"),
    BACK,
)


class Screen:
    """A viewer in a terminal of 120×40; what it paints is read by a thread, timed, and answered."""

    def __init__(self, store: Path, environ: dict[str, str], command: str = "attach") -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execve(WSMON, [str(WSMON), command, str(store)], environ)  # noqa: S606 - a terminal of its own
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.shown = TerminalEmulator(120, 40)
        self._at_s = 0.0
        self._news = threading.Condition(threading.RLock())
        self.painted_bytes = 0
        self._asked = b""
        # the end of what was read, that may be the beginning of a question
        threading.Thread(target=self._read, daemon=True, name="terminal").start()

    def press(self, key: bytes, shows: str) -> float:
        """Press a key; milliseconds until the text is painted."""
        time.sleep(BETWEEN_KEYS_S)
        with self._news:
            begun_s = time.perf_counter()
            os.write(self._terminal, key)
            self.wait(shows)
            return (self._at_s - begun_s) * 1000

    def wait(self, shows: str) -> None:
        """Wait until the screen shows what matches a pattern."""
        with self._news:
            if not self._news.wait_for(lambda: re.search(shows, self.shown.text()), DEADLINE_S):
                raise AssertionError(f"never shown: {shows}\n{self.shown.text()}")

    def close(self) -> None:
        """Hang up."""
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._terminal, 65_536) if select.select([self._terminal], [], [], None)[0] else b""
            except OSError:
                return
            self.take(chunk)
            self.answer(chunk)

    def answer(self, chunk: bytes) -> None:
        """Say where the cursor is, as often as that is asked."""
        self._asked = (self._asked + chunk)[-len(chunk) - len(ASKED) + 1 :]
        if ASKED in self._asked:
            os.write(self._terminal, b"\x1b[1;1R" * self._asked.count(ASKED))
            self._asked = b""

    def take(self, chunk: bytes) -> None:
        """This was painted just now."""
        at_s = time.perf_counter()
        with self._news:
            self.shown.feed(chunk)
            self._at_s = at_s
            self.painted_bytes += len(chunk)
            self._news.notify_all()


def press_all(screen: Screen) -> list[tuple[bytes, float]]:
    """One round of keys; Escape is not measured: Textual waits a tenth of a second for what may follow it."""
    return [(key, delay) for key, shows in ROUND if (delay := screen.press(key, shows)) and key != BACK[0]]


def p95(pressed: list[tuple[bytes, float]]) -> float:
    """The delay that 95 of a hundred keys keep."""
    delays = sorted(delay for _, delay in pressed)
    return delays[int(len(delays) * 0.95)]


def slowest(pressed: list[tuple[bytes, float]]) -> str:
    """Which key took longest."""
    key, delay = max(pressed, key=lambda each: each[1])
    return f"p50 {statistics.median(delay for _, delay in pressed):.0f} ms; slowest {key.decode()} {delay:.0f} ms"


def spent(screen: Screen, seconds: int) -> tuple[float, float]:
    """CPU of the viewer, percent of a core, and bytes a second to the terminal, while nobody touches a key."""
    time.sleep(SETTLE_S)
    began_s, began_bytes, start = cpu_s([screen.pid]), screen.painted_bytes, time.perf_counter()
    time.sleep(seconds)
    took_s = time.perf_counter() - start
    return (cpu_s([screen.pid]) - began_s) / took_s * 100, (screen.painted_bytes - began_bytes) / took_s


async def record(folder: Path, rate: int, count: int, environ: dict[str, str], then: Callable[[Path], None]) -> None:
    """Fill a store, go on at that rate, and do something meanwhile."""
    steps = STEP.format(rate=0, end=f"count = {count // CONNECTIONS}") if count else ""
    steps += STEP.format(rate=rate / CONNECTIONS, end="") if rate else '[[step]]\ndo = "wait"\nfor = "1h"\n'
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(ScenarioServer(script(steps), SystemClock())) for _ in range(CONNECTIONS)
        ]
        config, store = folder / "wsmon.toml", folder / "store.db"
        lines = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config.write_text("".join(lines))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"), env=environ
        )
        for server in servers:
            await server.until(lambda server=server: server.sessions > 0, OPEN_WITHIN_S)  # type: ignore[misc]
        while not store.exists() or events(store) < count:
            await asyncio.sleep(1)
        await asyncio.to_thread(then, store)
        recorder.terminate()
        await recorder.wait()


def events(store: Path) -> int:
    """How many events a store holds."""
    view = Reader(store, SystemClock())
    try:
        return view.bounds().events
    finally:
        view.close()


@dataclass(frozen=True, slots=True)
class Watched:
    """What a viewer cost."""

    percent: float
    """Of a core, while no key was pressed."""
    bytes_per_s: float
    pressed: list[tuple[bytes, float]]


def watch(screen: Screen, seconds: int, rounds: int) -> Watched:
    """Watch a store that grows, then press keys; ends the viewer."""
    try:
        screen.wait("q quit")
        percent, per_s = spent(screen, seconds)
        return Watched(percent, per_s, [each for _ in range(rounds) for each in press_all(screen)])
    finally:
        screen.close()


def environ_of(folder: Path) -> dict[str, str]:
    """The environment of processes that leave nothing behind, with a terminal that has colours."""
    ours = {"XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": f"{folder}/state"}
    return {**os.environ, **ours, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def rows(options: Options) -> Iterator[Row]:
    """Watch at each rate; the peer is measured first."""
    kinds = ("key to paint", "viewer", "terminal")
    wanted = [rate for rate in RATES if any(options.wants(_name(kind, rate)) for kind in kinds)]
    if not wanted:
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        environ = environ_of(folder)
        still: Watched | None = None
        for rate in dict.fromkeys((0, *wanted)):
            seen: list[Watched] = []

            def see(store: Path, seen: list[Watched] = seen) -> None:
                seen.append(watch(Screen(store, environ), options.amount(15, 1), options.rounds_or(ROUNDS)))

            filled = options.amount(1_000_000, 1_000) if rate == 0 else 0
            asyncio.run(record(folder, options.amount(rate, rate // 100), filled, environ, see))
            still = still or seen[0]
            of_keys, of_still_keys = seen[0].pressed, still.pressed
            found = (
                _row(kinds[0], rate, "ms, p95", p95(of_keys), p95(of_still_keys), GOAL_MS, slowest(of_keys)),
                _row(kinds[1], rate, "% of a core", seen[0].percent, still.percent, CPU_GOALS[rate]),
                Row(_name(kinds[2], rate), "bytes/s", (seen[0].bytes_per_s,)),
            )
            yield from (row for row in found if rate in wanted and options.wants(row.name))


def _name(kind: str, rate: int) -> str:
    return f"{kind}, {rate:,}/s"


def _row(kind: str, rate: int, unit: str, cost: float, still: float, limit: float, note: str = "") -> Row:
    if rate == 0:
        return Row(_name(kind, rate), unit, (cost,), limit=limit, note=note)
    return Row(_name(kind, rate), unit, (cost,), "nothing recorded", (still,), limit=limit, note=note)
