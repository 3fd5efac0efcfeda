"""Commands of the log: search, follow and pause, heartbeats, time mode, columns; and the search in the detail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from wsmon.query.ast import Query
from wsmon.tui.commands.export import copy_newest
from wsmon.tui.panes.log_line import TIME_MODES, without_room
from wsmon.tui.screen import Command, MonitorScreen


def search(screen: MonitorScreen) -> None:
    """Open the search line of the log; while the detail has the focus, its own."""
    if is_in_detail(screen):
        _find(screen)
        return
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.search import SearchDialog

    notebook, log = screen.services.notebook, screen.panes.log

    def close(query: Query | None) -> None:
        if query is not None:
            _keep(screen, query)

    screen.pane_layout.bring("log")
    copy = partial(copy_newest, screen)
    dialog = SearchDialog(log.search_query.text, log.set_query, screen.now_ns, notebook.searches, log.halt, copy)
    screen.app.push_screen(dialog, close)


def is_in_detail(screen: MonitorScreen) -> bool:
    """Whether the detail has the focus, and shows an event."""
    return screen.pane_layout.current == "detail" and screen.panes.detail.event is not None


def find_next(screen: MonitorScreen, *, newer: bool) -> bool:
    """Go to another match of the search in the detail; returns whether there is such a search."""
    pane = screen.panes.detail
    if pane.needle:
        pane.go_to_match(newer=newer)
    return bool(pane.needle)


def end_find(screen: MonitorScreen) -> bool:
    """End the search in the detail; returns whether there was one."""
    pane = screen.panes.detail
    had_needle = bool(pane.needle)
    pane.search("")
    return had_needle


def _find(screen: MonitorScreen) -> None:
    """Ask for a text, and go to where it stands next in the detail, or copy the newest event that has it."""
    from wsmon.tui.dialogs.find import FindDialog

    pane = screen.panes.detail

    def close(text: str | None) -> None:
        if text is not None:
            pane.search(text)

    def search_log(query: Query) -> None:
        _keep(screen, query)
        copy_newest(screen, query)

    screen.app.push_screen(FindDialog(pane.needle, screen.now_ns, search_log), close)


def _keep(screen: MonitorScreen, query: Query) -> None:
    """Remember a search, and let the log show what matches it."""
    screen.services.notebook.remember(query.text)
    screen.panes.log.set_query(query)
    if query:
        screen.pane_layout.show("log")


def context(screen: MonitorScreen) -> None:
    """Show matches alone, or highlighted among all events."""
    screen.pane_layout.bring("log")
    screen.panes.log.toggle_context()


def follow(screen: MonitorScreen) -> None:
    """Show new events as they come."""
    screen.pane_layout.bring("log")
    screen.panes.log.follow()


def pause(screen: MonitorScreen) -> None:
    """Hold the log, or let it follow again."""
    screen.pane_layout.bring("log")
    if screen.panes.log.is_following:
        screen.panes.log.pause()
    else:
        screen.panes.log.follow()


def heartbeats(screen: MonitorScreen) -> None:
    """Hide or show heartbeats."""
    screen.pane_layout.bring("log")
    scope = screen.panes.log.state.wanted_scope
    screen.panes.log.set_scope(replace(scope, hides_heartbeats=not scope.hides_heartbeats))


def times(screen: MonitorScreen) -> None:
    """Change to the next way of writing times."""
    screen.pane_layout.bring("log")
    style = screen.panes.log.lines.style
    mode = TIME_MODES[(TIME_MODES.index(style.time_mode) + 1) % len(TIME_MODES)]
    screen.panes.log.restyle(replace(style, time_mode=mode))


def columns(screen: MonitorScreen) -> None:
    """Let the user choose the columns of the log."""
    from wsmon.tui.dialogs.pickers import ColumnChoice, ColumnsDialog

    log = screen.panes.log

    def close(choice: ColumnChoice | None) -> None:
        if choice is None:
            return
        log.restyle(replace(log.lines.style, chosen=choice.columns))
        if missing := without_room(log.page.width, choice.columns or ()):
            screen.say(f"not enough width for {', '.join(missing)}", "caution")

    screen.pane_layout.bring("log")
    screen.app.push_screen(ColumnsDialog(log.lines.style.chosen, log.page.width), close)


COMMANDS: dict[str, Command] = {
    "log.search": search,
    "log.context": context,
    "log.follow": follow,
    "log.pause": pause,
    "log.heartbeats": heartbeats,
    "log.times": times,
    "log.columns": columns,
}
