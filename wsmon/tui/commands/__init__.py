"""What the actions of scope ``app`` do, each a function of the screen; which keys they are on is in ``actions.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from wsmon.query.ast import EVERYTHING, Query
from wsmon.tui import commands_find as find
from wsmon.tui import commands_look as look
from wsmon.tui import commands_timeline as timeline
from wsmon.tui.actions import Action
from wsmon.tui.arrangement import PaneName
from wsmon.tui.commands import export as hand
from wsmon.tui.commands import navigation as jump
from wsmon.tui.commands import notes, recorder
from wsmon.tui.commands_compare import compare_events
from wsmon.tui.line_columns import without_room
from wsmon.tui.panes.log_search import PROBLEMS
from wsmon.tui.screen import MonitorScreen

Command = Callable[[MonitorScreen], None]


def search(screen: MonitorScreen) -> None:
    """Open the search line; the detail has one of its own."""
    if find.is_in_detail(screen):
        find.find(screen)
        return
    from wsmon.tui.dialogs.search import SearchDialog  # built when it is needed: start-up time

    def close(query: Query | None) -> None:
        if query is not None:
            screen.notebook.remember(query.text)
            screen.search_for(query)

    jump.bring_log(screen)
    text, searches = screen.log_pane.search.text, screen.notebook.searches
    screen.app.push_screen(SearchDialog(text, screen.search_for, screen.now_ns, searches, screen.log_pane.halt), close)


def problem(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another problem, in the log or on the timeline."""
    if screen.current == "timeline":
        timeline.problem(screen, newer=newer)
        return
    jump.bring_log(screen)
    screen.log_pane.jump(PROBLEMS, newer=newer)


def evidence(screen: MonitorScreen) -> None:
    """From an incident to what proves it."""
    event = timeline.event(screen) if screen.current == "timeline" else screen.log_pane.current_event
    if not {"log", "detail"} & set(screen.in_sight):
        screen.ask("log")
    screen.go_to_evidence(event)


def match(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another match: in the detail, where that is searched, else in the log."""
    if find.is_in_detail(screen) and find.step(screen, newer=newer):
        return
    jump.bring_log(screen)
    screen.log_pane.jump_to_match(newer=newer)


def context(screen: MonitorScreen) -> None:
    """Matches alone, or highlighted among all events."""
    jump.bring_log(screen)
    screen.log_pane.toggle_context()


def follow(screen: MonitorScreen) -> None:
    """Show what comes."""
    jump.bring_log(screen)
    screen.log_pane.follow()


def pause(screen: MonitorScreen) -> None:
    """Hold the log, or let it go on."""
    jump.bring_log(screen)
    if screen.log_pane.is_following:
        screen.log_pane.pause()
    else:
        screen.log_pane.follow()


def heartbeats(screen: MonitorScreen) -> None:
    """Hide or show them."""
    jump.bring_log(screen)
    screen.log_pane.set_hide_heartbeats(not screen.log_pane.hides_heartbeats)


def times(screen: MonitorScreen) -> None:
    """Another way to write times."""
    jump.bring_log(screen)
    screen.log_pane.next_time_mode()


def columns(screen: MonitorScreen) -> None:
    """Choose what lines of the log show."""
    from wsmon.tui.dialogs.pickers import ColumnChoice, ColumnsDialog

    def close(choice: ColumnChoice | None) -> None:
        if choice is None:
            return
        screen.log_pane.set_columns(choice.columns)
        if missing := without_room(screen.log_pane.page.width, choice.columns or ()):
            screen.say(f"there is no room for {', '.join(missing)} here: a wider log shows more", "caution")

    jump.bring_log(screen)
    screen.app.push_screen(ColumnsDialog(screen.log_pane.columns, screen.log_pane.page.width), close)


def back(screen: MonitorScreen) -> None:
    """Undo the last narrowing: zoom, another pane below, filter."""
    if find.is_in_detail(screen) and find.end(screen):
        return
    if screen.is_zoomed:
        screen.toggle_zoom()
    elif "log" not in screen.in_sight or screen.current == "detail":
        screen.ask("log")
    elif screen.log_pane.search:
        screen.search_for(EVERYTHING)
        screen.say("the log shows everything")


def show_help(screen: MonitorScreen) -> None:
    """All keys."""
    from wsmon.tui.dialogs.help import HelpDialog

    screen.app.push_screen(HelpDialog(screen.backing.keymap.keys))


def palette(screen: MonitorScreen) -> None:
    """All actions by name."""
    from wsmon.tui.dialogs.palette import PaletteDialog

    screen.app.push_screen(PaletteDialog(screen.backing.keymap.keys), partial(_run_chosen, screen))


def _pane(name: PaneName) -> Command:
    return lambda screen: screen.ask(name)


def _run_chosen(screen: MonitorScreen, action: Action | None) -> None:
    """Run what was chosen in the palette, as if its key had been pressed."""
    if action is None:
        return
    if action.scope == "app":
        COMMANDS[action.id](screen)
    elif screen.focused is not None:
        screen.call_later(screen.app.run_action, action.call, screen.focused)


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "log.search": search,
        "log.problem_next": partial(problem, newer=True),
        "log.problem_previous": partial(problem, newer=False),
        "log.evidence": evidence,
        "log.next": partial(match, newer=True),
        "log.previous": partial(match, newer=False),
        "log.context": context,
        "log.views": notes.views,
        "log.mark": notes.mark,
        "log.note": notes.note,
        "log.mark_next": partial(notes.bookmark, newer=True),
        "log.mark_previous": partial(notes.bookmark, newer=False),
        "log.compare": compare_events,
        "log.trace_next": partial(jump.trace, newer=True),
        "log.trace_previous": partial(jump.trace, newer=False),
        "log.session_next": partial(jump.session, newer=True),
        "log.session_previous": partial(jump.session, newer=False),
        "session.handshake": jump.handshake,
        "session.spans": jump.spans,
        "log.go_to": jump.go_to,
        "log.follow": follow,
        "log.pause": pause,
        "log.heartbeats": heartbeats,
        "log.times": times,
        "log.columns": columns,
        "pane.connections": _pane("connections"),
        "pane.timeline": _pane("timeline"),
        "pane.statistics": _pane("statistics"),
        "pane.log": _pane("log"),
        "pane.detail": _pane("detail"),
        "pane.next": lambda screen: screen.step(1),
        "pane.previous": lambda screen: screen.step(-1),
        "pane.zoom": lambda screen: screen.toggle_zoom(),
        "pane.back": back,
        "connection.reconnect": recorder.reconnect,
        "connection.disable": recorder.disable,
        "copy.value": hand.copy_value,
        "copy.event": hand.copy_event,
        "copy.file": hand.copy_to_file,
        "export.open": hand.export,
        "export.repeat": hand.export_again,
        "app.detach": recorder.detach,
        "app.help": show_help,
        "app.palette": palette,
        "app.reload": recorder.reload,
        "app.redraw": look.redraw,
        "app.theme": look.theme,
        "app.ascii": look.characters,
        "app.suspend": lambda screen: screen.app.action_suspend_process(),
        "app.quit": recorder.leave,
    }
)
