"""Actions that are about what is under the cursor of the timeline."""

from __future__ import annotations

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.model.timeline import TimelineProblem
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.screen import MonitorScreen


def problem(screen: MonitorScreen, *, newer: bool) -> None:
    """The cursor goes to the next cell with a problem; the log goes along where it is in sight.

    Behind the present nothing comes: the next one is then the newest there was.
    """
    pane = _pane(screen)
    newer = newer and not pane.is_at_present
    places = pane.places_beyond(newer=newer)

    def land(found: tuple[TimelineProblem, ...]) -> None:
        nearest = pane.land(found, newer=newer)
        if nearest is None:
            screen.say(f"no {'later' if newer else 'earlier'} loss, failed attempt or incident", "caution")
        elif "log" in screen.in_sight:
            screen.show_problem(nearest)

    screen.backing.answers.ask("problem", lambda view: view.problems_near(places, newer=newer), land)


def event(screen: MonitorScreen) -> Event | None:
    """The event that proves what is under the cursor; says so where the store cannot be read."""
    try:
        return _pane(screen).event
    except WsmonError as error:
        screen.say(str(error), "problem")
        return None


def _pane(screen: MonitorScreen) -> TimelinePane:
    pane = screen.slot("timeline").build()
    if not isinstance(pane, TimelinePane):
        raise TypeError(f"{pane!r} is no timeline")
    return pane
