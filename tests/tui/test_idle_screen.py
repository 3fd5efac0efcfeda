"""Nothing goes to the terminal while nothing changes, and only the clock and the ages as time passes."""

from __future__ import annotations

import re
from typing import Any

from textual.pilot import Pilot

from tests.support.memory_driver import taken, terminal, wired
from tests.support.screen_harness import ROOMY, Stage, stage

# A second, for the ages of five connections; 134 are written
MOST_BYTES = 200


async def second(on: Stage, pilot: Pilot[Any], *, passes: float) -> str:
    """What a tick writes after so many seconds."""
    on.clock.advance(passes)
    on.screen.tick()
    await on.ready(pilot)
    await pilot.pause()
    return taken(on)


async def test_a_tick_without_time_writes_nothing() -> None:
    on = wired(stage())
    async with on.app.run_test(headless=False, size=ROOMY) as pilot:
        await on.ready(pilot)
        await second(on, pilot, passes=0)
        assert await second(on, pilot, passes=0) == ""


async def test_a_second_writes_the_ages_that_it_changes_and_nothing_else() -> None:
    on = wired(stage())
    async with on.app.run_test(headless=False, size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("2", *"----", "4")  # 20 s a cell, as for a store of half an hour
        await second(on, pilot, passes=14)  # no cell ends with the next one
        before = terminal(on).shown.lines()
        written = await second(on, pilot, passes=1)
        after = terminal(on).shown.lines()
        assert 0 < len(written.encode()) <= MOST_BYTES
        for line, other in zip(before, after, strict=True):
            assert re.sub(r"\d", "0", line) == re.sub(r"\d", "0", other)
