"""WsmonApp: starts and stops the threads, hands snapshots and keys to the screen, handles signals and exit."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath
from typing import ClassVar

from rich.console import RenderableType
from rich.segment import Segments
from textual import on
from textual.app import App
from textual.driver import Driver
from textual.events import CursorPosition, Event, Key, Paste
from textual.filter import LineFilter
from textual.screen import Screen

from wsmon.errors import WsmonError
from wsmon.ports import Clock, Notes, RecorderControl, StoreView
from wsmon.tui.actions import merge_keymap
from wsmon.tui.appearance import ThemeController
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.commands import COMMANDS
from wsmon.tui.dialogs import preload
from wsmon.tui.key_queue import KeyQueue
from wsmon.tui.options import AppOptions, Exporter, Listen, Outcome
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.screen import MonitorScreen, session_state_of
from wsmon.tui.services import ScreenServices
from wsmon.tui.session_state import Saver, SessionState, load
from wsmon.tui.store_threads import SnapshotPoller, StoreWorker
from wsmon.tui.terminal import driver
from wsmon.tui.terminal.pacing import OutputPacer
from wsmon.tui.theme import ThemeLibrary

TICK_S = 1.0
# A store that gives no snapshot for so long, and does not say why, holds back no key.
FIRST_SNAPSHOT_S = 2.0
# A pane that the store does not answer for so long takes keys as it is, empty.
FIRST_ANSWER_S = 1.0
# How often the configuration on disk is compared with the recorder's
CHANGES_S = 2.0
STYLES = Path(__file__).parent / "styles"
# Unhandled they leave the terminal in the alternate screen; both detach.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class WsmonApp(App[Outcome], inherit_bindings=False):
    """The screen of wsmon as a Textual app.

    ``run()`` returns how it was left, see ``Outcome``; after a crash ``return_code`` is 1.
    """

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

        ``listen`` keeps ``control`` connected while the app runs. ``changes`` returns in a sentence what differs
        between the configuration on disk and the recorder's (empty = nothing); it is called on a thread.
        """
        state, trouble = load(options.memory)
        self.appearance = ThemeController(self, ThemeLibrary(options.user_themes), options, state)
        self.pacer = OutputPacer(self, clock, is_remote=options.is_remote)
        super().__init__(ansi_color=self.appearance.ansi_color)
        self.animation_level = "none"
        self.appearance.start()
        self._saver = Saver(options.memory, state)
        self._last_state = state
        self._next_tick_s = 0.0
        keymap = merge_keymap(options.keys, options.keys_file, options.key_lines)
        self.set_keymap(keymap.changed)
        self._listen = listen
        self._changes = changes
        self._poller = SnapshotPoller(views, clock, self._snapshot_ready, self.pacer.interval_s)
        worker = StoreWorker("wsmon-panes", views, self.call_later, self._query_failed)
        log_worker = StoreWorker("wsmon-log", views, self.call_later, self._query_failed)
        search_worker = StoreWorker("wsmon-search", views, self.call_later, self._query_failed)
        self._threads = (self._poller, worker, log_worker, search_worker)
        self._notebook = Notebook(notes)
        self._monitor = MonitorScreen(
            ScreenServices(
                views=views,
                clock=clock,
                options=options,
                keymap=keymap,
                control=control,
                exporter=exporter,
                notebook=self._notebook,
                worker=worker,
                log_worker=log_worker,
                search_worker=search_worker,
                appearance=self.appearance,
                pacer=self.pacer,
                session_state=state,
                session_state_trouble=trouble,
            ),
            COMMANDS,
        )
        self._keys = KeyQueue(self, super().on_event, self._stage, self._laid_out, self._settled)

    def get_default_screen(self) -> Screen[None]:
        """Return the monitor's screen."""
        return self._monitor

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's driver for this system, made to send only what the terminal does not show yet."""
        return driver.buffered(super().get_driver_class())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return Textual's filters, then ours: what reaches the terminal has gone through them."""
        return (*super().get_line_filters(), *self.appearance.line_filters)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return what Textual's own themes lack."""
        return dict(self.appearance.variable_defaults)

    @property
    def keys_are_done(self) -> bool:
        """Whether no key waits, nor has an effect to come."""
        return self._keys.is_done

    @property
    def unkept(self) -> str:
        """Why the next start does not find how the screen was left; empty = it does."""
        return self._saver.trouble

    @contextmanager
    def batch_update(self) -> Generator[None, None, None]:
        """Hold back all paints until the end, then have every screen paint what changed meanwhile.

        Textual's own wakes no screen at the end: one without a later message of its own, as the screen below a dialog,
        would keep what became dirty meanwhile, and stand still.
        """
        try:
            with super().batch_update():
                yield
        finally:
            for screen in self.screen_stack:
                screen.check_idle()

    def wake(self) -> None:
        """Look for a new snapshot now; from any thread."""
        self._poller.wake()

    def on_mount(self) -> None:
        """Start threads, timers and background tasks."""
        for thread in self._threads:
            thread.start()
        self._notebook.begin(lambda error: self.call_later(self._query_failed, error))
        self.set_interval(TICK_S, self._tick)
        self.set_timer(FIRST_SNAPSHOT_S, self._keys.open)
        self.app_resume_signal.subscribe(self, self.pacer.resumed)
        self.run_worker(self._preload(), name="dialogs", group="dialogs")
        if self._listen is not None:
            self.run_worker(self._listen(self.wake), name="listen", group="listen")
        self.run_worker(self._watch_themes(), name="themes", group="themes")
        self.run_worker(self._saver.run(self._session_state, self._monitor.say), name="memory", group="memory")
        if self._changes is not None:
            self.run_worker(self._compare(self._changes), name="changes", group="changes")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in SIGNALS:
                loop.add_signal_handler(number, self.exit, "detached")

    async def on_unmount(self) -> None:
        """Stop the threads, which hold views of the store, and save how the screen was left."""
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in SIGNALS:
                loop.remove_signal_handler(number)
        for thread in self._threads:
            thread.stop()
        self._notebook.close()
        self.appearance.set_utc(False)
        await self._saver.save(self._last_state)

    async def on_event(self, event: Event) -> None:
        """Put keys into their queue; all other events are Textual's."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self._keys.put(event)
        else:
            await super().on_event(event)

    def on_resize(self) -> None:
        """Send everything again: what a terminal makes of its content when it is resized is not known."""
        driver.forget(self)

    def post_display_hook(self) -> None:
        """Note that Textual has painted."""
        self.pacer.painted()

    def on_cursor_position(self, event: CursorPosition) -> None:
        """Note that the terminal has answered the question behind a paint."""
        event.stop()
        self.pacer.answered()

    def exit(self, result: Outcome | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Exit; the next start finds the screen as it is now."""
        self._last_state = self._session_state()
        self.pacer.leave(partial(super().exit, result, return_code, message))

    def action_suspend_process(self) -> None:
        """Suspend the process, as ^Z does."""
        self.pacer.once_answered(super().action_suspend_process)

    def _fatal_error(self) -> None:
        """Show where the app failed, and no values of variables: Textual's traceback might show secrets.

        There is no public switch for that; a contract test holds the override.
        """
        from rich.traceback import Traceback

        self.bell()
        traceback = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()

    def _stage(self) -> object:
        """What keys act on: another value has to be laid out before the next key."""
        return self.screen, self.screen.focused, self._monitor.pane_layout.arrangement

    async def _laid_out(self) -> None:
        """Wait until what keys act on has a size, and the first answer of the store in it."""
        await self.pacer.wait_for_layout()
        pane = self.focused
        if isinstance(pane, StatisticsPane | TimelinePane):
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ANSWER_S):
                    await pane.has_answer.wait()

    def _settled(self) -> asyncio.Event:
        """Return the event that is set while nothing is read that moves a cursor."""
        panes = self._monitor.panes
        timeline = panes.find(TimelinePane)
        if timeline is not None and not timeline.settled.is_set():
            return timeline.settled
        return panes.log.settled

    def _tick(self) -> None:
        """Update ages and rates, at most as often as a slow line can paint them."""
        now_s = self.pacer.now_s()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + self.pacer.interval_s() - TICK_S / 2
            self._monitor.tick()

    def _session_state(self) -> SessionState:
        # Before the first snapshot the screen is not yet as it was left.
        return session_state_of(self._monitor) if self._monitor.is_restored else self._last_state

    def _snapshot_ready(self) -> None:
        """Called on the poller's thread."""
        self.call_later(self._take_snapshot)

    def _take_snapshot(self) -> None:
        snapshot = self._poller.take()
        self._monitor.recorder.trouble = self._poller.trouble
        if snapshot is not None:
            self._monitor.show(snapshot)
        if self._poller.trouble:
            self._keys.open()

    @on(MonitorScreen.Restored)
    def _restored(self) -> None:
        """Deliver keys from now on; restoring would undo what an earlier key did."""
        self._keys.open()

    def _query_failed(self, error: Exception) -> None:
        if not isinstance(error, WsmonError):
            raise error
        self._monitor.say(str(error), "problem")
        if (timeline := self._monitor.panes.find(TimelinePane)) is not None:
            timeline.settled.set()

    async def _preload(self) -> None:
        """Import the dialogs, once the screen is up and before a key needs one."""
        await asyncio.sleep(TICK_S)
        await asyncio.to_thread(preload)
        if not self.is_headless:
            # What exists now stays: searching it for garbage would hold up keys for a tenth of a second.
            gc.freeze()

    async def _watch_themes(self) -> None:
        """Show changes of the theme file at once, so that a theme can be edited before the screen; and its faults."""
        while True:
            recorder, faults = self._monitor.recorder, self.appearance.faults
            # Without a recorder the banner has worse to say.
            if faults and faults != recorder.look_faults and not recorder.is_on:
                self._monitor.say(faults[0], "problem")
            recorder.look_faults = faults
            await asyncio.sleep(TICK_S)
            if await asyncio.to_thread(self.appearance.reload):
                self.appearance.themes_changed()

    async def _compare(self, changes: Callable[[], str]) -> None:
        while True:
            self._monitor.recorder.changes = await asyncio.to_thread(changes)
            await asyncio.sleep(CHANGES_S)
