"""Reads what the machine knows: environment, kernel, logind, tmux. What cannot be learned is said to be unknown."""

from __future__ import annotations

import ctypes
import locale
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from wsmon.cli.diagnosis.terminal import TerminalFacts
from wsmon.cli.terminal import has_terminal
from wsmon.tui.terminal.capabilities import multiplexer

TMUX_S = 2.0
# how long tmux may take to answer
TIME_ERROR = 5
# of adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512
# more than struct timex has on any machine; all zero = only read
_TMUX_OPTIONS = ("set-clipboard", "allow-passthrough")


def terminal_facts(environ: Mapping[str, str]) -> TerminalFacts:
    """The terminal that this process has."""
    inside = multiplexer(environ)
    size = shutil.get_terminal_size()
    return TerminalFacts(
        has_terminal(),
        environ.get("TERM", ""),
        environ.get("TERM_PROGRAM", ""),
        environ.get("COLORTERM", ""),
        bool(environ.get("NO_COLOR")),
        locale.getpreferredencoding(do_setlocale=False),
        size.columns,
        size.lines,
        inside,
        _tmux_options(environ) if inside == "tmux" else {},
    )


def is_clock_synchronised() -> bool | None:
    """What the kernel says; ``None`` where it says nothing."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


def logind_settings(root: Path = Path("/")) -> str:
    """The configuration of logind, its files in the order in which they count."""
    main = root / "etc/systemd/logind.conf"
    parts = sorted((root / "etc/systemd/logind.conf.d").glob("*.conf"))
    return "\n".join(path.read_text(errors="replace") for path in (main, *parts) if path.is_file())


def is_lingering(user: str, root: Path = Path("/")) -> bool:
    """Whether logind keeps what the user runs after a logout."""
    return (root / "var/lib/systemd/linger" / user).exists()


def _tmux_options(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for option in _TMUX_OPTIONS:
        try:
            done = subprocess.run(
                ["tmux", "show-options", "-gv", option],  # noqa: S607 - as the user's own path has it
                capture_output=True,
                text=True,
                timeout=TMUX_S,
                check=False,
                env=dict(environ),
            )
        except (OSError, subprocess.TimeoutExpired):
            return {}
        if done.returncode == 0:
            found[option] = done.stdout.strip()
    return found
