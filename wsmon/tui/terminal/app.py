"""An app that paints as fast as its terminal reads, and no faster: keys are answered over slow lines too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from rich.console import RenderableType
from textual.driver import Driver
from textual.events import CursorPosition
from textual.screen import Screen

from wsmon.ports import Clock
from wsmon.tui import output
from wsmon.tui.crash import Result
from wsmon.tui.link import QUESTION, Link
from wsmon.tui.options import AppOptions
from wsmon.tui.session_state import Remembered
from wsmon.tui.theme_shelf import ThemeShelf
from wsmon.tui.themed_app import ThemedApp

LOOK_S = 0.02
# how soon a line that was full is seen to be free
FAREWELL_S = 2.0
# how long the last answer is waited for: a shell would take it for keys


class PacedApp(ThemedApp[Result], inherit_bindings=False):
    """Holds paints back while the line is full; what changed meanwhile is painted at once, as one."""

    def __init__(self, shelf: ThemeShelf, options: AppOptions, remembered: Remembered, clock: Clock) -> None:
        super().__init__(shelf, options, remembered)
        self._clock = clock
        self._link = Link(options.is_remote)
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
        return output.frugal(super().get_driver_class())

    def on_resize(self) -> None:
        """Who knows what the terminal made of what was there."""
        output.forget(self)

    def redraw(self) -> None:
        """Paint everything anew, whatever the terminal shows."""
        output.forget(self)
        self.screen.refresh()

    def resumed(self, _: object) -> None:
        """After `fg` the terminal is empty."""
        self._link.interrupted()
        output.forget(self)
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
        if self._link.painted(self.now_s()) and output.write(self, QUESTION):
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
        now_s, waiting = self.now_s(), output.backlog(self)
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
