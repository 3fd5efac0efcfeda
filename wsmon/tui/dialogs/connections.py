"""Dialogs of the connections list: a filter for names."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.widgets import Input

from wsmon.tui.dialogs.base import PromptDialog
from wsmon.tui.text import Line

FILTER_HELP: Line = ((" part of a name; empty lists all", "dim"),)


class NameFilterDialog(PromptDialog):
    """A line for a part of the names to be listed; the list follows while the user types, and Escape restores it."""

    def __init__(self, before: str, apply: Callable[[str], object]) -> None:
        """``before`` is the filter now; ``apply`` lists the names with a text."""
        super().__init__("List connections with", before, FILTER_HELP, lambda _: "")
        self._before = before
        self._apply = apply

    @on(Input.Changed, "#typed-line")
    def _typed(self, event: Input.Changed) -> None:
        self._apply(event.value.strip())

    def action_cancel(self) -> None:
        """List what was listed before."""
        self._apply(self._before)
        super().action_cancel()
