"""Keeps how the screen is, now and then and at the end, so that the next start finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wsmon.errors import WsmonError
from wsmon.tui.memory import Memory
from wsmon.tui.session_state import Remembered

PERIOD_S = 5.0
# what a viewer that is killed may forget


class Keeper:
    """Writes what changed, in a thread; what cannot be written is said once and no longer tried."""

    def __init__(self, memory: Memory, kept: Remembered) -> None:
        """``kept`` is what the file holds."""
        self._memory = memory
        self._kept = kept
        self.trouble = ""
        # why nothing is kept; empty = it is

    async def run(self, look: Callable[[], Remembered], say: Callable[[str], None]) -> None:
        """Until cancelled, or until it cannot be."""
        while not self.trouble:
            await asyncio.sleep(PERIOD_S)
            await self.keep(look())
        say(self.trouble)

    async def keep(self, now: Remembered) -> None:
        """Write how the screen is, if it is not kept already."""
        if now == self._kept or self.trouble:
            return
        self._kept = now
        try:
            await asyncio.to_thread(self._memory.write, now)
        except WsmonError as error:
            self.trouble = str(error)
