"""The line on which each key of a TOML document stands.

tomli gives positions for syntax errors only. This is a scan of a document that tomli has accepted already: it follows
keys, tables and arrays, and does not look into values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# ("connection", 2, "ping", "interval"): names of keys, and indices of arrays counted from 0
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
    """A container that the scan is inside of."""

    kind: Literal["document", "table", "array"]
    path: KeyPath
    item: int = 0
    """Index of the element that comes next; arrays only."""


class Lines:
    """Lines of the keys of one document, 1-based."""

    def __init__(self, text: str) -> None:
        self._lines = _Scan(text).lines

    def of(self, path: KeyPath) -> int:
        """Line of the key at ``path``, or of the nearest thing around it; 1 where nothing is."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1


class _Scan:
    """One pass over the tokens, with a stack of its own: nesting is the author's, recursion would be ours."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._line = 1
        self._stack = [_Frame("document", ())]
        self._table: KeyPath = ()
        self._key: list[str] = []
        self._value_of: KeyPath | None = None
        # the key after whose "=" the scan stands; None while it collects a key
        self._header: Literal["", "[", "[["] = ""
        self._sizes: dict[KeyPath, int] = {}
        # how many [[tables]] of a path there were
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
        """Enter the table whose header has just been read."""
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
        """The path that ``names`` mean below ``base``: an array of tables stands for its newest element."""
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
        """Leave an array or an inline table: the value it was is complete but for what stands behind it."""
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
    """The key that a bare or quoted key means."""
    if written.startswith("'"):
        return written[1:-1]
    if written.startswith('"'):
        return _ESCAPE.sub(_unescaped, written[1:-1])
    return written


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _ESCAPED.get(match[4], match[4])
