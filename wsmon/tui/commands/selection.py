"""What commands act on: the event, the value and the place under the cursor."""

from __future__ import annotations

from wsmon.model.events import Event
from wsmon.tui.panes.detail import DetailPane, DetailValue
from wsmon.tui.screen import MonitorScreen

NO_EVENT = "there is no event under the cursor"


def log_event(screen: MonitorScreen, refusal: str = NO_EVENT) -> Event | None:
    """Return the event under the log's cursor; None, and a sentence in the footer, where there is none."""
    event = screen.panes.log.current_event
    if event is None:
        screen.say(refusal, "caution")
    return event


def focused_event(screen: MonitorScreen) -> Event | None:
    """Return the event in the detail while that has the focus, else the one under the log's cursor.

    None, and a sentence in the footer, where there is none.
    """
    shown = detail_event(screen) if screen.pane_layout.current == "detail" else None
    return shown if shown is not None else log_event(screen)


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
