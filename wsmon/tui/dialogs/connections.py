"""Dialogs about connections: a filter for names, a list of the maxima of a connection's statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from textual import on
from textual.widgets import Input

from wsmon.model.statistics import Extreme
from wsmon.tui.dialogs.base import FinderDialog, PromptDialog
from wsmon.tui.text import Line, left

# Cells of the label of a maximum
LABEL = 20
FILTER_HELP: Line = ((" filters by name; empty lists all", "dim"),)


class NameFilterDialog(PromptDialog):
    """A line for a part of the names to be listed; the list follows while the user types, and Escape restores it."""

    def __init__(self, before: str, apply: Callable[[str], object]) -> None:
        """``before`` is the filter now; ``apply`` lists the names with a text."""
        super().__init__("Filter connections", before, FILTER_HELP, lambda _: "")
        self._before = before
        self._apply = apply

    @on(Input.Changed, "#typed-line")
    def _typed(self, event: Input.Changed) -> None:
        self._apply(event.value.strip())

    def action_cancel(self) -> None:
        """List what was listed before."""
        self._apply(self._before)
        super().action_cancel()


Maximum: TypeAlias = tuple[Extreme, str, str]
"""A measurement, its label, and its greatest value in words."""


class MaximumDialog(FinderDialog[Maximum]):
    """The maxima of a connection; the result is the one whose event the user wants to see."""

    HINT = (("Enter", "key-name"), (" go to event  ", "dim"), ("Esc", "key-name"), (" cancel", "dim"))
    NOTHING = "no matching maximum"

    def __init__(self, connection: str, maxima: tuple[Maximum, ...]) -> None:
        super().__init__("type to filter")
        self.title = f"Maximum values: {connection}"
        self._maxima = maxima

    def find(self, text: str) -> tuple[Maximum, ...]:
        """Return the maxima whose label contains a text."""
        return tuple(each for each in self._maxima if text.casefold() in each[1])

    def line(self, result: Maximum, width: int) -> Line:
        """Return the label and the value."""
        return (f"  {left(result[1], LABEL)}", "text"), (result[2], "strong")
