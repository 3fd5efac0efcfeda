"""FindDialog: a text to find in the detail; with another key, the same text searches the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding

from wsmon.errors import QueryError
from wsmon.query.ast import Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.dialogs.base import PromptDialog
from wsmon.tui.text import Line

# Characters of a text to find
NEEDLE_LIMIT = 200
HELP: Line = (
    ("n ", "key-name"),
    ("and ", "dim"),
    ("N ", "key-name"),
    ("next, previous; case-insensitive", "dim"),
)


class FindDialog(PromptDialog):
    """A line to type a text into; the result is the text to find in the detail."""

    HINT: ClassVar[Line] = (
        ("Enter", "key-name"),
        (" find  ", "dim"),
        ("^y", "key-name"),
        (" search the log, copy newest match  ", "dim"),
        ("Esc", "key-name"),
        (" cancel", "dim"),
    )
    BINDINGS = [Binding("ctrl+y", "copy", "search the log, copy newest match")]  # noqa: RUF012 (Textual's declaration)

    def __init__(self, text: str, now_ns: Callable[[], int], search: Callable[[Query], None]) -> None:
        """``search`` gets the text as a query of the log."""
        super().__init__("Find in the detail", text, HELP, _fault)
        self._now_ns = now_ns
        self._search = search

    def action_copy(self) -> None:
        """Close, and search the log for the text."""
        if (text := self.accepted) is None:
            return
        try:
            query = parse(text, ReferenceTime(self._now_ns()))
        except QueryError as error:
            self.refuse(f"not a search of the log: column {error.column + 1}: {error.what}")
            return
        self.dismiss(None)
        self._search(query)


def _fault(text: str) -> str:
    return f"too long: at most {NEEDLE_LIMIT} characters" if len(text) > NEEDLE_LIMIT else ""
