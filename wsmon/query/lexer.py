"""Query lexer: cuts the text of a search into tokens, each with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wsmon.errors import QueryError
from wsmon.model.json_path import match_path
from wsmon.query.fields import SINCE, UNTIL, find
from wsmon.query.times import pasted_length

TokenKind = Literal["word", "string", "regex", "field", "path", "operator", "comma", "negation", "open", "close"]

QUOTE = '"'
_BLANK = re.compile(r"\s*")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Only \" and \\ are escapes: pasted JSON keeps its own
_ESCAPE = re.compile(r'\\(["\\])')
_NAME = re.compile(r"([A-Za-z_][A-Za-z_.]*)(?=!=|!~|[:=~<>])")
_OPERATOR = re.compile(r"!=|!~|>=|<=|[:=~<>]")
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/(i?)(?=[\s),]|$)")
_NEGATION = re.compile(r"[-!](?=\S)")
_PATH = re.compile(r"\$(?=[.\[:=~<>!])")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a query; after a ``field`` or ``path`` come its operator and its values with commas between."""

    kind: TokenKind
    text: str
    column: int
    """Counts from 0."""
    ignores_case: bool = False
    """Whether the flag i follows; regexes only."""

    def is_sign(self, sign: str) -> bool:
        """Return whether it is the bare word ``sign``, one of ``AND``, ``OR`` and ``NOT``."""
        return self.kind == "word" and self.text == sign


def tokens(query: str) -> list[Token]:
    """Return the tokens of a query; raises ``QueryError`` where a quote is not closed or a value is missing."""
    lexer = _Lexer(query)
    lexer.run()
    return lexer.tokens


class _Lexer:
    def __init__(self, query: str) -> None:
        self.tokens: list[Token] = []
        self._query = query
        self._at = 0
        # The field whose values are being read; empty for a path
        self._value_of = ""
        # Number of open parentheses
        self._depth = 0

    def run(self) -> None:
        """Cut the whole text into ``tokens``."""
        while not self._is_at_end():
            query, at = self._query, self._at
            if _NEGATION.match(query, at):
                self._take("negation", 1)
            elif query[at] == "(":
                self._depth += 1
                self._take("open", 1)
            elif query[at] == ")" and self._depth:
                self._depth -= 1
                self._take("close", 1)
            elif name := _NAME.match(query, at):
                self._value_of = name[1].lower()
                self._take("field", len(name[1]))
                self._comparison()
            elif _PATH.match(query, at):
                self._value_of = ""
                self._path()
                self._comparison()
            else:
                self._text()

    def _is_at_end(self) -> bool:
        """Skip blanks, and return whether nothing follows them."""
        blank = _BLANK.match(self._query, self._at)
        self._at = blank.end() if blank else self._at
        return self._at >= len(self._query)

    def _take(self, kind: TokenKind, length: int, text: str | None = None, *, ignores_case: bool = False) -> None:
        written = self._query[self._at : self._at + length]
        self.tokens.append(Token(kind, written if text is None else text, self._at, ignores_case))
        self._at += length

    def _path(self) -> None:
        try:
            _, end = match_path(self._query, self._at)
        except ValueError as error:
            raise QueryError(self._query, self._at, str(error)) from None
        self._take("path", end - self._at)

    def _comparison(self) -> None:
        """Take an operator, and the values after it."""
        query = self._query
        operator = _OPERATOR.match(query, self._at)
        if operator is None:
            what = "expected a comparison here"
            raise QueryError(query, self._at, what, "examples: $.qty>10, $.type:trade, $.id:*")
        self._take("operator", len(operator[0]))
        while True:
            self._value()
            if not query.startswith(",", self._at):
                break
            self._take("comma", 1)
        if self._at < len(query) and not (query[self._at].isspace() or (self._depth and query[self._at] == ")")):
            sign = query[self._at]
            raise QueryError(
                query, self._at, f"unexpected {sign!r} after a quoted value", "separate them with a space or a comma"
            )

    def _value(self) -> None:
        query, at = self._query, self._at
        if query.startswith(QUOTE, at):
            string = self._string()
            self._take("string", string.end() - at, _unescape(string[1]))
        elif regex := _REGEX.match(query, at):
            self._take("regex", regex.end() - at, regex[1], ignores_case=bool(regex[2]))
        elif length := self._time_length() or self._run_length(","):
            self._take("word", length)
        else:
            hint = f"quote text that contains spaces: {QUOTE}a b{QUOTE}"
            raise QueryError(query, at, "expected a value here", hint)

    def _time_length(self) -> int:
        """The length of a time with blanks, as pasted from a log, after a field that takes times; else 0."""
        name = self._value_of
        field = find(name)
        is_time = name in (SINCE, UNTIL) or (field is not None and field.kind == "time")
        return pasted_length(self._query, self._at) if is_time else 0

    def _text(self) -> None:
        """Take a quoted string, a regular expression, or a run of characters without blanks.

        ``"seq":7``, as pasted from a message, is a run: only where a blank follows the quote is it a string.
        """
        query, at = self._query, self._at
        if query.startswith(QUOTE, at):
            string = self._string()
            end = string.end()
            if end == len(query) or query[end].isspace() or (self._depth and query[end] == ")"):
                self._take("string", end - at, _unescape(string[1]))
                return
            self._take("word", end - at + self._run_length(start=end))
        elif regex := _REGEX.match(query, at):
            self._take("regex", regex.end() - at, regex[1], ignores_case=bool(regex[2]))
        else:
            self._take("word", self._run_length())

    def _run_length(self, stop: str = "", start: int | None = None) -> int:
        """The number of characters before a blank, ``stop``, or the parenthesis that closes a group of the query."""
        begin = self._at if start is None else start
        opened = 0
        for at in range(begin, len(self._query)):
            sign = self._query[at]
            if sign.isspace() or sign == stop:
                return at - begin
            if sign == "(":
                opened += 1
            elif sign == ")" and self._depth:
                if not opened:
                    return at - begin
                opened -= 1
        return len(self._query) - begin

    def _string(self) -> re.Match[str]:
        string = _STRING.match(self._query, self._at)
        if string is None:
            hint = f"write \\{QUOTE} for a literal quote"
            raise QueryError(self._query, self._at, "unclosed quote", hint)
        return string


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
