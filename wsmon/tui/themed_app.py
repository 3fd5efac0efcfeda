"""An app in a theme, and in the characters that its terminal has; both may change while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from textual.filter import LineFilter
from textual.scrollbar import ScrollBar

from wsmon.tui.crash import QuietCrash, Result
from wsmon.tui.eight_bit import EightBitFilter
from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs
from wsmon.tui.options import AppOptions
from wsmon.tui.scroll_mark import ScrollMark
from wsmon.tui.session_state import Choice, Remembered
from wsmon.tui.terminal.filters import AsciiFilter
from wsmon.tui.theme import ANSI_THEME, DEFAULT_THEME
from wsmon.tui.theme_shelf import ThemeShelf


class ThemedApp(QuietCrash[Result], inherit_bindings=False):
    """Knows colours and characters, and nothing of what is shown."""

    def __init__(self, shelf: ThemeShelf, options: AppOptions, remembered: Remembered) -> None:
        """The theme may be one that is not there: the default is used then, and ``look_faults`` says so."""
        self._shelf = shelf
        self._look = (options, remembered)
        self._has_no_color = options.has_no_color
        self._worn_first = self._wanted = _theme(options, remembered)
        self._drawn_first = _characters(options, remembered)
        self._defaults = shelf.themes[DEFAULT_THEME].variables
        self._ascii = AsciiFilter(enabled=self._drawn_first == "ascii")
        super().__init__(ansi_color=True if self._wanted == ANSI_THEME else None)
        # Textual decides when it is built what becomes of colours: with NO_COLOR they must not become greys
        self._eight_bit = EightBitFilter(enabled=self.console.color_system == "256")
        self.animation_level = "none"
        ScrollBar.renderer = ScrollMark  # Textual's one place for it
        self._dress()

    @property
    def glyphs(self) -> Glyphs:
        """The signs that the terminal has."""
        return ASCII if self._ascii.enabled else UNICODE

    @property
    def theme_choice(self) -> Choice:
        """The theme that was chosen by hand, now or before."""
        options, remembered = self._look
        return remembered.theme if self._wanted == self._worn_first else Choice(self._wanted, options.theme)

    @property
    def characters_choice(self) -> Choice:
        """The characters that were chosen by hand, now or before."""
        options, remembered = self._look
        now = "ascii" if self._ascii.enabled else "unicode"
        return remembered.characters if now == self._drawn_first else Choice(now, _found(options))

    @property
    def theme_names(self) -> tuple[str, ...]:
        """The themes there are."""
        return tuple(self._shelf.themes)

    @property
    def look_faults(self) -> tuple[str, ...]:
        """What is wrong with themes, a sentence each."""
        if self._wanted in self._shelf.themes:
            return self._shelf.faults
        there = ", ".join(self._shelf.themes)
        return (*self._shelf.faults, f"there is no theme {self._wanted}; {self.theme} is used. There are {there}")

    def wear(self, theme: str) -> None:
        """Put a theme on, one of those that are there."""
        self._wanted = theme
        self.themes_changed()

    def themes_changed(self) -> None:
        """The shelf has read other versions: show them."""
        if not self._has_no_color:
            self.ansi_color = None  # from now on the theme says it
        self._dress()
        self.mutate_reactive(ThemedApp.theme)

    def set_ascii(self, is_ascii: bool) -> None:
        """Draw in ASCII from now on, or in Unicode."""
        self._ascii.enabled = is_ascii
        self.refresh_css(animate=False)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and ours last: what reaches the terminal has gone through it."""
        ours = (self._ascii, self._eight_bit)
        return (*super().get_line_filters(), *(each for each in ours if each.enabled))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What themes that are not ours lack."""
        return dict(self._defaults)

    def _dress(self) -> None:
        themes = self._shelf.themes
        for theme in themes.values():
            self.register_theme(theme)
        self.theme = self._wanted if self._wanted in themes else DEFAULT_THEME


def _theme(options: AppOptions, remembered: Remembered) -> str:
    if options.has_no_color:
        return ANSI_THEME
    return options.theme if options.is_theme_asked else remembered.theme.over(options.theme)


def _characters(options: AppOptions, remembered: Remembered) -> str:
    return "ascii" if options.is_ascii_asked else remembered.characters.over(_found(options))


def _found(options: AppOptions) -> str:
    return "ascii" if options.is_ascii else "unicode"
