"""The screen over a slow line while thousands of messages a second come in: time from a key to its effect.

A terminal of 120×40 is read at a rate, evenly, and answers questions when it has read them, as a line of SSH with large
buffers does; a mute one answers none. The peer is the fastest line.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.screen import Screen, Watched, environ_of, p95, record, slowest, watch
from tests.benchmarks.table import Options, Row

# The terminal reads so often
SLICE_S = 0.02
GOAL_MS = 1_000
EVENTS = 20_000
ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """A line between screen and terminal."""

    bytes_per_s: int
    is_mute: bool = False
    """Whether the terminal answers no question."""


FAST = Line(1_000_000)
LINES = {
    FAST: "1 MB/s",
    Line(64_000): "64 kB/s",
    Line(64_000, is_mute=True): "64 kB/s, mute terminal",
    Line(16_000): "16 kB/s",
}


class SlowScreen(Screen):
    """Read at a rate, a slice at a time."""

    def __init__(self, store: Path, environ: dict[str, str], bytes_per_s: int, *, is_mute: bool) -> None:
        self._bytes_per_s = bytes_per_s
        self._is_mute = is_mute
        super().__init__(store, environ)

    def _read(self) -> None:
        due_s = time.monotonic()
        while True:
            try:
                chunk = os.read(self._terminal, max(1, round(self._bytes_per_s * SLICE_S)))
                if not self._is_mute:
                    self.answer(chunk)
            except OSError:
                return
            self.take(chunk)
            due_s = max(due_s, time.monotonic() - SLICE_S) + len(chunk) / self._bytes_per_s
            time.sleep(max(0.0, due_s - time.monotonic()))


def rows(options: Options) -> Iterator[Row]:
    """Press keys over each line, at each number of messages a second."""
    for messages in (1_000, 10_000):
        names = {line: f"key to paint, {messages:,}/s, {name}" for line, name in LINES.items()}
        if not any(options.wants(name) for name in names.values()):
            continue
        found: dict[Line, Watched] = {}
        lines = [line for line, name in names.items() if line == FAST or options.wants(name)]
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            environ = environ_of(folder) | {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}

            def see(store: Path, environ: dict[str, str] = environ) -> None:
                for line in lines:  # noqa: B023 - called within this round
                    screen = SlowScreen(store, environ, line.bytes_per_s, is_mute=line.is_mute)
                    found[line] = watch(screen, options.amount(10, 1), options.rounds_or(ROUNDS))  # noqa: B023

            count, filled = options.amount(messages, messages // 100), options.amount(EVENTS, 1_000)
            asyncio.run(record(folder, count, filled, environ, see))
        fast = found[FAST]
        for line, seen in found.items():
            if options.wants(names[line]):
                peer, peer_costs = ("", ()) if line == FAST else (LINES[FAST], (p95(fast.pressed),))
                note = f"{seen.bytes_per_s / 1000:.1f} kB/s; {slowest(seen.pressed)}"
                yield Row(names[line], "ms, p95", (p95(seen.pressed),), peer, peer_costs, limit=GOAL_MS, note=note)
