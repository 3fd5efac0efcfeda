"""Pacing of output: paint as fast as the terminal reads and no faster, so that keys are answered over slow lines too.

A question goes out behind each paint, and the terminal's answer shows when it had read everything before it: buffers of
SSH and of the kernel hold seconds of a slow line, and nothing else shows how full they are. A terminal that answers no
question is judged by when the last write was taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from textual.app import App
from textual.screen import Screen

from wsmon.ports import Clock
from wsmon.tui.terminal import driver
from wsmon.tui.terminal.driver import QUESTION

# At most 10 repaints a second: more cannot be read.
LOCAL_S = 0.1
# Over SSH
REMOTE_S = 0.25
LONGEST_S = 3.0
# A paint is followed by a rest of this many times what it took: a key then mostly finds the line free.
SHARE = 4
# A paint that is not taken by then holds the next one back: what changes meanwhile is painted as one.
HELD_AFTER_S = 0.1
# A terminal that has answered nothing by then never will.
MUTE_AFTER_S = 3.0
# An answer that got lost holds nothing back for longer.
LOST_AFTER_S = 10.0
# Each paint forgets a tenth of a slow one before it: between large paints there are small ones, which are always quick.
FADING = 0.9
# How soon a line that was full is seen to be free
POLL_S = 0.02
# How long the last answer is waited for: a shell would take it for keys
LAST_ANSWER_S = 2.0


class OutputPacer:
    """Holds the paints of an app back while the line is full; what changed meanwhile is painted at once, as one."""

    def __init__(self, app: App[Any], clock: Clock, *, is_remote: bool) -> None:
        """The app need not be initialised yet. All methods belong to the UI thread, except ``interval_s``."""
        self._app = app
        self._clock = clock
        self._flow = FlowControl(is_remote)
        self._held: ExitStack | None = None
        """Set while paints are held back; closing it paints."""
        self._is_laid_out = False
        """Whether there was a layout while paints are held back."""
        self._line_is_free = asyncio.Event()
        self._line_is_free.set()
        self._is_leaving = False
        self._next_look: asyncio.TimerHandle | None = None

    def now_s(self) -> float:
        """Monotonic time."""
        return self._clock.mono_ns() / 1e9

    def interval_s(self) -> float:
        """How long to rest between two repaints; from any thread."""
        return self._flow.pace_s()

    def painted(self) -> None:
        """Ask the terminal a question behind a paint."""
        if self._app.is_headless or self._is_leaving:
            return
        if self._flow.painted(self.now_s()) and driver.write(self._app, QUESTION):
            self._look_in(self._flow.patience_s())

    def answered(self) -> None:
        """Note that the terminal has answered: it has read everything up to the question."""
        self._flow.answered(self.now_s())
        self.release()

    def repaint(self) -> None:
        """Paint everything anew, whatever the terminal shows."""
        driver.forget(self._app)
        self._app.screen.refresh()

    def resumed(self, _: object) -> None:
        """Paint everything after the app was suspended: the terminal is empty."""
        self._flow.interrupted()
        driver.forget(self._app)
        self._app.screen.refresh(layout=True)

    def leave(self, act: Callable[[], None]) -> None:
        """Exit with ``act``, once the answer under way is there; nothing is asked any more."""
        self._is_leaving = True
        self.once_answered(act)

    def once_answered(self, act: Callable[[], None]) -> None:
        """Run ``act`` once no answer is under way: a shell would take it for keys."""
        self._run_once_answered(act, self.now_s() + LAST_ANSWER_S)

    async def wait_for_layout(self) -> None:
        """Wait until the focused widget has a size: Textual lays out no new widget while paints are held back."""
        if self._app.focused is not None and not self._app.focused.size:
            await self._line_is_free.wait()

    def hold(self) -> None:
        """Hold paints back until ``release``."""
        if self._held is not None:
            return
        self._held, self._is_laid_out = ExitStack(), False
        self._line_is_free.clear()
        self._held.enter_context(self._app.batch_update())
        screen = self._app.screen
        screen.screen_layout_refresh_signal.subscribe(self._app, self._laid_out, immediate=True)
        self._held.callback(self._refresh, screen)

    def release(self) -> None:
        """Paint what was held back."""
        if self._held is not None:
            held, self._held = self._held, None
            held.close()
            self._line_is_free.set()

    def _run_once_answered(self, act: Callable[[], None], until_s: float) -> None:
        if self._flow.is_waiting and self.now_s() < until_s:
            asyncio.get_running_loop().call_later(POLL_S, self._run_once_answered, act, until_s)
        else:
            act()

    def _look_in(self, seconds: float) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        self._next_look = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Hold paints back if the line is full, else release them."""
        if not self._app.is_running:
            # It is being left, and its screens are gone, or about to go.
            return
        now_s, waiting = self.now_s(), driver.backlog(self._app)
        if not waiting:
            self._flow.taken(now_s)
        if self._flow.is_full(now_s, waiting):
            self.hold()
            self._look_in(POLL_S)
        else:
            self.release()

    def _laid_out(self, _: object) -> None:
        """Note a layout while paints are held back: Textual forgets what it would have painted."""
        self._is_laid_out = True

    def _refresh(self, before: Screen[object]) -> None:
        before.screen_layout_refresh_signal.unsubscribe(self._app)
        if self._is_laid_out or self._app.screen is not before:
            self._app.screen.refresh()


@dataclass(slots=True)
class FlowControl:
    """How fast one terminal takes what is painted. Pure: times are values, monotonic, in seconds."""

    is_remote: bool = False
    _asked_s: float | None = field(default=None, init=False)
    """When the question went out that is not answered yet; None = none is under way."""
    _quickest_s: float | None = field(default=None, init=False)
    """The quickest of all answers: the way there and back, which is no reason to paint less; None = no answer yet."""
    _taking_s: float = field(default=0.0, init=False)
    """How long the line is busy with a paint."""
    _is_mute: bool = field(default=False, init=False)
    """Whether the terminal answers no questions."""

    def painted(self, now_s: float) -> bool:
        """Note a paint; returns whether to ask a question behind it. One question is under way at a time."""
        self._look_at(now_s)
        if self._asked_s is not None:
            return False
        self._asked_s = now_s
        return True

    def answered(self, now_s: float) -> None:
        """Note that the terminal has read everything up to the question."""
        self._is_mute = False
        if self._asked_s is not None:
            took_s = now_s - self._asked_s
            self._quickest_s = took_s if self._quickest_s is None else min(took_s, self._quickest_s)
            self._took(took_s - self._quickest_s)

    def taken(self, now_s: float) -> None:
        """Note that all writes were taken, though not yet read: all that is known of a terminal that is mute."""
        self._look_at(now_s)
        if self._is_mute and self._asked_s is not None:
            # The first look was after so much patience: the write may have been taken long before.
            self._took(max(0.0, now_s - self._asked_s - self.patience_s()))

    def interrupted(self) -> None:
        """Forget the question under way: another program had the terminal, and may have got the answer."""
        self._asked_s = None
        self._taking_s = 0.0

    def is_full(self, now_s: float, waiting_writes: int) -> bool:
        """Whether to hold the next paint back."""
        self._look_at(now_s)
        if self._asked_s is None or now_s - self._asked_s < self.patience_s():
            return False
        return waiting_writes > 0 or self._quickest_s is not None

    def patience_s(self) -> float:
        """How long after a paint another one may go: on a line that is known to be slow, not at all."""
        return 0.0 if self._taking_s > HELD_AFTER_S else HELD_AFTER_S

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._asked_s is not None and not self._is_mute

    def pace_s(self) -> float:
        """How long to rest between two repaints that no key has asked for."""
        least_s = REMOTE_S if self.is_remote else LOCAL_S
        return min(max(least_s, SHARE * self._taking_s), LONGEST_S)

    def _took(self, seconds: float) -> None:
        self._asked_s = None
        self._taking_s = max(seconds, FADING * self._taking_s)

    def _look_at(self, now_s: float) -> None:
        """Give up an answer that does not come."""
        if self._asked_s is None:
            return
        if self._quickest_s is None and not self._is_mute and now_s - self._asked_s > MUTE_AFTER_S:
            self._is_mute, self._asked_s = True, None
        elif now_s - self._asked_s > LOST_AFTER_S:
            self._took(LONGEST_S)
