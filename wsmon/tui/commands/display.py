"""Commands about the screen itself: panes, zoom, help, command palette, theme, character set."""

from __future__ import annotations

from datetime import UTC
from functools import partial

from wsmon.query.ast import EVERYTHING
from wsmon.tui.actions import Action
from wsmon.tui.commands import log
from wsmon.tui.layout import PaneName
from wsmon.tui.panes.bars import zone_name
from wsmon.tui.screen import Command, MonitorScreen


def back(screen: MonitorScreen) -> None:
    """Undo the last narrowing: a search in the detail, zoom, another pane below, the filter of the log."""
    if log.is_in_detail(screen) and log.end_find(screen):
        return
    layout = screen.pane_layout
    if layout.is_zoomed:
        layout.toggle_zoom()
    elif layout.current == "connections" and screen.panes.connections.filter:
        screen.panes.connections.list_only("")
    elif layout.current == "detail":
        layout.close_detail()
    elif "log" not in layout.in_sight:
        layout.show("log")
    elif screen.panes.log.ranking is not None:
        screen.panes.log.sort(None)
    elif screen.panes.log.search_query:
        screen.panes.log.set_query(EVERYTHING)
        screen.say("search cleared")
    elif "detail" in layout.in_sight:
        layout.close_detail()


def show_help(screen: MonitorScreen) -> None:
    """Show all keys."""
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.help import HelpDialog

    screen.app.push_screen(HelpDialog(screen.services.keymap.keys))


def palette(screen: MonitorScreen) -> None:
    """Let the user choose an action by its name, and run it as its key would."""
    from wsmon.tui.dialogs.help import PaletteDialog

    def close(action: Action | None) -> None:
        if action is not None:
            screen.call_later(screen.run, action)

    screen.app.push_screen(PaletteDialog(screen.services.keymap.keys), close)


def theme(screen: MonitorScreen) -> None:
    """Let the user choose a theme, one of wsmon's or of the user's own."""
    from wsmon.tui.dialogs.pickers import ThemesDialog

    if screen.services.options.has_no_color:
        screen.say("NO_COLOR is set: themes have no effect", "caution")
        return

    def close(name: str | None) -> None:
        if name is not None:
            screen.say(f"theme {name}")

    appearance = screen.services.appearance
    screen.app.push_screen(ThemesDialog(appearance.theme_names, screen.app.theme, appearance.set_theme), close)


def characters(screen: MonitorScreen) -> None:
    """Draw in ASCII alone, or in Unicode again."""
    appearance = screen.services.appearance
    appearance.set_ascii(not appearance.glyphs.is_ascii)
    screen.panes.set_glyphs(appearance.glyphs)
    screen.say("ASCII characters" if appearance.glyphs.is_ascii else "Unicode characters")


def utc(screen: MonitorScreen) -> None:
    """Show all times in UTC, or in local time again."""
    appearance = screen.services.appearance
    appearance.set_utc(not appearance.is_utc)
    screen.panes.set_zone(UTC if appearance.is_utc else None)
    screen.draw()
    screen.ask_store()
    screen.say("times are in UTC" if appearance.is_utc else f"times are in local time ({zone_name(screen.now_ns())})")


def redraw(screen: MonitorScreen) -> None:
    """Redraw the whole screen: another program wrote to the terminal."""
    screen.services.pacer.repaint()


def _show_pane(screen: MonitorScreen, name: PaneName) -> None:
    screen.pane_layout.show(name)


COMMANDS: dict[str, Command] = {
    "pane.connections": partial(_show_pane, name="connections"),
    "pane.timeline": partial(_show_pane, name="timeline"),
    "pane.statistics": partial(_show_pane, name="statistics"),
    "pane.log": partial(_show_pane, name="log"),
    "pane.detail": partial(_show_pane, name="detail"),
    "pane.next": lambda screen: screen.pane_layout.focus_next(1),
    "pane.previous": lambda screen: screen.pane_layout.focus_next(-1),
    "pane.zoom": lambda screen: screen.pane_layout.toggle_zoom(),
    "pane.back": back,
    "app.help": show_help,
    "app.palette": palette,
    "app.redraw": redraw,
    "app.theme": theme,
    "app.ascii": characters,
    "app.utc": utc,
    "app.suspend": lambda screen: screen.app.action_suspend_process(),
}
