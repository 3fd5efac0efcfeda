"""Actions about what the user writes down: bookmarks with notes, and views of the log."""

from __future__ import annotations

from collections.abc import Callable

from wsmon.errors import QueryError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.ports import StoreView
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.commands.export import copied
from wsmon.tui.dialogs.compare import Comparison, ComparisonForm, compare
from wsmon.tui.screen import MonitorScreen

# Characters
NOTE_LIMIT = 2_000


def mark(screen: MonitorScreen) -> None:
    """Mark the event under the cursor, or forget its mark."""
    event = _event(screen)
    if event is None:
        return
    has_note = bool((bookmark := screen.notebook.bookmark(event.id)) and bookmark.text)
    is_marked = screen.notebook.toggle(event, screen.now_ns())
    screen.show_marks()
    what = "marked: u and U go from mark to mark, M writes a note" if is_marked else "no longer marked"
    screen.say(f"event #{fmt.count(event.id)} is {what}{'; its note is gone' if has_note else ''}")


def note(screen: MonitorScreen) -> None:
    """Write a note to the event under the cursor."""
    from wsmon.tui.dialogs.base import PromptDialog  # built when it is needed: start-up time

    event = _event(screen)
    if event is None:
        return
    held = screen.notebook.bookmark(event.id)

    def close(text: str | None) -> None:
        if text is not None:
            screen.notebook.annotate(event, text, screen.now_ns())
            screen.show_marks()
            screen.say(f"event #{fmt.count(event.id)}: {text}" if text else f"event #{fmt.count(event.id)} is marked")

    title = f"Note to event #{fmt.count(event.id)}"
    screen.app.push_screen(PromptDialog(title, held.text if held else "", (), _note_fault), close)


def bookmark(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another bookmark; where the store has pruned its event, to the copy of it."""
    found = screen.notebook.next_bookmark(screen.place_id, newer=newer)
    if found is None:
        has_any = bool(screen.notebook.marked)
        screen.say(f"no {'newer' if newer else 'older'} mark" if has_any else "nothing is marked: m marks an event")
        return
    screen.go_to_event(found.event)
    if found.text:
        screen.say(f"note: {sanitize(found.text, NOTE_LIMIT)}")


def views(screen: MonitorScreen) -> None:
    """Choose a view of the log, save one, or forget one."""
    from wsmon.tui.dialogs.pickers import ViewChoice, ViewsDialog

    def close(choice: ViewChoice | None) -> None:
        match choice:
            case ViewChoice("show", view):
                _show(screen, view.query)
            case ViewChoice("save", view):
                screen.notebook.keep_view(view)
                screen.say(f"the search is kept as view {view.name}: v shows it again")
            case ViewChoice("drop", view):
                screen.notebook.drop_view(view.name)
                screen.say(f"view {view.name} is forgotten")
            case _:
                pass

    if "log" not in screen.in_sight:
        screen.ask("log")
    screen.app.push_screen(ViewsDialog(screen.notebook.views, screen.log_pane.search.text), close)


def _show(screen: MonitorScreen, text: str) -> None:
    try:
        query = parse(text, ReferenceTime(screen.now_ns()))
    except QueryError as error:  # saved by a wsmon with other words
        screen.say(str(error), "problem")
        return
    if "kind:heartbeat" in text:
        screen.log_pane.set_hide_heartbeats(False)
    screen.search_for(query)


def _event(screen: MonitorScreen) -> Event | None:
    event = screen.log_pane.current_event
    if event is None:
        screen.say("there is no event under the cursor", "caution")
    return event


def _note_fault(text: str) -> str:
    return f"a note has at most {NOTE_LIMIT:,} characters" if len(text) > NOTE_LIMIT else ""


# The action that compares two events: the one under the cursor, and the one that was marked last.


def compare_events(screen: MonitorScreen) -> None:
    """Compare the event under the cursor with the last mark; where that is the event itself, with the mark before."""
    event = screen.looked_at
    if event is None:
        screen.say("there is no event under the cursor", "caution")
        return
    other = screen.notebook.last_bookmark(event.id)
    if other is None:
        screen.say("there is no mark to compare with: m marks an event, C compares another one with it", "caution")
        return
    before, after = sorted((event, other.event), key=lambda each: each.id)

    def again(way: ComparisonForm, deliver: Callable[[Comparison], None]) -> None:
        _ask(screen, before, after, way, deliver)

    def show(found: Comparison) -> None:
        from wsmon.tui.dialogs.compare import CompareDialog  # built when it is needed: start-up time

        what = f"the comparison of #{fmt.count(before.id)} and #{fmt.count(after.id)}"
        screen.app.push_screen(CompareDialog(found, again, lambda text: copied(screen, text, what)))

    again("JSON", show)


def _ask(
    screen: MonitorScreen, before: Event, after: Event, way: ComparisonForm, deliver: Callable[[Comparison], None]
) -> None:
    """Compare in the thread of the answers: documents may be large."""

    def read(view: StoreView) -> Comparison:
        kept = {event.id: event for event in view.events_by_id((before.id, after.id))}
        return compare(kept.get(before.id, before), kept.get(after.id, after), way)

    screen.backing.answers.ask("compare", read, deliver)
