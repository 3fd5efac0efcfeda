"""Cuts the text of a query into tokens, each with its column."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from wsmon.errors import QueryError

TokenKind = Literal["word", "string", "field", "comma", "negation"]

QUOTE = '"'
_BLANK = re.compile(r"\s*")
_RUN = re.compile(r"\S+")
_ITEM = re.compile(r"[^\s,]+")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\])')
# \" and \\ only: pasted JSON keeps its own escapes
_FIELD = re.compile(r"([A-Za-z_][A-Za-z_.]*):")
_NEGATION = re.compile(r"[-!](?=\S)")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query; a ``field`` is followed by its value: words and strings with commas between."""

    kind: TokenKind
    text: str
    column: int
    # counts from 0


def tokens(query: str) -> Iterator[Token]:
    """The tokens of a query; raises ``QueryError`` where a quote is not closed or a value is missing."""
    at = _skip_blank(query, 0)
    while at < len(query):
        if negation := _NEGATION.match(query, at):
            yield Token("negation", negation[0], at)
            at = negation.end()
        elif field := _FIELD.match(query, at):
            yield Token("field", field[1], at)
            at = yield from _value(query, field.end())
            at = _skip_blank(query, at)
        else:
            token, at = _text(query, at)
            yield token
            at = _skip_blank(query, at)


def _value(query: str, at: int) -> Generator[Token, None, int]:
    """The items after a field's colon; returns where they end."""
    while True:
        if query.startswith(QUOTE, at):
            string = _string(query, at)
            yield Token("string", _unescape(string[1]), at)
            at = string.end()
        elif item := _ITEM.match(query, at):
            yield Token("word", item[0], at)
            at = item.end()
        else:
            raise QueryError(
                query, at, "a value is missing here", f"a text with blanks goes in quotes: {QUOTE}a b{QUOTE}"
            )
        if not query.startswith(",", at):
            break
        yield Token("comma", ",", at)
        at += 1
    if at < len(query) and not query[at].isspace():
        raise QueryError(query, at, f"{query[at]!r} follows a quoted value", "put a blank or a comma between")
    return at


def _text(query: str, at: int) -> tuple[Token, int]:
    """A quoted string or a run of characters without blanks.

    ``"seq":7``, as pasted from a message, is a run: a string ends where a blank follows.
    """
    if query.startswith(QUOTE, at):
        string = _string(query, at)
        if string.end() == len(query) or query[string.end()].isspace():
            return Token("string", _unescape(string[1]), at), string.end()
        run = _RUN.match(query, string.end())
        assert run is not None, "something other than a blank follows the string"
        return Token("word", query[at : run.end()], at), run.end()
    run = _RUN.match(query, at)
    assert run is not None, "blanks are skipped before"
    return Token("word", run[0], at), run.end()


def _string(query: str, at: int) -> re.Match[str]:
    string = _STRING.match(query, at)
    if string is None:
        raise QueryError(query, at, "this quote is not closed", f"a quote as text is written \\{QUOTE}")
    return string


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


def _skip_blank(query: str, at: int) -> int:
    blank = _BLANK.match(query, at)
    return blank.end() if blank else at
