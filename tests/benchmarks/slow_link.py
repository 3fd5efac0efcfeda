"""The screen over a slow line while thousands of messages a second come in: time from a key to its effect, and bytes.

    python tests/benchmarks/slow_link.py [--rate BYTES_A_SECOND ...] [--messages N ...] [--rounds N] [--mute]

A terminal of 120×40 is read at each rate in turn, evenly, and answers questions when it has read them, as a line of SSH
with large buffers does; ``--mute`` answers none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from tests.benchmarks.screen import Screen, press_all, record, spent, summary

# The terminal reads so often
SLICE_S = 0.02
GOAL_MS = 1_000
EVENTS = 20_000


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


def watch(store: Path, environ: dict[str, str], rate: int, rounds: int, *, is_mute: bool) -> None:
    """Press keys over one line, and print what they took."""
    screen = SlowScreen(store, environ, rate, is_mute=is_mute)
    try:
        screen.wait("q quit")
        percent, per_s = spent(screen, 10)
        pressed = [each for _ in range(rounds) for each in press_all(screen)]
    finally:
        screen.close()
    viewer = f"viewer {percent:4.1f} % of a core, {per_s / 1000:5.1f} kB/s"
    print(f"    {rate / 1000:6.0f} kB/s: {summary(pressed, GOAL_MS)}   {viewer}", flush=True)


def main() -> None:
    """Measure each line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, nargs="*", default=[1_000_000, 64_000, 16_000])
    parser.add_argument("--messages", type=int, nargs="*", default=[1_000, 10_000], help="a second")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--mute", action="store_true", help="a terminal that answers no question")
    options = parser.parse_args()
    for messages in options.messages:
        print(f"{messages:,} messages a second:", flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environ = {
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22",
                "XDG_STATE_HOME": f"{folder}/state",
                "XDG_RUNTIME_DIR": str(folder),
            }

            def all_lines(store: Path, environ: dict[str, str] = environ) -> None:
                for rate in options.rate:
                    watch(store, environ, rate, options.rounds, is_mute=options.mute)

            asyncio.run(record(folder, messages, EVENTS, environ, all_lines))


if __name__ == "__main__":
    main()
