"""Whether there is somebody to show a screen to, and what may be printed there."""

from __future__ import annotations

import json
import re
import sys
from typing import BinaryIO, cast

from wsmon.errors import UsageError

_ODD = re.compile(r"[^\n -~]")
# what may have to be escaped: not printable ASCII
_DELETE = 0x7F
# JSON leaves it as it is


class TerminalStream:
    """Standard output that is a terminal: characters that it might obey are printed as JSON escapes them.

    So a line of JSON stays the same value, and of a table nothing moves the cursor.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, octets: bytes) -> int:
        """Print whole characters."""
        text = octets.decode("utf-8", "replace").replace("\r\n", "\n")
        self._stream.write(_ODD.sub(_escaped, text).encode())
        return len(octets)

    def flush(self) -> None:
        """Show what was printed."""
        self._stream.flush()


def binary_stdout() -> BinaryIO:
    """Where bytes of foreign origin are printed: as they are into a pipe or a file, harmless on a terminal."""
    stdout = sys.stdout.buffer
    return cast(BinaryIO, TerminalStream(stdout)) if sys.stdout.isatty() else stdout  # all that writers ask of one


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    return json.dumps(character)[1:-1] if ord(character) > _DELETE else f"\\u{ord(character):04x}"


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
