"""Actions that change how the screen looks: its theme, and its characters."""

from __future__ import annotations

from wsmon.tui.screen import MonitorScreen
from wsmon.tui.terminal.app import PacedApp


def theme(screen: MonitorScreen) -> None:
    """Choose a theme of wsmon's and the user's."""
    from wsmon.tui.dialogs.themes import ThemesDialog  # built when it is needed: start-up time

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
