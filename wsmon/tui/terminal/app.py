"""An app that paints as fast as its terminal reads, and no faster: keys are answered over slow lines too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from rich.console import RenderableType
from rich.segment import Segments
from rich.traceback import Traceback
from textual.app import App
from textual.driver import Driver
from textual.events import CursorPosition
from textual.filter import LineFilter
from textual.screen import Screen
from textual.scrollbar import ScrollBar

from wsmon.ports import Clock
from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs
from wsmon.tui.options import AppOptions
from wsmon.tui.session_state import Preference, SessionState
from wsmon.tui.terminal import driver
from wsmon.tui.terminal.driver import QUESTION, FlowControl
from wsmon.tui.terminal.filters import AsciiFilter, EightBitFilter, ScrollMark
from wsmon.tui.theme import ANSI_THEME, DEFAULT_THEME, ThemeLibrary

# The last words of a screen that fails: where it failed, and no values, for a value may be a secret.
#
# Textual's own traceback prints local variables. There is no public switch; a contract test holds the override.

Result = TypeVar("Result")


class QuietCrash(App[Result]):
    """An app whose traceback shows no local variables."""

    def _fatal_error(self) -> None:
        self.bell()
        traceback = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()


# An app in a theme, and in the characters that its terminal has; both may change while it runs.


class ThemedApp(QuietCrash[Result], inherit_bindings=False):
    """Knows colours and characters, and nothing of what is shown."""

    def __init__(self, shelf: ThemeLibrary, options: AppOptions, remembered: SessionState) -> None:
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
    def theme_choice(self) -> Preference:
        """The theme that was chosen by hand, now or before."""
        options, remembered = self._look
        return remembered.theme if self._wanted == self._worn_first else Preference(self._wanted, options.theme)

    @property
    def characters_choice(self) -> Preference:
        """The characters that were chosen by hand, now or before."""
        options, remembered = self._look
        now = "ascii" if self._ascii.enabled else "unicode"
        return remembered.characters if now == self._drawn_first else Preference(now, _found(options))

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


def _theme(options: AppOptions, remembered: SessionState) -> str:
    if options.has_no_color:
        return ANSI_THEME
    return options.theme if options.is_theme_asked else remembered.theme.over(options.theme)


def _characters(options: AppOptions, remembered: SessionState) -> str:
    return "ascii" if options.is_ascii_asked else remembered.characters.over(_found(options))


def _found(options: AppOptions) -> str:
    return "ascii" if options.is_ascii else "unicode"


# How soon a line that was full is seen to be free
LOOK_S = 0.02
# How long the last answer is waited for: a shell would take it for keys
FAREWELL_S = 2.0


class PacedApp(ThemedApp[Result], inherit_bindings=False):
    """Holds paints back while the line is full; what changed meanwhile is painted at once, as one."""

    def __init__(self, shelf: ThemeLibrary, options: AppOptions, remembered: SessionState, clock: Clock) -> None:
        super().__init__(shelf, options, remembered)
        self._clock = clock
        self._link = FlowControl(options.is_remote)
        self._held: ExitStack | None = None
        # while paints are held back
        self._is_laid_out = False
        # meanwhile
        self._line_is_free = asyncio.Event()
        self._line_is_free.set()
        self._is_leaving = False
        self._next_look: asyncio.TimerHandle | None = None

    def get_driver_class(self) -> type[Driver]:
        """Textual's for this system, with fewer bytes."""
        return driver.buffered(super().get_driver_class())

    def on_resize(self) -> None:
        """Who knows what the terminal made of what was there."""
        driver.forget(self)

    def redraw(self) -> None:
        """Paint everything anew, whatever the terminal shows."""
        driver.forget(self)
        self.screen.refresh()

    def resumed(self, _: object) -> None:
        """After `fg` the terminal is empty."""
        self._link.interrupted()
        driver.forget(self)
        self.screen.refresh(layout=True)

    def now_s(self) -> float:
        """Monotonic time."""
        return self._clock.mono_ns() / 1e9

    def pace_s(self) -> float:
        """How long to rest between two repaints; from any thread."""
        return self._link.pace_s()

    def post_display_hook(self) -> None:
        """Textual has painted: ask behind it."""
        if self.is_headless or self._is_leaving:
            return
        if self._link.painted(self.now_s()) and driver.write(self, QUESTION):
            self._look_in(self._link.patience_s())

    def on_cursor_position(self, event: CursorPosition) -> None:
        """The terminal answers."""
        event.stop()
        self._link.answered(self.now_s())
        self._let_go()

    def exit(self, result: Result | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leave, once the answer that is under way is there: a shell would take it for keys."""
        self._is_leaving = True
        self._once_quiet(partial(super().exit, result, return_code, message), self.now_s() + FAREWELL_S)

    def action_suspend_process(self) -> None:
        """Back to the shell, as above."""
        self._once_quiet(super().action_suspend_process, self.now_s() + FAREWELL_S)

    async def laid_out(self) -> None:
        """Wait until what keys act on has a size: while paints are held Textual lays out no new pane."""
        if self.focused is not None and not self.focused.size:
            await self._line_is_free.wait()

    def _once_quiet(self, act: Callable[[], None], until_s: float) -> None:
        if self._link.is_waiting and self.now_s() < until_s:
            asyncio.get_running_loop().call_later(LOOK_S, self._once_quiet, act, until_s)
        else:
            act()

    def _look_in(self, seconds: float) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        self._next_look = asyncio.get_running_loop().call_later(seconds, self._see)

    def _see(self) -> None:
        """See whether the line is free."""
        now_s, waiting = self.now_s(), driver.backlog(self)
        if not waiting:
            self._link.taken(now_s)
        if self._link.is_full(now_s, waiting):
            self._hold()
            self._look_in(LOOK_S)
        else:
            self._let_go()

    def _hold(self) -> None:
        if self._held is not None:
            return
        self._held, self._is_laid_out = ExitStack(), False
        self._line_is_free.clear()
        self._held.enter_context(self.batch_update())
        screen = self.screen
        screen.screen_layout_refresh_signal.subscribe(self, self._laid_out, immediate=True)
        self._held.callback(self._repaint, screen)

    def _laid_out(self, _: object) -> None:
        """A layout while paints are held: Textual forgets what it would have painted."""
        self._is_laid_out = True

    def _repaint(self, before: Screen[object]) -> None:
        before.screen_layout_refresh_signal.unsubscribe(self)
        if self._is_laid_out or self.screen is not before:
            self.screen.refresh()

    def _let_go(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            held.close()
            self._line_is_free.set()
            self.screen.check_idle()  # it paints what became dirty
