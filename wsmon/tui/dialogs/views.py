"""Views of the log by name: wsmon's own, and those that the user has saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual import on
from textual.binding import Binding
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input

from wsmon.model.notes import SavedView
from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.palette import Span
from wsmon.tui.panes.spans import SpanPane
from wsmon.tui.wrap import clip, left

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
NOTHING: tuple[tuple[Span, ...], ...] = ((("  no view of that name, and no search to save under it", "dim"),),)
Verb = Literal["show", "save", "drop"]


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """What is to be done with which view."""

    verb: Verb
    view: SavedView


class ViewsDialog(Dialog[ViewChoice]):
    """Type part of a name to find a view; a name of one's own to save the search of the log under it."""

    TITLE = "Views"
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,ctrl+n", "move(1)", "down"),
        Binding("up,ctrl+p", "move(-1)", "up"),
        Binding("delete,ctrl+x", "drop", "forget", priority=True),
    ]
    HINT = (("↑ ↓", "key-name"), (" choose ", "dim"), ("Enter", "key-name"), (" take ", "dim"),
            ("^x", "key-name"), (" forget", "dim"))  # fmt: skip

    def __init__(self, views: tuple[SavedView, ...], query: str) -> None:
        """``views`` are the user's; ``query`` is what the log shows now."""
        super().__init__()
        self._views = views
        self._query = query
        self._line = Input(placeholder="a view, or a name to save under", compact=True, id="views-input")
        self._list = SpanPane(id="views-list")
        self._found: tuple[ViewChoice, ...] = ()
        self._at = 0

    def content(self) -> tuple[Widget, ...]:
        """What is typed, and what it finds."""
        self._line.cursor_blink = False
        self._list.can_focus = False
        return self._line, self._list

    def on_mount(self) -> None:
        """Begin with all of them, at the one that is shown."""
        self._search("")
        queries = [choice.view.query for choice in self._found]
        self._at = queries.index(self._query) if self._query in queries else 0
        self._draw()

    def on_resize(self) -> None:
        """A query may be cut elsewhere."""
        self.call_after_refresh(self._draw)

    async def take_key(self, event: Key) -> None:
        """What was typed before the line was there belongs into it."""
        if event.key == "enter":
            event.stop()
            await self._line.action_submit()
        elif event.is_printable and event.character:
            event.stop()
            self._line.insert_text_at_cursor(event.character)

    @on(Input.Changed, "#views-input")
    def _typed(self, event: Input.Changed) -> None:
        self._search(event.value)

    @on(Input.Submitted, "#views-input")
    def _submitted(self) -> None:
        if self._found:
            self.dismiss(self._found[self._at])

    def action_move(self, lines: int) -> None:
        """To another one."""
        if self._found:
            self._at = (self._at + lines) % len(self._found)
            self._draw()

    def action_drop(self) -> None:
        """Forget the view under the cursor, if it is one of the user's."""
        view = self._found[self._at].view if self._found else None
        if view in self._views and view is not None:
            self.dismiss(ViewChoice("drop", view))

    def _search(self, text: str) -> None:
        self._found, self._at = find(text, self._views, self._query), 0
        self._draw()

    def _draw(self) -> None:
        lines = tuple(_line(choice, self._list.size.width or 72) for choice in self._found)
        self._list.draw(lines or NOTHING, self._at if lines else None)
        self._list.show_cursor()


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
