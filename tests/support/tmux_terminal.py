"""A real terminal for tests: tmux, keys in, what is on the screen out, as text and as a picture."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import cairosvg
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

DEADLINE_S = 15.0
# Debian: fonts-dejavu-core; without a monospaced font columns do not line up in the pictures
FONT = "DejaVu Sans Mono"
THEME = TerminalTheme((13, 17, 23), (201, 209, 217), [(0, 0, 0)] * 8)
# A terminal gives no notice when it was painted
POLL_S = 0.05
# After that long without a change, nothing more is to be painted
SETTLED_S = 0.6


class TmuxTerminal:
    """One tmux server with one pane."""

    def __init__(self, name: str, columns: int, rows: int, environ: Mapping[str, str], folder: Path) -> None:
        self._socket = f"{name}-{os.getpid()}"  # a server of that name that runs already would give us its environment
        self._size = (columns, rows)
        shell = {**environ, "PS1": "$ ", "TERM": "tmux-256color", "COLORTERM": "truecolor", "PATH": os.environ["PATH"]}
        self._environ = shell
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(folder),
                   "bash", "--norc", "--noprofile")  # fmt: skip

    def __enter__(self) -> TmuxTerminal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._tmux("kill-server")

    def type(self, text: str) -> None:
        """Type a text, as it is."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self._tmux("send-keys", *keys)

    def run(self, *command: str | Path) -> None:
        """Type a command and Enter."""
        self.type(shlex.join(map(str, command)))
        self.press("Enter")

    def spoil(self, text: str) -> None:
        """Write over the screen where its cursor is, as another program does that has the same terminal."""
        Path(self._tmux("display-message", "-p", "#{pane_tty}").strip()).write_text(text)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self._size = (columns, rows)
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def text(self) -> str:
        """What the screen shows."""
        return self._tmux("capture-pane", "-p")

    def take_clipboards(self) -> None:
        """Have tmux keep what applications put on the clipboard."""
        self._tmux("set-option", "-g", "set-clipboard", "on")

    def clipboard(self) -> str:
        """What was put there last."""
        return self._tmux("show-buffer")

    def modes(self) -> str:
        """What an application may have left: which screen, whether cursor and mouse are on, whether lines wrap."""
        modes = "alternate #{alternate_on} cursor #{cursor_flag} mouse #{mouse_any_flag} wrap #{wrap_flag}"
        return self._tmux("display-message", "-p", modes).strip()

    def until(self, pattern: str, *, gone: bool = False) -> str:
        """The screen, once it shows (or no longer shows) what matches a regular expression."""
        deadline_s = time.monotonic() + DEADLINE_S
        while True:
            text = self.text()
            if bool(re.search(pattern, text)) is not gone:
                return text
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{'still' if gone else 'never'} shown: {pattern}\n{text}")
            time.sleep(POLL_S)

    def settled(self) -> str:
        """The screen, once it has been the same for a while."""
        before, since_s = "", time.monotonic()
        deadline_s = since_s + DEADLINE_S
        while time.monotonic() - since_s < SETTLED_S:
            if (text := self.text()) != before:
                before, since_s = text, time.monotonic()
            assert time.monotonic() < deadline_s, f"the screen never comes to rest\n{text}"
            time.sleep(POLL_S)
        return before

    def comes_to(self, pattern: str, within_s: float) -> bool:
        """Whether it shows what matches a regular expression within some time."""
        deadline_s = time.monotonic() + within_s
        while not (found := bool(re.search(pattern, self.text()))) and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        return found

    def keep(self, path: Path, *, as_picture: bool) -> None:
        """Leave the screen as ``path.txt``, and as ``path.png``, which takes half a second."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_text(self.text())
        if as_picture:
            self._paint(path.with_suffix(".png"))

    def _paint(self, path: Path) -> None:
        console = Console(
            record=True, width=self._size[0], file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        for line in self._tmux("capture-pane", "-p", "-e", "-N").splitlines():
            console.print(Text.from_ansi(line), overflow="crop", no_wrap=True, crop=True)
        svg = console.export_svg(title=path.stem, theme=THEME)
        cairosvg.svg2png(bytestring=svg.replace("Fira Code", FONT).encode(), write_to=str(path), output_width=1600)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *arguments], env=self._environ, capture_output=True, text=True, check=True
        )
        return done.stdout
