"""Theme, character set and time zone of the running app; all can be changed while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from textual.app import App
from textual.filter import LineFilter
from textual.scrollbar import ScrollBar

from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs
from wsmon.tui.options import AppOptions
from wsmon.tui.session_state import Preference, SessionState
from wsmon.tui.terminal.filters import AsciiFilter, EightBitFilter, ScrollMark
from wsmon.tui.theme import ANSI_THEME, DEFAULT_THEME, ThemeLibrary
from wsmon.tui.times import forget_zone


class ThemeController:
    """Applies theme, character set and time zone to an app.

    It turns the app's output into ASCII where the terminal has no Unicode.
    """

    def __init__(self, app: App[Any], library: ThemeLibrary, options: AppOptions, state: SessionState) -> None:
        """Choose theme and characters from the options and from how the screen was left.

        The app need not be initialised yet; ``start`` applies them. A theme that does not exist is replaced by the
        default one, and is among the ``faults``.
        """
        self._app = app
        self._library = library
        self._options = options
        self._state = state
        self._wanted = self._wanted_first = _theme_name(options, state)
        self._characters_first = _characters(options, state)
        self._ascii = AsciiFilter(enabled=self._characters_first == "ascii")
        self._eight_bit: EightBitFilter | None = None
        self._zone_first = os.environ.get("TZ")
        self.is_utc = False
        """Whether times are shown, and read, in UTC instead of local time."""
        self.variable_defaults: Mapping[str, str] = library.themes[DEFAULT_THEME].variables
        """Values of theme variables that Textual's own themes lack."""

    @property
    def ansi_color(self) -> bool | None:
        """What Textual's app is to be initialised with: with NO_COLOR, colours must not become shades of grey."""
        return True if self._wanted == ANSI_THEME else None

    def start(self) -> None:
        """Apply theme and characters to the app, which is initialised now."""
        self._eight_bit = EightBitFilter(enabled=self._app.console.color_system == "256")
        # The one place in Textual where the look of scroll bars can be set.
        ScrollBar.renderer = ScrollMark
        self._apply()

    @property
    def line_filters(self) -> tuple[LineFilter, ...]:
        """Filters for all that is painted, in their order."""
        filters = (self._ascii, self._eight_bit)
        return tuple(each for each in filters if each is not None and each.enabled)

    @property
    def glyphs(self) -> Glyphs:
        """The signs that the terminal has."""
        return ASCII if self._ascii.enabled else UNICODE

    @property
    def theme_choice(self) -> Preference:
        """The theme that the user chose on the screen, now or in an earlier session."""
        if self._wanted == self._wanted_first:
            return self._state.theme
        return Preference(self._wanted, self._options.theme)

    @property
    def characters_choice(self) -> Preference:
        """The characters that the user chose on the screen, now or in an earlier session."""
        now = "ascii" if self._ascii.enabled else "unicode"
        if now == self._characters_first:
            return self._state.characters
        return Preference(now, _terminal_characters(self._options))

    @property
    def theme_names(self) -> tuple[str, ...]:
        """The themes there are."""
        return tuple(self._library.themes)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with themes, a sentence each."""
        if self._wanted in self._library.themes:
            return self._library.faults
        names = ", ".join(self._library.themes)
        missing = f"unknown theme {self._wanted}: using {self._app.theme}. Available: {names}"
        return (*self._library.faults, missing)

    def set_theme(self, name: str) -> None:
        """Change to one of the themes there are."""
        self._wanted = name
        self.themes_changed()

    def set_ascii(self, is_ascii: bool) -> None:
        """Draw in ASCII from now on, or in Unicode."""
        self._ascii.enabled = is_ascii
        self._app.refresh_css(animate=False)

    def set_utc(self, is_utc: bool) -> None:
        """Show and read all times in UTC from now on, or in local time.

        It changes the local time of the process: every text of the screen and every time that the user types follows.
        """
        self.is_utc = is_utc
        if is_utc:
            os.environ["TZ"] = "UTC"
        elif self._zone_first is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = self._zone_first
        time.tzset()
        forget_zone()

    def reload(self) -> bool:
        """Read theme files that changed; returns whether there were some. May wait for the disk."""
        return self._library.look()

    def themes_changed(self) -> None:
        """Apply the theme again, as it was read last."""
        if not self._options.has_no_color:
            # From now on the theme decides.
            self._app.ansi_color = None
        self._apply()
        self._app.mutate_reactive(App.theme)

    def _apply(self) -> None:
        themes = self._library.themes
        for theme in themes.values():
            self._app.register_theme(theme)
        self._app.theme = self._wanted if self._wanted in themes else DEFAULT_THEME


def _theme_name(options: AppOptions, state: SessionState) -> str:
    if options.has_no_color:
        return ANSI_THEME
    return options.theme if options.is_theme_asked else state.theme.over(options.theme)


def _characters(options: AppOptions, state: SessionState) -> str:
    return "ascii" if options.is_ascii_asked else state.characters.over(_terminal_characters(options))


def _terminal_characters(options: AppOptions) -> str:
    return "ascii" if options.is_ascii else "unicode"
