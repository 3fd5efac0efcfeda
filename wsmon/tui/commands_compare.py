"""The action that compares two events: the one under the cursor, and the one that was marked last."""

from __future__ import annotations

from collections.abc import Callable

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.tui.comparison import As, Comparison, compare
from wsmon.tui.copying import copied
from wsmon.tui.screen import MonitorScreen


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

    def again(way: As, deliver: Callable[[Comparison], None]) -> None:
        _ask(screen, before, after, way, deliver)

    def show(found: Comparison) -> None:
        from wsmon.tui.dialogs.compare import CompareDialog  # built when it is needed: start-up time

        what = f"the comparison of #{fmt.count(before.id)} and #{fmt.count(after.id)}"
        screen.app.push_screen(CompareDialog(found, again, lambda text: copied(screen, text, what)))

    again("JSON", show)


def _ask(screen: MonitorScreen, before: Event, after: Event, way: As, deliver: Callable[[Comparison], None]) -> None:
    """Compare in the thread of the answers: documents may be large."""

    def read(view: StoreView) -> Comparison:
        kept = {event.id: event for event in view.events_by_id((before.id, after.id))}
        return compare(kept.get(before.id, before), kept.get(after.id, after), way)

    screen.backing.answers.ask("compare", read, deliver)
