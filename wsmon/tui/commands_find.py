"""Actions that find a text inside the detail of an event, while that has the keys."""

from __future__ import annotations

from wsmon.tui.palette import Span
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.screen import MonitorScreen

NEEDLE_LIMIT = 200
# characters
HELP: tuple[Span, ...] = (
    ("n ", "key-name"),
    ("and ", "dim"),
    ("N ", "key-name"),
    ("go on; case does not count", "dim"),
)


def is_in_detail(screen: MonitorScreen) -> bool:
    """Whether the detail has the keys, and shows an event."""
    pane = screen.slot("detail").pane
    return screen.current == "detail" and isinstance(pane, DetailPane) and pane.event is not None


def find(screen: MonitorScreen) -> None:
    """Ask for a text, and go to where it stands next."""
    from wsmon.tui.dialogs.prompt import PromptDialog  # built when it is needed: start-up time

    def close(text: str | None) -> None:
        if text is not None:
            _pane(screen).search(text)

    screen.app.push_screen(PromptDialog("Find in the detail", _pane(screen).needle, HELP, _fault), close)


def step(screen: MonitorScreen, *, newer: bool) -> bool:
    """Go to another place of what is searched for; whether anything is."""
    pane = _pane(screen)
    if pane.needle:
        pane.go_to_match(newer=newer)
    return bool(pane.needle)


def end(screen: MonitorScreen) -> bool:
    """End the search; whether there was one."""
    pane = _pane(screen)
    had = bool(pane.needle)
    pane.search("")
    return had


def _pane(screen: MonitorScreen) -> DetailPane:
    pane = screen.slot("detail").build()
    assert isinstance(pane, DetailPane)
    return pane


def _fault(text: str) -> str:
    return f"at most {NEEDLE_LIMIT} characters" if len(text) > NEEDLE_LIMIT else ""
