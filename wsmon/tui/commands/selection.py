"""What commands act on (``wsmon.tui.subject``), read from the screen."""

from __future__ import annotations

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.model.snapshot import ConnectionRow
from wsmon.tui.panes.detail import DetailPane, DetailValue
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.subject import Subject

NO_EVENT = "no event under the cursor"


def subject_of(screen: MonitorScreen) -> Subject:
    """Return what commands act on."""
    pane = screen.pane_layout.current
    match pane:
        case "connections" | "statistics":
            state = screen.panes.connections.current
            name = state.name if state is not None else ""
            return Subject(pane, name, _row(screen, name))
        case "timeline":
            return _of_timeline(screen)
        case "detail" if (event := detail_event(screen)) is not None:
            return _of_event(screen, event)
        case _:
            event = screen.panes.log.current_event
            return _of_event(screen, event) if event is not None else Subject(pane)


def event_of(screen: MonitorScreen) -> Event | None:
    """Return the event of the subject, else the one under the log's cursor.

    None, and a sentence in the footer, where there is none.
    """
    subject = subject_of(screen)
    return subject.event if subject.event is not None else log_event(screen)


def log_event(screen: MonitorScreen) -> Event | None:
    """Return the event under the log's cursor; None, and a sentence in the footer, where there is none."""
    event = screen.panes.log.current_event
    if event is None:
        screen.say(NO_EVENT, "caution")
    return event


def detail_event(screen: MonitorScreen) -> Event | None:
    """Return the event in the detail; None where the detail is empty or out of sight."""
    pane = screen.pane_in_sight(DetailPane)
    return pane.event if pane is not None else None


def detail_value(screen: MonitorScreen) -> DetailValue | None:
    """Return the JSON value under the cursor of the detail; None unless the detail has the focus."""
    pane = screen.panes.find(DetailPane)
    return pane.value if pane is not None and screen.pane_layout.current == "detail" else None


def place_id(screen: MonitorScreen) -> int:
    """Return the id of the event under the log's cursor, or of a pruned event whose copy is in the detail."""
    shown = detail_event(screen)
    if shown is not None and shown.id < screen.snapshot.bounds.oldest_id:
        return shown.id
    return screen.panes.log.current_id


def _of_event(screen: MonitorScreen, event: Event) -> Subject:
    name = event.source.connection
    pane = screen.pane_layout.current
    return Subject(pane, name, _row(screen, name), event, detail_value(screen), event.ts_ns)


def _of_timeline(screen: MonitorScreen) -> Subject:
    timeline = screen.panes.timeline
    place = timeline.place
    if place is None:
        return Subject("timeline")
    try:
        event = timeline.event
    except WsmonError as error:
        screen.say(str(error), "problem")
        return Subject("timeline", place.connection, _row(screen, place.connection), at_ns=place.at_ns, is_trouble=True)
    name = place.connection or (event.source.connection if event is not None else "")
    return Subject("timeline", name, _row(screen, name), event, at_ns=place.at_ns)


def _row(screen: MonitorScreen, name: str) -> ConnectionRow | None:
    return next((row for row in screen.snapshot.connections if row.state.name == name), None)
