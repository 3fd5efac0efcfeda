"""What the actions of scope ``app`` do, each a function of the screen; which keys they are on is in ``actions.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from wsmon.query.ast import EVERYTHING, Query
from wsmon.tui.actions import Action
from wsmon.tui.commands import export, navigation, notes, recorder
from wsmon.tui.commands.notes import compare_events
from wsmon.tui.layout import PaneName
from wsmon.tui.panes.log_filter import PROBLEMS
from wsmon.tui.panes.log_line import without_room
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.terminal.app import PacedApp

# Actions that change how the screen looks: its theme, and its characters.


def theme(screen: MonitorScreen) -> None:
    """Choose a theme of wsmon's and the user's."""
    from wsmon.tui.dialogs.pickers import ThemesDialog  # built when it is needed: start-up time

    app = _app(screen)
    if screen.backing.options.has_no_color:
        screen.say("NO_COLOR is set: themes have no colours to show", "caution")
        return

    def close(name: str | None) -> None:
        if name is not None:
            screen.say(f"theme {name}")

    app.push_screen(ThemesDialog(app.theme_names, app.theme, app.wear), close)


def characters(screen: MonitorScreen) -> None:
    """Draw in ASCII alone, or in Unicode again."""
    app = _app(screen)
    app.set_ascii(not app.glyphs.is_ascii)
    screen.use_glyphs(app.glyphs)
    screen.say("drawn in ASCII" if app.glyphs.is_ascii else "drawn in Unicode")


def redraw(screen: MonitorScreen) -> None:
    """Paint everything anew: something else wrote to the terminal."""
    _app(screen).redraw()


def _app(screen: MonitorScreen) -> PacedApp[object]:
    app = screen.app
    assert isinstance(app, PacedApp)
    return app


Command = Callable[[MonitorScreen], None]


def search(screen: MonitorScreen) -> None:
    """Open the search line; the detail has one of its own."""
    if navigation.is_in_detail(screen):
        navigation.find(screen)
        return
    from wsmon.tui.dialogs.search import SearchDialog  # built when it is needed: start-up time

    def close(query: Query | None) -> None:
        if query is not None:
            screen.notebook.remember(query.text)
            screen.search_for(query)

    navigation.bring_log(screen)
    text, searches = screen.log_pane.search.text, screen.notebook.searches
    screen.app.push_screen(SearchDialog(text, screen.search_for, screen.now_ns, searches, screen.log_pane.halt), close)


def problem(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another problem, in the log or on the timeline."""
    if screen.current == "timeline":
        navigation.problem(screen, newer=newer)
        return
    navigation.bring_log(screen)
    screen.log_pane.jump(PROBLEMS, newer=newer)


def evidence(screen: MonitorScreen) -> None:
    """From an incident to what proves it."""
    event = navigation.event(screen) if screen.current == "timeline" else screen.log_pane.current_event
    if not {"log", "detail"} & set(screen.in_sight):
        screen.ask("log")
    screen.go_to_evidence(event)


def match(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another match: in the detail, where that is searched, else in the log."""
    if navigation.is_in_detail(screen) and navigation.step(screen, newer=newer):
        return
    navigation.bring_log(screen)
    screen.log_pane.jump_to_match(newer=newer)


def context(screen: MonitorScreen) -> None:
    """Matches alone, or highlighted among all events."""
    navigation.bring_log(screen)
    screen.log_pane.toggle_context()


def follow(screen: MonitorScreen) -> None:
    """Show what comes."""
    navigation.bring_log(screen)
    screen.log_pane.follow()


def pause(screen: MonitorScreen) -> None:
    """Hold the log, or let it go on."""
    navigation.bring_log(screen)
    if screen.log_pane.is_following:
        screen.log_pane.pause()
    else:
        screen.log_pane.follow()


def heartbeats(screen: MonitorScreen) -> None:
    """Hide or show them."""
    navigation.bring_log(screen)
    screen.log_pane.set_hide_heartbeats(not screen.log_pane.hides_heartbeats)


def times(screen: MonitorScreen) -> None:
    """Another way to write times."""
    navigation.bring_log(screen)
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

    navigation.bring_log(screen)
    screen.app.push_screen(ColumnsDialog(screen.log_pane.columns, screen.log_pane.page.width), close)


def back(screen: MonitorScreen) -> None:
    """Undo the last narrowing: zoom, another pane below, filter."""
    if navigation.is_in_detail(screen) and navigation.end(screen):
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
    from wsmon.tui.dialogs.help import PaletteDialog

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
        "log.trace_next": partial(navigation.trace, newer=True),
        "log.trace_previous": partial(navigation.trace, newer=False),
        "log.session_next": partial(navigation.session, newer=True),
        "log.session_previous": partial(navigation.session, newer=False),
        "session.handshake": navigation.handshake,
        "session.spans": navigation.spans,
        "log.go_to": navigation.go_to,
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
        "copy.value": export.copy_value,
        "copy.event": export.copy_event,
        "copy.file": export.copy_to_file,
        "export.open": export.export,
        "export.repeat": export.export_again,
        "app.detach": recorder.detach,
        "app.help": show_help,
        "app.palette": palette,
        "app.reload": recorder.reload,
        "app.redraw": redraw,
        "app.theme": theme,
        "app.ascii": characters,
        "app.suspend": lambda screen: screen.app.action_suspend_process(),
        "app.quit": recorder.leave,
    }
)
