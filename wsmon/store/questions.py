"""One answer of a store: what all its statements see, and what becomes of what SQLite raises."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsmon.errors import StoreError
from wsmon.query.ast import EVERYTHING, Query
from wsmon.store.pages import Pages


class Questions:
    """The questions that one connection is asked, one after the other; ``path`` names the store in errors."""

    def __init__(self, connection: sqlite3.Connection, pages: Pages, path: Path) -> None:
        self._connection = connection
        self._pages = pages
        self._path = path

    @contextmanager
    def __call__(self, query: Query = EVERYTHING, *, is_consistent: bool = False) -> Iterator[None]:
        """Around the statements of an answer; with ``is_consistent`` all of them see the same commits.

        Raises ``StoreError`` for what SQLite raises, ``InterruptedError`` where the view was interrupted, and
        ``QueryError`` where the query was ended for taking too long; what a function raised that SQLite called goes on.
        """
        self._pages.begin()
        self._end_transaction()
        try:
            if is_consistent:
                self._connection.execute("BEGIN")
            yield
        except sqlite3.Error as error:
            if reason := self._pages.reason(error, query):
                raise reason from error
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                raise InterruptedError("the search was ended") from error
            raise StoreError(f"cannot read the store {self._path}: {error}") from error
        finally:
            self._end_transaction()

    def _end_transaction(self) -> None:
        """Let go of the commits that were seen.

        While a cursor that was interrupted is half read, SQLite interrupts this too: the next question ends it then.
        """
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_INTERRUPT":
                    raise
