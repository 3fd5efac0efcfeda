"""Line numbers of the keys of a TOML document.

tomli gives positions of syntax errors only. This scans a document that tomli has already accepted: it follows keys,
tables and arrays, and does not interpret values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# Names of keys, and indices of arrays from 0: ("connection", 2, "ping", "interval")
KeyPath = tuple[str | int, ...]

_TOKENS = re.compile(
    r"""
    (?P<skip>   [ \t]++ | \#[^\n]*+ )
  | (?P<newline> \r?\n )
  | (?P<text>   \"{3} (?: [^"\\] | \\. | "(?!"") )*+ \"{3,5}
            |   '{3} (?: [^'] | '(?!'') )*+ '{3,5}
            |   " (?: [^"\\\n] | \\. )*+ "
            |   ' [^'\n]*+ ' )
  | (?P<mark>   [\[\]{},=.] )
  | (?P<bare>   [^\s\[\]{},=.\#"']++ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


@dataclass(slots=True)
class _Frame:
    """A container that the scan is in."""

    kind: Literal["document", "table", "array"]
    path: KeyPath
    item: int = 0
    """Index of the next element; arrays only."""


class Lines:
    """The lines of the keys of one document, counted from 1."""

    def __init__(self, text: str) -> None:
        self._lines = _Scan(text).lines

    def of(self, path: KeyPath) -> int:
        """Return the line of the key at ``path``, or of the nearest table around it; 1 where there is neither."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1


class _Scan:
    """One pass over the tokens, with an explicit stack: recursion would fail on a deeply nested document."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._line = 1
        self._stack = [_Frame("document", ())]
        self._table: KeyPath = ()
        self._key: list[str] = []
        # The key whose value is being scanned; None while a key is
        self._value_of: KeyPath | None = None
        self._header: Literal["", "[", "[["] = ""
        # Number of [[tables]] of each path so far
        self._sizes: dict[KeyPath, int] = {}
        for token in _TOKENS.finditer(text):
            written = token.group()
            self._step(str(token.lastgroup), written)
            self._line += written.count("\n")

    def _step(self, kind: str, written: str) -> None:
        frame = self._stack[-1]
        if kind == "skip":
            return
        if kind == "newline":
            if frame.kind == "document":
                self._end_value()
        elif self._header:
            self._in_header(kind, written)
        elif frame.kind == "array":
            self._in_array(frame, written)
        elif self._value_of is None:
            self._in_key(frame, kind, written)
        else:
            self._in_value(self._value_of, written)

    def _in_header(self, kind: str, written: str) -> None:
        if written == "[":
            self._header = "[["
        elif kind in ("text", "bare"):
            self._key.append(_name(written))
        elif written == "]" and self._key:
            self._open_table()
        elif written == "]":
            self._header = ""

    def _open_table(self) -> None:
        """Enter the table whose header was just read."""
        path = self._resolve((), self._key[:-1])
        last: KeyPath = (*path, self._key[-1])
        if self._header == "[[":
            self._note(last)
            count = self._sizes.get(last, 0)
            self._sizes[last] = count + 1
            self._table = (*last, count)
        else:
            self._table = self._resolve((), self._key)
        self._note(self._table)
        self._key.clear()

    def _resolve(self, base: KeyPath, names: list[str]) -> KeyPath:
        """The path of ``names`` below ``base``; an array of tables stands for its last element."""
        path = base
        for name in names:
            path = (*path, name)
            self._note(path)
            if path in self._sizes:
                path = (*path, self._sizes[path] - 1)
        return path

    def _in_key(self, frame: _Frame, kind: str, written: str) -> None:
        if kind in ("text", "bare"):
            self._key.append(_name(written))
        elif written == "[" and frame.kind == "document" and not self._key:
            self._header = "["
        elif written == "=":
            base = self._table if frame.kind == "document" else frame.path
            self._value_of = base
            for name in self._key:
                self._value_of = (*self._value_of, name)
                self._note(self._value_of)
            self._key.clear()
        elif written == "}":
            self._close()

    def _in_value(self, path: KeyPath, written: str) -> None:
        if written == "[":
            self._stack.append(_Frame("array", path))
        elif written == "{":
            self._stack.append(_Frame("table", path))
            self._value_of = None
        elif written == ",":
            self._end_value()
        elif written == "}":
            self._close()

    def _in_array(self, frame: _Frame, written: str) -> None:
        if written == "]":
            self._close()
            return
        if written == ",":
            frame.item += 1
            return
        path = (*frame.path, frame.item)
        self._note(path)
        if written == "[":
            self._stack.append(_Frame("array", path))
        elif written == "{":
            self._stack.append(_Frame("table", path))
            self._value_of = None

    def _close(self) -> None:
        """Leave an array or an inline table, which completes its value."""
        closed = self._stack.pop()
        self._key.clear()
        self._value_of = closed.path

    def _end_value(self) -> None:
        self._value_of = None
        self._header = ""
        self._key.clear()

    def _note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self._line)


def _name(written: str) -> str:
    """The text of a bare or quoted key."""
    if written.startswith("'"):
        return written[1:-1]
    if written.startswith('"'):
        return _ESCAPE.sub(_unescaped, written[1:-1])
    return written


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _ESCAPED.get(match[4], match[4])
