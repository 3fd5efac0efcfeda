"""Which columns the log shows: one's own choice, or as many as there is room for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model.notes import SavedView
from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.base import Dialog, FinderDialog
from wsmon.tui.panes.log_line import COLUMNS, ColumnName, automatic
from wsmon.tui.text import StyledText, clip, left
from wsmon.tui.widgets.text_view import TextPane, wrap_line

COLUMN_NAME_WIDTH = 12
AUTOMATIC = "automatic: as many as there is room for"


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """What was decided."""

    columns: tuple[ColumnName, ...] | None
    """None = automatic."""


class ColumnsDialog(Dialog[ColumnChoice]):
    """A line for each column; the space bar shows or hides it."""

    TITLE = "Columns of the log"
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,j", "move(1)", "down"),
        Binding("up,k", "move(-1)", "up"),
        Binding("space", "switch", "show or hide"),
        Binding("a", "automatic", "automatic"),
        Binding("enter", "take", "take"),
    ]
    HINT = (("Space", "key-name"), (" show  ", "dim"), ("a", "key-name"), (" auto  ", "dim"),
            ("Enter", "key-name"), (" take it", "dim"))  # fmt: skip

    def __init__(self, chosen: tuple[ColumnName, ...] | None, width: int) -> None:
        """``width`` is that of the log: what it has room for by itself is where a choice begins."""
        super().__init__()
        self._chosen = chosen
        self._automatic = automatic(width)
        self._at = 0
        self._list = TextPane(id="columns-list")

    def content(self) -> tuple[Widget, ...]:
        """The list."""
        self._list.can_focus = False
        return (self._list,)

    def on_resize(self) -> None:
        """Labels may be cut elsewhere."""
        self.call_after_refresh(self._draw)

    def action_move(self, lines: int) -> None:
        """To another line."""
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
        """As many as there is room for."""
        self._chosen = None
        self._draw()

    def action_take(self) -> None:
        """That is it."""
        self.dismiss(ColumnChoice(self._chosen))

    @property
    def _shown(self) -> tuple[ColumnName, ...]:
        return self._automatic if self._chosen is None else self._chosen

    def _draw(self) -> None:
        width = self._list.size.width or 72
        lines: list[tuple[StyledText, ...]] = [(_box(is_on=self._chosen is None), (clip(AUTOMATIC, width - 6), "text"))]
        for column in COLUMNS:
            is_on = column.name in self._shown
            name = left(column.name, COLUMN_NAME_WIDTH)
            label = clip(column.label, width - COLUMN_NAME_WIDTH - 6)
            lines.append((_box(is_on=is_on), (name, "strong" if is_on else "text"), (label, "dim")))
        self._list.draw(tuple(lines), self._at)
        self._list.show_cursor()


def _box(*, is_on: bool) -> StyledText:
    return " [x] " if is_on else " [ ] ", "key-name" if is_on else "dim"


# The themes there are; the one under the cursor is worn already, so that one sees it.

THEME_NAME_LIMIT = 60
# Of a list that is not laid out yet
WIDTH = 72
SAMPLE: tuple[StyledText, ...] = (
    ("open ", "status-open"), ("connecting ", "status-connecting"), ("stalled ", "status-stalled"),
    ("loss ", "status-loss"), ("closed ", "status-closed"), ("dim", "dim"),
)  # fmt: skip


class ThemesDialog(Dialog[str]):
    """Answers the name of a theme; leaving it puts the one before on again."""

    TITLE = "Theme"
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,j,ctrl+n", "move(1)", "down"),
        Binding("up,k,ctrl+p", "move(-1)", "up"),
        Binding("enter", "take", "take"),
    ]
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" keep  ", "dim"),
            ("Esc", "key-name"), (" as before", "dim"))  # fmt: skip

    def __init__(self, names: tuple[str, ...], worn: str, wear: Callable[[str], None]) -> None:
        """``wear`` puts a theme on."""
        super().__init__()
        self._names = names
        self._before = worn
        self._at = names.index(worn)
        self._wear = wear
        self._list = TextPane(id="themes-list")

    def content(self) -> tuple[Widget, ...]:
        """The names, and what colours mean."""
        self._list.can_focus = False
        return (self._list,)

    def on_mount(self) -> None:
        """Begin at the one that is worn."""
        self._list.styles.height = len(self._names) + 3
        self._draw()

    def on_resize(self) -> None:
        """What colours mean may need two lines."""
        self.call_after_refresh(self._draw)

    def action_move(self, lines: int) -> None:
        """Try another one."""
        self._at = (self._at + lines) % len(self._names)
        self._wear(self._names[self._at])
        self._draw()

    def action_take(self) -> None:
        """Keep it."""
        self.dismiss(self._names[self._at])

    def action_cancel(self) -> None:
        """As it was."""
        self._wear(self._before)
        super().action_cancel()

    def _draw(self) -> None:
        lines: list[tuple[StyledText, ...]] = [
            ((f" {clip(sanitize(name, THEME_NAME_LIMIT), THEME_NAME_LIMIT)}", "text"),) for name in self._names
        ]
        sample = wrap_line(((" ", "text"), *SAMPLE), self._list.size.width or WIDTH, indent=1)
        self._list.draw((*lines, (), *sample), self._at)
        self._list.show_cursor()


# Views of the log by name: wsmon's own, and those that the user has saved.

OWN_VIEWS = (
    SavedView("All", ""),
    SavedView("Problems", "is:problem"),
    SavedView("Lifecycle", "kind:connection"),
    SavedView("Messages", "kind:message"),
    SavedView("Subscriptions", "kind:subscription"),
    SavedView("Auth", "kind:auth"),
    SavedView("Heartbeats", "kind:heartbeat"),
)
VIEW_NAME_LIMIT = 40
VIEW_NAME_WIDTH = 20
QUERY_LIMIT = 200
Verb = Literal["show", "save", "drop"]


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """What is to be done with which view."""

    verb: Verb
    view: SavedView


class ViewsDialog(FinderDialog[ViewChoice]):
    """Type part of a name to find a view; a name of one's own to save the search of the log under it."""

    TITLE = "Views"
    NOTHING = "no view of that name, and no search to save under it"
    BINDINGS = [Binding("delete,ctrl+x", "drop", "forget", priority=True)]  # noqa: RUF012 (Textual's way)
    HINT = (("↑ ↓", "key-name"), (" choose ", "dim"), ("Enter", "key-name"), (" take ", "dim"),
            ("^x", "key-name"), (" forget", "dim"))  # fmt: skip

    def __init__(self, views: tuple[SavedView, ...], query: str) -> None:
        """``views`` are the user's; ``query`` is what the log shows now."""
        super().__init__("a view, or a name to save under")
        self._views = views
        self._query = query

    def find(self, text: str) -> tuple[ViewChoice, ...]:
        """The views of that name, and the search to be saved under it."""
        return find_views(text, self._views, self._query)

    def line(self, answer: ViewChoice, width: int) -> tuple[StyledText, ...]:
        """Name and query."""
        return _line(answer, width)

    def first(self, found: tuple[ViewChoice, ...]) -> int:
        """The one that is shown."""
        queries = [choice.view.query for choice in found]
        return queries.index(self._query) if self._query in queries else 0

    def action_drop(self) -> None:
        """Forget the view under the cursor, if it is one of the user's."""
        view = self.chosen.view if self.chosen is not None else None
        if view in self._views and view is not None:
            self.dismiss(ViewChoice("drop", view))


def find_views(text: str, views: tuple[SavedView, ...], query: str) -> tuple[ViewChoice, ...]:
    """The views whose name has ``text`` in it, and last the search to be saved where that is a new name for it."""
    name = text.strip()[:VIEW_NAME_LIMIT]
    found = [ViewChoice("show", view) for view in (*OWN_VIEWS, *views) if name.lower() in view.name.lower()]
    is_own = any(view.name.lower() == name.lower() for view in OWN_VIEWS)
    if name and query and not is_own:
        found.append(ViewChoice("save", SavedView(name, query)))
    return tuple(found)


def _line(choice: ViewChoice, width: int) -> tuple[StyledText, ...]:
    name, query = sanitize(choice.view.name, VIEW_NAME_LIMIT), sanitize(choice.view.query, QUERY_LIMIT)
    room = max(4, width - VIEW_NAME_WIDTH - 3)
    if choice.verb == "save":
        return (
            (" save as ", "key-name"),
            (f"{name}: ", "strong"),
            (clip(query, max(4, width - len(name) - 12)), "dim"),
        )
    return (f" {left(name, VIEW_NAME_WIDTH)} ", "text"), (clip(query or "everything", room), "dim")
