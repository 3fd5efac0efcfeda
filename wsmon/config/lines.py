"""Lines and offsets of the keys of a TOML document.

tomli gives positions of syntax errors only. This scans a document that tomli has already accepted: it follows keys,
tables and arrays, and does not interpret values. Messages name the lines; edits.py inserts at the offsets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
class Bracket:
    """An array or an inline table: where it is written. Offsets are counted from 0."""

    kind: Literal["table", "array"]
    start: int
    """Offset behind the opening bracket."""
    end: int = 0
    """Offset of the closing bracket."""
    item_start: int = 0
    """Offset of the last item; of an inline table, of its key's first token or of a later one."""
    item_end: int = 0
    """Offset behind the last item; 0 = there is none."""
    comma: int = 0
    """Offset of a comma behind the last item; 0 = there is none."""


@dataclass(slots=True)
class Assignment:
    """A key with its value, outside of arrays and inline tables."""

    table: KeyPath
    """The table whose header it stands below."""
    path: KeyPath
    """The whole path of the key."""
    start: int
    """Offset of the key."""
    end: int = 0
    """Offset behind the value."""


@dataclass(slots=True)
class _Frame:
    """A container that the scan is in."""

    kind: Literal["document", "table", "array"]
    path: KeyPath
    bracket: Bracket
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


class Places:
    """Where the tables, keys, arrays and inline tables of one document are written."""

    def __init__(self, text: str) -> None:
        scan = _Scan(text)
        self.headers: Mapping[KeyPath, int] = scan.headers
        """Path of a table with a header -> offset behind the header."""
        self.assignments: Sequence[Assignment] = scan.assignments
        """In the order of the document."""
        self.brackets: Mapping[KeyPath, Bracket] = scan.brackets
        """Path of a value that is an array or an inline table -> its place."""


class _Scan:
    """One pass over the tokens, with an explicit stack: recursion would fail on a deeply nested document."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.headers: dict[KeyPath, int] = {}
        self.assignments: list[Assignment] = []
        self.brackets: dict[KeyPath, Bracket] = {}
        self._line = 1
        # Of the token in hand
        self._start = self._end = 0
        # Of the key that is being scanned
        self._key_start = 0
        self._stack = [_Frame("document", (), Bracket("table", 0))]
        self._table: KeyPath = ()
        self._key: list[str] = []
        # The key whose value is being scanned; None while a key is
        self._value_of: KeyPath | None = None
        self._header: Literal["", "[", "[["] = ""
        # Number of [[tables]] of each path so far
        self._sizes: dict[KeyPath, int] = {}
        for token in _TOKENS.finditer(text):
            written = token.group()
            self._start, self._end = token.span()
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
            self._in_value(frame, self._value_of, written)

    def _in_header(self, kind: str, written: str) -> None:
        if written == "[":
            self._header = "[["
        elif kind in ("text", "bare"):
            self._key.append(_name(written))
        elif written == "]" and self._key:
            self._open_table()
        elif written == "]":
            self.headers[self._table] = self._end
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
        self.headers[self._table] = self._end
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
            if not self._key:
                self._key_start = self._start
            self._key.append(_name(written))
        elif written == "[" and frame.kind == "document" and not self._key:
            self._header = "["
        elif written == "=":
            base = self._table if frame.kind == "document" else frame.path
            self._value_of = base
            for name in self._key:
                self._value_of = (*self._value_of, name)
                self._note(self._value_of)
            if frame.kind == "document":
                self.assignments.append(Assignment(base, self._value_of, self._key_start))
            self._key.clear()
        elif written == "}":
            self._close()

    def _in_value(self, frame: _Frame, path: KeyPath, written: str) -> None:
        if written == ",":
            frame.bracket.comma = self._start
            self._end_value()
        elif written == "}":
            self._close()
        else:
            self._item(frame)
            if written in ("[", "{"):
                self._open("array" if written == "[" else "table", path)

    def _in_array(self, frame: _Frame, written: str) -> None:
        if written == "]":
            self._close()
            return
        if written == ",":
            frame.bracket.comma = self._start
            frame.item += 1
            return
        path = (*frame.path, frame.item)
        self._note(path)
        self._item(frame)
        if written in ("[", "{"):
            self._open("array" if written == "[" else "table", path)

    def _item(self, frame: _Frame) -> None:
        """Note the place of a value, or of a part of it, in its container."""
        if frame.kind == "document":
            self.assignments[-1].end = self._end
            return
        frame.bracket.item_start, frame.bracket.item_end, frame.bracket.comma = self._start, self._end, 0

    def _open(self, kind: Literal["table", "array"], path: KeyPath) -> None:
        """Enter an array or an inline table."""
        bracket = self.brackets[path] = Bracket(kind, self._end)
        self._stack.append(_Frame(kind, path, bracket))
        if kind == "table":
            self._value_of = None

    def _close(self) -> None:
        """Leave an array or an inline table, which completes its value."""
        closed = self._stack.pop()
        closed.bracket.end = self._start
        self._key.clear()
        self._value_of = closed.path
        outer = self._stack[-1]
        if outer.kind == "document":
            self.assignments[-1].end = self._end
        else:
            outer.bracket.item_end = self._end

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
