#!/usr/bin/env bash
# Textual: what changes inside App.batch_update(), while the block awaits something, is not painted when the block ends, nor
# later: the terminal shows the old text until something else happens on that screen.
#
# The documentation says that a batch suspends paints until its end, so one would expect a paint then. But the end of a
# batch wakes only the app. A screen paints in turns of its own; those during the batch were skipped, and a screen on which
# nothing else happens has no other turn coming. A block that awaits nothing hides it: the turns come after it.
#
# Prints the version and what a terminal shows, and exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'textual==8.2.8' 'pyte==0.8.2'

cat > app.py <<'PYTHON'
import asyncio
import sys

from textual.app import App, ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static


class Over(ModalScreen[None]):
    CSS = "Over { background: black 50%; align: center bottom; } Over Static { width: 10; height: 1; }"

    def compose(self) -> ComposeResult:
        yield Static("over")


class Demo(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("before", id="below")

    def on_mount(self) -> None:
        self.run_worker(self.change())

    async def change(self) -> None:
        shown = self.screen.query_one("#below", Static)
        if "modal" in sys.argv:
            await self.push_screen(Over())
        await asyncio.sleep(1)
        if "batch" in sys.argv:
            with self.batch_update():
                shown.update("after")
                if "awaits" in sys.argv:
                    await asyncio.sleep(0.5)
        else:
            shown.update("after")
        await asyncio.sleep(2)
        self.exit()


Demo().run()
PYTHON

cat > run.py <<'PYTHON'
"""Run the app in a terminal of 30 by 4, and tell what that shows just before the app leaves it."""

import fcntl
import os
import platform
import pty
import re
import struct
import subprocess
import sys
import termios
from importlib.metadata import version

import pyte

LEAVES = b"\x1b[?1049l"
# Sets how keys are reported; pyte takes its last letter for text
KEYS = re.compile(rb"\x1b\[[<>=][0-9;]*u")


def shown(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 4, 30, 0, 0))
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    child = subprocess.Popen(
        [sys.executable, "app.py", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environ
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 65536)
        except OSError:
            break
    child.wait()
    screen = pyte.Screen(30, 4)
    pyte.ByteStream(screen).feed(KEYS.sub(b"", output.partition(LEAVES)[0]))
    return screen.display[0].strip()


print("textual", version("textual"), "on Python", platform.python_version())
cases = {
    (): "after",
    ("batch",): "after",
    ("batch", "awaits"): "before",
    ("modal", "batch"): "after",
    ("modal", "batch", "awaits"): "before",
}
results = {}
for case in cases:
    results[case] = shown(*case)
    where = "below a modal screen" if "modal" in case else "on the only screen"
    how = "in a batch" if "batch" in case else "without a batch"
    print(f"{where}, {how}{' that awaits' if 'awaits' in case else ''}: the terminal shows {results[case]!r}")
raise SystemExit(0 if results == cases else 1)
PYTHON
timeout 120 venv/bin/python run.py
