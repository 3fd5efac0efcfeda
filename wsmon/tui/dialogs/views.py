"""Views of the log by name: wsmon's own, and those that the user has saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

from wsmon.model.notes import SavedView
from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.base import FinderDialog
from wsmon.tui.palette import Span
from wsmon.tui.text import clip, left

OWN_VIEWS = (
    SavedView("All", ""),
    SavedView("Problems", "is:problem"),
    SavedView("Lifecycle", "kind:connection"),
    SavedView("Messages", "kind:message"),
    SavedView("Subscriptions", "kind:subscription"),
    SavedView("Auth", "kind:auth"),
    SavedView("Heartbeats", "kind:heartbeat"),
)
NAME_LIMIT = 40
NAME_WIDTH = 20
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
        return find(text, self._views, self._query)

    def line(self, answer: ViewChoice, width: int) -> tuple[Span, ...]:
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


def find(text: str, views: tuple[SavedView, ...], query: str) -> tuple[ViewChoice, ...]:
    """The views whose name has ``text`` in it, and last the search to be saved where that is a new name for it."""
    name = text.strip()[:NAME_LIMIT]
    found = [ViewChoice("show", view) for view in (*OWN_VIEWS, *views) if name.lower() in view.name.lower()]
    is_own = any(view.name.lower() == name.lower() for view in OWN_VIEWS)
    if name and query and not is_own:
        found.append(ViewChoice("save", SavedView(name, query)))
    return tuple(found)


def _line(choice: ViewChoice, width: int) -> tuple[Span, ...]:
    name, query = sanitize(choice.view.name, NAME_LIMIT), sanitize(choice.view.query, QUERY_LIMIT)
    room = max(4, width - NAME_WIDTH - 3)
    if choice.verb == "save":
        return (
            (" save as ", "key-name"),
            (f"{name}: ", "strong"),
            (clip(query, max(4, width - len(name) - 12)), "dim"),
        )
    return (f" {left(name, NAME_WIDTH)} ", "text"), (clip(query or "everything", room), "dim")
