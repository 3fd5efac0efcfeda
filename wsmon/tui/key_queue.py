"""Queue of keys: each one waits until what the one before opened, closed or focused is laid out.

Textual gives a key to the widget that has the focus when the key is read, and reads all keys of one write before the
first of them acts. A key behind one that opens a dialog would go to the pane below, one behind the key that closes a
dialog would go to a screen that is gone, a pane that is not laid out yet does not know how far a page is, and the event
under the cursor of the log may not be read yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.events import Key, Paste

Input = Key | Paste

# Keys that may wait. The rest of a longer text, pasted by a terminal without bracketed paste, is dropped with a bell.
LIMIT = 4096
# Nothing that a key does on the screen takes so long; a key is delivered then, whatever it was waiting for.
PATIENCE_S = 5.0
# Once for the key on its way from the focused widget up to the app, once for the messages that were posted meanwhile.
WALKS = 2
# Reads that the effect of a key may take one after the other: a jump reads where to go, then the rows there. More reads
# are not those of the key, but of events that come in the meantime.
READS = 3
# The first refresh lays out what is new. Dialogs fill their lists then, for only then is their width known; the second
# one lays out what they were filled with.
REFRESHES = 2
# Keys that wait are delivered without a paint between them, but the screen is painted as often as can be read. A paint
# takes 10 to 20 ms, a key one or two: 150 keys of one write took 0.6 to 0.9 s of CPU with a paint wherever one fitted.
PAINT_S = 0.1


class KeyQueue:
    """Delivers keys and pastes one after the other.

    A key that finds nothing under way is delivered at once. All methods belong to the event loop of the app.
    """

    def __init__(
        self,
        app: App[Any],
        deliver: Callable[[Input], Awaitable[None]],
        stage: Callable[[], object],
        laid_out: Callable[[], Awaitable[None]],
        settled: Callable[[], asyncio.Event],
    ) -> None:
        """Take keys, and hold them back until ``open`` is called.

        ``deliver`` gives a key to the focused widget; it is called in the task of the app. ``stage`` is a value that
        changes when keys begin to act on something that has to be laid out first. ``laid_out`` returns when layouts
        are not held back. ``settled`` returns an event that is set while nothing is read that a key may act on.
        """
        self._app = app
        self._deliver = deliver
        self._stage = stage
        self._laid_out = laid_out
        self._settled = settled
        self._laid_out_stage: object = None
        """The stage that was laid out last; None before the first one."""
        self._waiting: deque[Input] = deque()
        self._is_open = False
        self._is_busy = False

    @property
    def is_done(self) -> bool:
        """Whether no key waits, nor has an effect to come."""
        return self._is_open and not self._is_busy

    def open(self) -> None:
        """Begin to deliver; further calls do nothing."""
        if not self._is_open:
            self._is_open = True
            self._start(())

    async def put(self, event: Input) -> None:
        """Deliver a key, now or when it is its turn; called in the task of the app. Dropped once the app is left."""
        if not self._app.is_running:
            return
        if self._is_open and not self._is_busy and self._stage() == self._laid_out_stage and self._settled().is_set():
            self._start(await self._act(event))
        elif len(self._waiting) >= LIMIT:
            self._app.bell()
        else:
            self._waiting.append(event)
            if self._is_open and not self._is_busy:
                self._start(())

    def _start(self, path: Sequence[DOMNode]) -> None:
        self._is_busy = True
        self._app.run_worker(self._run(path), name="keys", group="keys")

    async def _run(self, path: Sequence[DOMNode]) -> None:
        """Wait for the effect of a key that went along ``path``, then deliver all keys that wait."""
        try:
            await self._see_through(path)
            while self._waiting:
                with self._app.batch_update():
                    path = await self._deliver_unpainted()
                await self._see_through(path)
        except ScreenStackError:
            # While the app is left its screens go first, and keys act on nothing any more
            if self._app.is_running:
                raise
            self._waiting.clear()
        self._is_busy = False

    async def _deliver_unpainted(self) -> Sequence[DOMNode]:
        """Deliver keys until none waits, one changed the stage, or a paint is due.

        Returns the path of the last key; what its effect reads was not waited for.
        """
        until_s = asyncio.get_running_loop().time() + PAINT_S
        while True:
            path = await self._act_in_app(self._waiting.popleft())
            if not self._waiting or asyncio.get_running_loop().time() >= until_s:
                # The paint that follows has the effect of this key, too, unless that has to be read from the store
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_S):
                        await self._walk(path)
                return path
            await self._await_effect(path)
            if self._stage() != self._laid_out_stage:
                return path

    async def _await_effect(self, path: Sequence[DOMNode]) -> None:
        """Wait until a key and its messages were handled, and what it shows was read, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self._walk(path)
                for _ in range(READS):
                    if not self._settled().is_set():
                        await self._settled().wait()
                        await self._walk(path)

    async def _walk(self, path: Sequence[DOMNode]) -> None:
        for _ in range(WALKS):
            for node in path:
                await _reached(node.call_later)

    async def _act(self, event: Input) -> Sequence[DOMNode]:
        """Deliver a key. Returns the nodes that get it, one after the other, unless one of them stops it."""
        if not self._app.is_running:
            return ()
        path = (self._app.focused or self._app.screen).ancestors_with_self
        await self._deliver(event)
        return path

    async def _act_in_app(self, event: Input) -> Sequence[DOMNode]:
        """Deliver a key in the task of the app."""
        path: list[DOMNode] = []

        async def act() -> None:
            path.extend(await self._act(event))

        await _reached(partial(self._app.call_later), act)
        return path

    async def _see_through(self, path: Sequence[DOMNode]) -> None:
        """Wait until a key had its effect, and until what it opened is laid out."""
        await self._await_effect(path)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (stage := self._stage()) != self._laid_out_stage:
                    for _ in range(REFRESHES):
                        await _reached(self._app.call_after_refresh)
                        await self._laid_out()
                    self._laid_out_stage = stage
        except TimeoutError:
            # The screen was replaced while its refresh was awaited: the keys behind go on.
            self._laid_out_stage = self._stage()


async def _reached(
    schedule: Callable[[Callable[[], Awaitable[None]]], bool], act: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait until a message queue has come to a callback put behind all that is in it; at once if it is closed."""
    done = asyncio.Event()

    async def callback() -> None:
        if act is not None:
            await act()
        done.set()

    if schedule(callback):
        await done.wait()
