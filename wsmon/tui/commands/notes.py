"""Commands about notes: bookmarks, notes to events, saved views, and the comparison with the last mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from wsmon.errors import QueryError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.cell_text import cell_text
from wsmon.tui.commands.export import copied
from wsmon.tui.commands.selection import event_of, place_id
from wsmon.tui.screen import Command, MonitorScreen

if TYPE_CHECKING:
    from wsmon.tui.dialogs.compare import Comparison, ComparisonForm

# Characters of a note
NOTE_LIMIT = 2_000


def mark(screen: MonitorScreen) -> None:
    """Mark the event of the subject, or unmark it."""
    event, notebook = event_of(screen), screen.services.notebook
    if event is None:
        return
    has_note = bool((bookmark := notebook.bookmark(event.id)) and bookmark.text)
    is_marked = notebook.toggle(event, screen.now_ns())
    _show_marks(screen)
    what = "marked (u, U: next, previous; M: note)" if is_marked else "unmarked"
    screen.say(f"event #{fmt.count(event.id)} {what}{'; note deleted' if has_note else ''}")


def note(screen: MonitorScreen) -> None:
    """Write a note to the event of the subject."""
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.base import PromptDialog

    event, notebook = event_of(screen), screen.services.notebook
    if event is None:
        return
    held = notebook.bookmark(event.id)

    def close(text: str | None) -> None:
        if text is not None:
            notebook.annotate(event, text, screen.now_ns())
            _show_marks(screen)
            screen.say(f"event #{fmt.count(event.id)}: {text}" if text else f"event #{fmt.count(event.id)} marked")

    title = f"Note on event #{fmt.count(event.id)}"
    screen.app.push_screen(PromptDialog(title, held.text if held else "", (), _note_fault), close)


def bookmark(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another bookmark; where the store has pruned its event, show the copy of it."""
    found = screen.services.notebook.next_bookmark(place_id(screen), newer=newer)
    if found is None:
        has_any = bool(screen.services.notebook.marked)
        screen.say(
            f"no {'newer' if newer else 'older'} mark" if has_any else "nothing marked: press m to mark an event"
        )
        return
    _go_to_event(screen, found.event)
    if found.text:
        screen.say(f"note: {cell_text(found.text, NOTE_LIMIT)}")


def views(screen: MonitorScreen) -> None:
    """Let the user show a view of the log, save one, or delete one."""
    from wsmon.tui.dialogs.pickers import ViewChoice, ViewsDialog

    notebook = screen.services.notebook

    def close(choice: ViewChoice | None) -> None:
        match choice:
            case ViewChoice("show", view):
                _show(screen, view.query)
            case ViewChoice("save", view):
                notebook.keep_view(view)
                screen.say(f"search saved as view {view.name} (v to open)")
            case ViewChoice("drop", view):
                notebook.drop_view(view.name)
                screen.say(f"view {view.name} deleted")
            case _:
                pass

    screen.pane_layout.bring("log")
    screen.app.push_screen(ViewsDialog(notebook.views, screen.panes.log.search_query.text), close)


def _show(screen: MonitorScreen, text: str) -> None:
    try:
        query = parse(text, ReferenceTime(screen.now_ns()))
    except QueryError as error:
        # The view was saved by a version of wsmon with other fields.
        screen.say(str(error), "problem")
        return
    if "kind:heartbeat" in text:
        screen.panes.log.set_scope(replace(screen.panes.log.state.wanted_scope, hides_heartbeats=False))
    screen.panes.log.set_query(query)


def _show_marks(screen: MonitorScreen) -> None:
    """Show in the log which events have a bookmark, and which its search finds by their notes."""
    notebook = screen.services.notebook
    screen.panes.log.set_marks(notebook.bookmarks, notebook.trouble)


def _go_to_event(screen: MonitorScreen, event: Event) -> None:
    """Put the log's cursor on an event; one that was pruned is shown as this copy."""
    if event.id >= screen.snapshot.bounds.oldest_id:
        screen.pane_layout.bring("log")
        screen.panes.log.go_to(event.id)
    else:
        screen.show_apart(event)
        screen.say(f"event #{fmt.count(event.id)} was pruned; showing the copy saved with its mark", "caution")


def _note_fault(text: str) -> str:
    return f"note too long: at most {NOTE_LIMIT:,} characters" if len(text) > NOTE_LIMIT else ""


def compare_events(screen: MonitorScreen) -> None:
    """Compare the event in focus with the one marked last; where that is itself, with the one marked before."""
    if (event := event_of(screen)) is None:
        return
    other = screen.services.notebook.last_bookmark(event.id)
    if other is None:
        is_marked = screen.services.notebook.bookmark(event.id) is not None
        alone = "only this event is marked: move to another one, then press C"
        none = "nothing marked: press m on the first event, then C on the second"
        screen.say(alone if is_marked else none, "caution")
        return
    before, after = sorted((event, other.event), key=lambda each: each.id)

    def again(way: ComparisonForm, deliver: Callable[[Comparison], None]) -> None:
        _ask(screen, before, after, way, deliver)

    def show(found: Comparison) -> None:
        from wsmon.tui.dialogs.compare import CompareDialog

        what = f"comparison of #{fmt.count(before.id)} and #{fmt.count(after.id)}"
        screen.open_answer(CompareDialog(found, again, lambda text: copied(screen, text, what)))

    again("JSON", show)


def _ask(
    screen: MonitorScreen, before: Event, after: Event, way: ComparisonForm, deliver: Callable[[Comparison], None]
) -> None:
    """Compare on the worker's thread: documents may be large."""
    from wsmon.tui.dialogs.compare import compare

    def read(view: StoreView) -> Comparison:
        kept = {event.id: event for event in view.events_by_id((before.id, after.id))}
        return compare(kept.get(before.id, before), kept.get(after.id, after), way)

    screen.services.worker.submit("compare", read, deliver)


COMMANDS: dict[str, Command] = {
    "log.views": views,
    "log.mark": mark,
    "log.note": note,
    "log.mark_next": partial(bookmark, newer=True),
    "log.mark_previous": partial(bookmark, newer=False),
    "log.compare": compare_events,
}
