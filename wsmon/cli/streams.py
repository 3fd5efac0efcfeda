"""Standard streams of a command: closed, full or gone ones end no command with a traceback; ASCII where it must be.

A reader of the output that has seen enough (``| head``) ends a command quietly. An output that takes nothing, as a full
disk or a closed descriptor, is an error with a sentence. Diagnostics that are not read any more are lost.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

from wsmon.errors import WsmonError

if TYPE_CHECKING:
    from typing import TextIO

    from _typeshed import ReadableBuffer

# The name of the error handler with which characters that an encoding lacks become similar ones
LIKENESS = "wsmon.likeness"
_LIKE = {
    **dict.fromkeys("µμ", "u"), **dict.fromkeys("–—−─╌━", "-"), **dict.fromkeys("“”„", '"'), **dict.fromkeys("‘’", "'"),
    "…": "...", "→": "->", "×": "x", "✕": "x", "↓": "<", "↑": ">", "·": ".", "\u00a0": " ", "±": "+-", "≥": ">=",
    "≤": "<=",
}  # fmt: skip
# ASCII under a name of its own: click takes a stream of "ascii" for a mistake, and writes UTF-8 to it
PLAIN = "wsmon_plain"
_STDIN, _STDOUT, _STDERR = range(3)


class OutputError(WsmonError):
    """Standard output took nothing of what was written to it: a full disk, a closed descriptor."""


class _Output(io.BufferedWriter):
    """The buffer before standard output; its errors are told from those of all other files.

    Not the file below it: were that one ours, a signal could come between its write and the buffer's knowledge of it,
    and the same octets would be written again at the end.
    """

    def write(self, octets: ReadableBuffer) -> int:
        """Take some octets; raises ``BrokenPipeError`` where the reader is gone, else ``OutputError``."""
        try:
            return super().write(octets)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _lost(error) from error

    def flush(self) -> None:
        """Pass on what was written; raises the same."""
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _lost(error) from error


def _lost(error: OSError) -> OutputError:
    return OutputError(f"cannot write to standard output: {error.strerror}")


class Diagnostics(io.TextIOWrapper):
    """Standard error: what its reader does not take any more is lost, and the command goes on."""

    def write(self, text: str) -> int:
        """Write a text; return its length, also where it is lost."""
        try:
            return super().write(text)
        except OSError:
            self._lose()
            return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        try:
            super().flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        _to_null(_STDERR, os.O_WRONLY)
        super().flush()


def open_streams() -> None:
    """Replace standard streams that are closed, and have those that were given print what their encoding lacks."""
    codecs.register_error(LIKENESS, _similar)
    codecs.register(_plain)
    if sys.stdin is None:
        _to_null(_STDIN, os.O_RDONLY)
        sys.stdin = open(_STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the life of the process
    if sys.stdout is None:
        # Nothing can be written to it, as to a closed one, and no file of ours gets its number
        _to_null(_STDOUT, os.O_RDONLY)
    if sys.stderr is None:
        _to_null(_STDERR, os.O_WRONLY)
    output = _Output(io.FileIO(_STDOUT, "w", closefd=False))
    is_terminal = output.isatty()
    sys.stdout = io.TextIOWrapper(
        output, encoding=_encoding(sys.stdout, is_terminal=is_terminal), errors=LIKENESS, line_buffering=is_terminal
    )
    diagnostics = io.BufferedWriter(io.FileIO(_STDERR, "w", closefd=False))
    encoding = _encoding(sys.stderr, is_terminal=diagnostics.isatty())
    sys.stderr = Diagnostics(diagnostics, encoding=encoding, errors=LIKENESS, line_buffering=True)


def _encoding(stream: TextIO | None, *, is_terminal: bool) -> str:
    """The encoding of a stream; ASCII for a terminal without UTF-8, where Python assumes UTF-8 for the C locale."""
    if is_terminal:
        # Imported now: only a terminal needs it
        from wsmon.tui.terminal.capabilities import shows_unicode

        if not shows_unicode(os.environ):
            return PLAIN
    return "utf-8" if stream is None else stream.encoding


def lost_output() -> str | None:
    """Flush standard output; return None where it took everything that was written to it, else the sentence about that.

    The sentence is empty where its reader has seen enough, which is no failure. What is left to write is discarded: the
    interpreter flushes it at its end.
    """
    try:
        sys.stdout.flush()
    except (BrokenPipeError, OutputError) as error:
        _to_null(_STDOUT, os.O_WRONLY)
        return "" if isinstance(error, BrokenPipeError) else str(error)
    return None


def _to_null(descriptor: int, flags: int) -> None:
    null = os.open(os.devnull, flags)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)


def _plain(name: str) -> codecs.CodecInfo | None:
    if name != PLAIN:
        return None
    like = codecs.lookup("ascii")
    return codecs.CodecInfo(
        like.encode,
        like.decode,
        like.streamreader,
        like.streamwriter,
        like.incrementalencoder,
        like.incrementaldecoder,
        name=PLAIN,
    )


def _similar(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_LIKE.get(sign, "?") for sign in text), error.end
