"""The last words of a screen that fails: where it failed, and no values, for a value may be a secret.

Textual's own traceback prints local variables. There is no public switch; a contract test holds the override.
"""

from __future__ import annotations

from typing import TypeVar

from rich.segment import Segments
from rich.traceback import Traceback
from textual.app import App

Result = TypeVar("Result")


class QuietCrash(App[Result]):
    """An app whose traceback shows no local variables."""

    def _fatal_error(self) -> None:
        self.bell()
        traceback = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()
