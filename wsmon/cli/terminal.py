"""Whether there is somebody to show a screen to."""

from __future__ import annotations

import sys

from wsmon.errors import UsageError


def has_terminal() -> bool:
    """Whether keys can be read and a screen be written: Textual reads stdin and writes to stderr."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_terminal() -> None:
    """Raise ``UsageError`` where there is none."""
    if not has_terminal():
        raise UsageError(
            "the screen needs a terminal for input and output",
            "`wsmon record` records without one; `wsmon search` and `wsmon stats` read what was recorded",
        )
