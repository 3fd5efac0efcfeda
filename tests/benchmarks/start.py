"""From Enter to the first paint: ``wsmon attach`` on a running demonstration, against an empty Textual application.

    python tests/benchmarks/start.py [--rounds N]

Both run in a pseudo-terminal of 120×40; the time is from exec to the first content, modules compiled.
"""

from __future__ import annotations

import argparse
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
from pathlib import Path

GOAL_MS = 350
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("Connections")
Empty().run()
"""
WSMON = str(Path(sys.executable).with_name("wsmon"))


def first_paint_ms(command: list[str], environ: dict[str, str], shows: bytes) -> float:
    """Milliseconds until the terminal received ``shows``."""
    begun_s = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environ)  # noqa: S606 - a terminal of its own, no shell
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    received = b""
    while shows not in received:
        if not select.select([terminal], [], [], 10)[0]:
            raise AssertionError(f"never painted: {received[-500:]!r}")
        received += os.read(terminal, 65_536)
    took_ms = (time.perf_counter() - begun_s) * 1000
    os.kill(pid, signal.SIGTERM)
    while True:
        try:
            if not os.read(terminal, 65_536):
                break
        except OSError:
            break
    os.waitpid(pid, 0)
    os.close(terminal)
    return took_ms


def main() -> None:
    """Measure both in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "run").mkdir(mode=0o700)
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "XDG_STATE_HOME": f"{folder}/state",
            "XDG_RUNTIME_DIR": f"{folder}/run",
        }
        demo = subprocess.Popen([WSMON, "demo", "--headless", "--for", "120s"], env=environ, stderr=subprocess.DEVNULL)
        time.sleep(5)
        empty: list[float] = []
        attach: list[float] = []
        for _ in range(rounds):
            empty.append(first_paint_ms([sys.executable, "-c", EMPTY], environ, b"Connections"))
            attach.append(first_paint_ms([WSMON, "attach"], environ, b"ticker"))
        demo.terminate()
        demo.wait()
    print(f"empty Textual application: {statistics.median(empty):5.0f} ms to the first paint, median of {rounds}")
    print(
        f"wsmon attach:              {statistics.median(attach):5.0f} ms until connections are shown (goal {GOAL_MS})"
    )
    print(f"ratio:                     {statistics.median(attach) / statistics.median(empty):5.2f}")


if __name__ == "__main__":
    main()
