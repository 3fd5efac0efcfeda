"""``wsmon open`` in a pseudo-terminal that is read at a rate, and answers as terminals do."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.terminal_emulator import TerminalEmulator
from wsmon.tui.terminal.driver import QUESTION

SLICE_S = 0.02
DEADLINE_S = 20.0
ANSWER = b"\x1b[1;1R"


class PtyScreen:
    """Reads while it waits, and only then."""

    def __init__(self, store: Path, environ: Mapping[str, str], shown: TerminalEmulator, bytes_per_s: int) -> None:
        self.shown = shown
        self.read_bytes = 0
        self._has_ended = False
        self._slice = max(1, round(bytes_per_s * SLICE_S))
        wsmon = str(Path(sys.executable).with_name("wsmon"))
        self._pid, self.terminal = pty.fork()
        if self._pid == 0:
            ours = {**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execve(wsmon, [wsmon, "open", str(store)], ours)  # noqa: S606 - a terminal of its own
        size = struct.pack("HHHH", shown.rows, shown.columns, 0, 0)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def __enter__(self) -> PtyScreen:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._has_ended:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self.terminal)

    def hang_up(self) -> int:
        """Take the terminal away; return how the screen ended, as ``subprocess`` tells it."""
        # Another file takes the number, for whom closes it at the end
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, self.terminal)
        os.close(null)
        deadline_s = time.monotonic() + DEADLINE_S
        while (ended := os.waitpid(self._pid, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < deadline_s, "the screen goes on without a terminal"
            time.sleep(SLICE_S)
        self._has_ended = True
        return os.waitstatus_to_exitcode(ended[1])

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self.terminal, key)

    def until(self, shows: str) -> str:
        """The screen, once it shows what matches a pattern."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not re.search(shows, self.shown.text()):
            assert time.monotonic() < deadline_s, f"never shown: {shows}\n{self.shown.text()}"
            self.read_for(SLICE_S)
        return self.shown.text()

    def read_for(self, seconds: float) -> int:
        """Read for so long at the rate; how many bytes came."""
        before, until_s = self.read_bytes, time.monotonic() + seconds
        while (now_s := time.monotonic()) < until_s:
            if select.select([self.terminal], [], [], 0)[0]:
                octets = os.read(self.terminal, self._slice)
                self.read_bytes += len(octets)
                self.shown.feed(octets)
                os.write(self.terminal, ANSWER * octets.count(QUESTION.encode()))
            time.sleep(max(0.0, now_s + SLICE_S - time.monotonic()))  # the terminal's rate
        return self.read_bytes - before
