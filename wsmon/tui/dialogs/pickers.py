"""Dialogs that choose from a list: columns of the log, theme, saved views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model.notes import SavedView
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import LIST_WIDTH, Dialog, FinderDialog
from wsmon.tui.panes.log_line import COLUMNS, ColumnName, automatic
from wsmon.tui.text import Line, StyledText, clip, left
from wsmon.tui.widgets.text_view import TextPane, wrap_line

# Cells of a column's name
COLUMN_NAME_WIDTH = 12
AUTOMATIC = "automatic (fit to width)"
# Characters of a theme's name
THEME_NAME_LIMIT = 60
SAMPLE: Line = (
    ("open ", "status-open"), ("connecting ", "status-connecting"), ("stalled ", "status-stalled"),
    ("loss ", "status-loss"), ("closed ", "status-closed"), ("dim", "dim"),
)  # fmt: skip
OWN_VIEWS = (
    SavedView("All", ""),
    SavedView("Problems", "is:problem"),
    SavedView("Lifecycle", "kind:connection"),
    SavedView("Messages", "kind:message"),
    SavedView("Subscriptions", "kind:subscription"),
    SavedView("Login", "kind:auth"),
    SavedView("Heartbeats", "kind:heartbeat"),
)
# Characters of a view's name, cells that it takes in the list, and characters of its query
VIEW_NAME_LIMIT = 40
VIEW_NAME_WIDTH = 20
QUERY_LIMIT = 200
Verb = Literal["show", "save", "drop"]


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The result of the dialog of columns."""

    columns: tuple[ColumnName, ...] | None
    """None = automatic: as many as there is room for."""


class ColumnsDialog(Dialog[ColumnChoice]):
    """A line for each column of the log; the space bar shows or hides it."""

    TITLE = "Log columns"
    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("down,j", "move(1)", "down"),
        Binding("up,k", "move(-1)", "up"),
        Binding("space", "switch", "show or hide"),
        Binding("a", "automatic", "automatic"),
        Binding("enter", "take", "take"),
    ]
    HINT = (("Space", "key-name"), (" toggle  ", "dim"), ("a", "key-name"), (" auto  ", "dim"),
            ("Enter", "key-name"), (" OK  ", "dim"), ("Esc", "key-name"), (" cancel", "dim"))  # fmt: skip

    def __init__(self, chosen: tuple[ColumnName, ...] | None, width: int) -> None:
        """``width`` is that of the log: a choice begins with the columns that fit into it."""
        super().__init__()
        self._chosen = chosen
        self._automatic = automatic(width)
        self._at = 0
        self._list = TextPane(id="columns-list")

    def content(self) -> tuple[Widget, ...]:
        """Return the list."""
        self._list.can_focus = False
        return (self._list,)

    def on_resize(self) -> None:
        """Clip labels at the new width."""
        self.call_after_refresh(self._draw)

    def action_move(self, lines: int) -> None:
        """Move the cursor; after the last line comes the first."""
        self._at = (self._at + lines) % (len(COLUMNS) + 1)
        self._draw()

    def action_switch(self) -> None:
        """Show or hide the column under the cursor."""
        if not self._at:
            self.action_automatic()
            return
        shown = {*self._shown} ^ {COLUMNS[self._at - 1].name}
        self._chosen = tuple(each.name for each in COLUMNS if each.name in shown)
        self._draw()

    def action_automatic(self) -> None:
        """Show as many columns as there is room for."""
        self._chosen = None
        self._draw()

    def action_take(self) -> None:
        """Dismiss the dialog with the columns."""
        self.dismiss(ColumnChoice(self._chosen))

    @property
    def _shown(self) -> tuple[ColumnName, ...]:
        return self._automatic if self._chosen is None else self._chosen

    def _draw(self) -> None:
        width = self._list.size.width or LIST_WIDTH
        lines: list[Line] = [(_box(is_on=self._chosen is None), (clip(AUTOMATIC, width - 6), "text"))]
        for column in COLUMNS:
            is_on = column.name in self._shown
            name = left(column.shown_name or column.name, COLUMN_NAME_WIDTH)
            label = clip(column.label, width - COLUMN_NAME_WIDTH - 6)
            lines.append((_box(is_on=is_on), (name, "strong" if is_on else "text"), (label, "dim")))
        self._list.draw(tuple(lines), self._at)
        self._list.show_cursor()


def _box(*, is_on: bool) -> StyledText:
    return " [x] " if is_on else " [ ] ", "key-name" if is_on else "dim"


class ThemesDialog(Dialog[str]):
    """The themes; the one under the cursor is applied at once, Escape restores the one before. The result is a name."""

    TITLE = "Theme"
    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("down,j,ctrl+n", "move(1)", "down"),
        Binding("up,k,ctrl+p", "move(-1)", "up"),
        Binding("enter", "take", "take"),
    ]
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" apply  ", "dim"),
            ("Esc", "key-name"), (" cancel", "dim"))  # fmt: skip

    def __init__(self, names: tuple[str, ...], current: str, apply: Callable[[str], None]) -> None:
        """``apply`` applies a theme by its name."""
        super().__init__()
        self._names = names
        self._before = current
        self._at = names.index(current)
        self._apply = apply
        self._list = TextPane(id="themes-list")

    def content(self) -> tuple[Widget, ...]:
        """Return the list of names, with a sample of the colours below."""
        self._list.can_focus = False
        return (self._list,)

    def on_mount(self) -> None:
        """Put the cursor on the current theme."""
        self._list.styles.height = len(self._names) + 3
        self._draw()

    def on_resize(self) -> None:
        """Wrap the sample of the colours at the new width."""
        self.call_after_refresh(self._draw)

    def action_move(self, lines: int) -> None:
        """Apply another theme; after the last one comes the first."""
        self._at = (self._at + lines) % len(self._names)
        self._apply(self._names[self._at])
        self._draw()

    def action_take(self) -> None:
        """Keep the theme under the cursor."""
        self.dismiss(self._names[self._at])

    def action_cancel(self) -> None:
        """Restore the theme that was applied before."""
        self._apply(self._before)
        super().action_cancel()

    def _draw(self) -> None:
        lines: list[Line] = [
            ((f" {clip(cell_text(name, THEME_NAME_LIMIT), THEME_NAME_LIMIT)}", "text"),) for name in self._names
        ]
        sample = wrap_line(((" ", "text"), *SAMPLE), self._list.size.width or LIST_WIDTH, indent=1)
        self._list.draw((*lines, (), *sample), self._at)
        self._list.show_cursor()


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """What to do with which view."""

    verb: Verb
    view: SavedView


class ViewsDialog(FinderDialog[ViewChoice]):
    """Finds a view by part of its name, or saves the search of the log under a new name."""

    TITLE = "Views"
    NOTHING = "no matching view, and no search to save"
    BINDINGS = [Binding("delete,ctrl+x", "drop", "forget", priority=True)]  # noqa: RUF012 (Textual's declaration)

    def __init__(self, views: tuple[SavedView, ...], query: str) -> None:
        """``views`` are the user's; ``query`` is the search of the log now."""
        super().__init__("type to filter this list, or enter a name to save the current search")
        self._views = views
        self._query = query

    def find(self, text: str) -> tuple[ViewChoice, ...]:
        """Return the views that a text finds, and the search to save under it."""
        return find_views(text, self._views, self._query)

    def line(self, result: ViewChoice, width: int) -> Line:
        """Return name and query of a view."""
        return _line(result, width)

    def keys(self, chosen: ViewChoice | None) -> Line:
        """Return what the keys do now: open the view, or save the search under the name that was typed."""
        # Without the arrows: at twenty columns the list needs the line
        keys: list[StyledText] = []
        if chosen is not None:
            does = f"save as {cell_text(chosen.view.name, VIEW_NAME_LIMIT)}" if chosen.verb == "save" else "open"
            keys += [("Enter", "key-name"), (f" {does}  ", "dim")]
        if chosen is not None and chosen.view in self._views:
            keys += [("^x", "key-name"), (" delete  ", "dim")]
        return (*keys, ("Esc", "key-name"), (" close", "dim"))

    def first(self, results: tuple[ViewChoice, ...]) -> int:
        """Return the number of the view that the log shows."""
        queries = [choice.view.query for choice in results]
        return queries.index(self._query) if self._query in queries else 0

    def action_drop(self) -> None:
        """Dismiss the dialog with the view under the cursor to be forgotten, if it is the user's."""
        view = self.chosen.view if self.chosen is not None else None
        if view in self._views and view is not None:
            self.dismiss(ViewChoice("drop", view))


def find_views(text: str, views: tuple[SavedView, ...], query: str) -> tuple[ViewChoice, ...]:
    """Return the views with ``text`` in their names, and last the search to save where ``text`` is a new name."""
    name = text.strip()[:VIEW_NAME_LIMIT]
    found = [ViewChoice("show", view) for view in (*OWN_VIEWS, *views) if name.lower() in view.name.lower()]
    is_own = any(view.name.lower() == name.lower() for view in OWN_VIEWS)
    if name and query and not is_own:
        found.append(ViewChoice("save", SavedView(name, query)))
    return tuple(found)


def _line(choice: ViewChoice, width: int) -> Line:
    name, query = cell_text(choice.view.name, VIEW_NAME_LIMIT), cell_text(choice.view.query, QUERY_LIMIT)
    room = max(4, width - VIEW_NAME_WIDTH - 3)
    if choice.verb == "save":
        return (
            (" save as ", "key-name"),
            (f"{name}: ", "strong"),
            (clip(query, max(4, width - len(name) - 12)), "dim"),
        )
    return (f" {left(name, VIEW_NAME_WIDTH)} ", "text"), (clip(query or "everything", room), "dim")
