"""SQLite user functions: parts of a query that only Python can decide, by the functions that the predicate calls."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from wsmon.errors import QueryError
from wsmon.model.events import Verdict
from wsmon.query.ast import FieldTerm, Glob, PathTerm, Regex
from wsmon.query.fields import verdict_text
from wsmon.query.patterns import LIMIT_S, SLOW_HINT, PatternTooSlowError, finder
from wsmon.query.predicate import item_fits, path_predicate, text_of

# A part of a query that is tried on values of a row; a FieldTerm is about the verdict, which the row has as JSON
Leaf: TypeAlias = Glob | Regex | PathTerm | FieldTerm

# Name of the SQL function: its arguments are the number of a leaf and the values to try it on
LEAF = "wsmon_leaf"
# Ten queries of the greatest length
HELD_LEAVES = 1_000
# Slow matches of patterns in one statement
MOST_OVERRUNS = 3

# Message of Python's sqlite3 in that case
_FUNCTION_RAISED = "user-defined function raised exception"
_InRow: TypeAlias = str | bytes | None
_verdict_of = msgspec.json.Decoder(Verdict).decode


class QueryFunctions:
    """The leaves of the queries on one connection, by number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._numbers: OrderedDict[Leaf, int] = OrderedDict()
        self._questions: dict[int, Callable[..., bool]] = {}
        self._made = 0
        self._overruns = 0
        self._raised: BaseException | None = None
        connection.create_function(LEAF, -1, self._call, deterministic=True)

    def number(self, leaf: Leaf) -> int:
        """The number of a leaf in SQL; it stays valid until ``HELD_LEAVES`` other leaves were used."""
        if leaf in self._numbers:
            self._numbers.move_to_end(leaf)
            return self._numbers[leaf]
        if len(self._numbers) >= HELD_LEAVES:
            del self._questions[self._numbers.popitem(last=False)[1]]
        self._made += 1
        self._numbers[leaf] = self._made
        self._questions[self._made] = _question(leaf)
        return self._made

    def begin(self) -> None:
        """Begin a read: forget earlier failures."""
        self._overruns = 0
        self._raised = None

    def cause_of(self, error: sqlite3.Error, text: str) -> BaseException | None:
        """Return the exception behind an error of SQLite that a leaf caused; ``None`` where none did.

        ``text`` is the query. SQLite reports what a function raises as its own failure; before its first line only a
        signal can raise.
        """
        if str(error) == _FUNCTION_RAISED:
            return self._raised or KeyboardInterrupt()
        if self._overruns < MOST_OVERRUNS:
            return None
        what = f"a pattern took longer than {LIMIT_S * 1000:g} ms at each of {MOST_OVERRUNS} events"
        return QueryError(text, max(0, text.find("/")), what, SLOW_HINT)

    def _call(self, number: int, *values: _InRow) -> bool:
        try:
            return self._questions[number](*values)
        except PatternTooSlowError:
            self._overruns += 1
            if self._overruns >= MOST_OVERRUNS:
                self._connection.interrupt()
            return False
        # The border to SQLite: ``reason`` returns it to the reader
        except BaseException as error:
            self._raised = error
            raise


def _question(leaf: Leaf) -> Callable[..., bool]:
    """The function of a leaf: of one value of a row, or for a regular expression of all values that it searches."""
    match leaf:
        case PathTerm():
            return path_predicate(leaf)
        case Regex(pattern, ignores_case):
            return _finding(finder(pattern, ignores_case=ignores_case))
        case FieldTerm(_, items):
            return lambda value: value is not None and any(item_fits(item, _verdict_text(value)) for item in items)
        case _:
            return lambda value: value is not None and item_fits(leaf, text_of(value))


def _finding(look: Callable[[str], bool]) -> Callable[..., bool]:
    def finds(*values: _InRow) -> bool:
        # A generator costs more, and so does a call of text_of: this is called for every row
        for value in values:  # noqa: SIM110
            if value is not None and look(value if isinstance(value, str) else text_of(value)):
                return True
        return False

    return finds


def _verdict_text(written: str | bytes) -> str:
    return verdict_text(_verdict_of(written))
