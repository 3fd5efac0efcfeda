"""The application: threads, signals, themes, and the way out. What it shows is ``watching.py``."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePath
from typing import ClassVar

from rich.console import RenderableType
from textual import on
from textual.events import Event, Key, Paste
from textual.screen import Screen

from wsmon.errors import WsmonError
from wsmon.ports import Clock, Notes, RecorderControl, StoreView
from wsmon.tui.actions import merge_keymap
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.dialogs import preload
from wsmon.tui.key_queue import KeyQueue
from wsmon.tui.options import AppOptions, Exporter, Listen, Outcome
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.screen import MonitorScreen, remember
from wsmon.tui.services import ScreenServices
from wsmon.tui.session_state import Memory, Saver, SessionState
from wsmon.tui.store_threads import SnapshotPoller, StoreWorker
from wsmon.tui.terminal.app import PacedApp
from wsmon.tui.theme import ThemeLibrary

# A store that gives no snapshot for so long, and does not say why, holds back no key.
TICK_S = 1.0
# A pane that the store does not answer for so long takes keys as it is, empty.
FIRST_SNAPSHOT_S = 2.0
FIRST_ANSWER_S = 1.0
# How often the configuration on disk is compared with the recorder's
CHANGES_S = 2.0
STYLES = Path(__file__).parent / "styles"
# Unhandled they leave the terminal in the alternate screen; both are a detach
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class WsmonApp(PacedApp[Outcome], inherit_bindings=False):
    """``run()`` returns how it was left; see ``Outcome``. After a crash ``return_code`` is 1."""

    TITLE = "wsmon"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        STYLES / name for name in ("app.tcss", "dialogs.tcss", "log.tcss", "detail.tcss", "timeline.tcss")
    ]

    def __init__(
        self,
        views: Callable[[], StoreView],
        control: RecorderControl | None,
        options: AppOptions,
        *,
        clock: Clock,
        exporter: Exporter,
        notes: Notes,
        listen: Listen | None = None,
        changes: Callable[[], str] | None = None,
    ) -> None:
        """``views`` opens a view of the store for the thread that calls it.

        ``listen`` keeps ``control`` connected while the screen is there. ``changes`` says in a sentence what differs
        between the configuration on disk and the recorder's (empty = nothing); it is called in a thread.
        """
        shelf, memory = ThemeLibrary(options.user_themes), Memory(options.memory)
        remembered, forgotten = memory.read()
        super().__init__(shelf, options, remembered, clock)
        self._keeper = Saver(memory, remembered)
        self._left = remembered
        self._next_tick_s = 0.0
        self._shelf_changes = shelf.look
        keymap = merge_keymap(options.keys, options.keys_file, options.key_lines)
        self.set_keymap(keymap.changed)
        self._listen = listen
        self._changes = changes
        self._monitor = SnapshotPoller(views, clock, self._snapshot_is_ready, self.pace_s)
        self._answers = StoreWorker(views, self.call_later, self._answer_failed)
        self._searches = StoreWorker(views, self.call_later, self._answer_failed)
        self._notebook = Notebook(notes)
        self._watching = MonitorScreen(
            ScreenServices(
                views=views,
                clock=clock,
                options=options,
                keymap=keymap,
                control=control,
                exporter=exporter,
                notebook=self._notebook,
                answers=self._answers,
                searches=self._searches,
                glyphs=self.glyphs,
                remembered=remembered,
                forgotten=forgotten,
            )
        )
        self._keys = KeyQueue(self, super().on_event, self._stage, self.laid_out)

    def get_default_screen(self) -> Screen[None]:
        """The monitor."""
        return self._watching

    @property
    def keys_are_done(self) -> bool:
        """Whether no key waits, nor has an effect to come."""
        return self._keys.is_done

    def wake(self) -> None:
        """Something was committed; from any thread."""
        self._monitor.wake()

    def on_mount(self) -> None:
        """Begin to watch."""
        for thread in (self._monitor, self._answers, self._searches):
            thread.start()
        self._notebook.begin(lambda error: self.call_later(self._answer_failed, error))
        self.set_interval(TICK_S, self._tick)
        self.set_timer(FIRST_SNAPSHOT_S, self._keys.open)
        self.app_resume_signal.subscribe(self, self.resumed)
        self.run_worker(self._preload(), name="dialogs", group="dialogs")
        if self._listen is not None:
            self.run_worker(self._listen(self._recorder_changed), name="listen", group="listen")
        self.run_worker(self._watch_themes(), name="themes", group="themes")
        self.run_worker(self._keeper.run(self._remember, self._watching.say), name="memory", group="memory")
        if self._changes is not None:
            self.run_worker(self._compare(self._changes), name="changes", group="changes")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in SIGNALS:
                loop.add_signal_handler(number, self.exit, "detached")

    async def on_event(self, event: Event) -> None:
        """Keys wait for each other; all other events are Textual's."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self._keys.put(event)
        else:
            await super().on_event(event)

    async def on_unmount(self) -> None:
        """End the threads; they hold views of the store."""
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in SIGNALS:
                loop.remove_signal_handler(number)
        for thread in (self._monitor, self._answers, self._searches):
            thread.stop()
        self._notebook.close()
        await self._keeper.keep(self._left)

    def _stage(self) -> object:
        """What keys act on: another one has to be laid out before the next key."""
        return self.screen, self.screen.focused, self._watching.arrangement

    async def laid_out(self) -> None:
        """Wait until what keys act on has a size, and the first answer of the store in it."""
        await super().laid_out()
        pane = self.focused
        if isinstance(pane, StatisticsPane | TimelinePane):
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ANSWER_S):
                    await pane.has_answer.wait()

    def _tick(self) -> None:
        """Ages and rates are read by nobody more often than a slow line can paint them."""
        now_s = self.now_s()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + self.pace_s() - TICK_S / 2
            self._watching.tick()

    @property
    def unkept(self) -> str:
        """Why the next start does not find how the screen was left; empty = it does."""
        return self._keeper.trouble

    def exit(self, result: Outcome | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leave; how the screen is now is what the next start finds."""
        self._left = self._remember()
        super().exit(result, return_code, message)

    def _remember(self) -> SessionState:
        if not self._watching.is_recalled:  # nothing was shown yet
            return self._left
        return remember(self._watching, self.theme_choice, self.characters_choice)

    def _snapshot_is_ready(self) -> None:
        """In the monitor's thread."""
        self.call_later(self._take_snapshot)

    def _take_snapshot(self) -> None:
        snapshot = self._monitor.take()
        self._watching.recorder.trouble = self._monitor.trouble
        if snapshot is not None:
            self._watching.show(snapshot)
        if self._monitor.trouble:
            self._keys.open()

    @on(MonitorScreen.Recalled)
    def _recalled(self) -> None:
        """Keys act from now on; what is recalled would undo what one did before."""
        self._keys.open()

    def _answer_failed(self, error: Exception) -> None:
        if not isinstance(error, WsmonError):
            raise error
        self._watching.say(str(error), "problem")

    def _recorder_changed(self) -> None:
        self._monitor.wake()

    async def _preload(self) -> None:
        """What dialogs need, once the screen is up and before a key asks for it."""
        await asyncio.sleep(TICK_S)
        await asyncio.to_thread(preload)
        if not self.is_headless:
            gc.freeze()  # what there is now stays: to look through it for garbage holds up keys for a tenth of a second

    async def _watch_themes(self) -> None:
        """A theme that one edits shows at once; what is wrong with it is said until it is put right."""
        while True:
            recorder, faults = self._watching.recorder, self.look_faults
            if faults and faults != recorder.look_faults and not recorder.is_on:
                self._watching.say(faults[0], "problem")  # the banner has worse to say
            recorder.look_faults = faults
            await asyncio.sleep(TICK_S)
            if await asyncio.to_thread(self._shelf_changes):
                self.themes_changed()

    async def _compare(self, changes: Callable[[], str]) -> None:
        while True:
            self._watching.recorder.changes = await asyncio.to_thread(changes)
            await asyncio.sleep(CHANGES_S)
