"""What the log costs on a store of a million events: a jump to any page, and following at 10 Hz.

Run it: ``python tests/benchmarks/log_pane.py [--events N]``. Times are of one pane of 120 × 38 cells, in CPU of the
thread of the screen: reading, drawing and cropping its lines. The ratio is to a ``Static`` of the same size that gets
as many lines of text, measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from statistics import median, quantiles

from textual.content import Content
from textual.geometry import Region
from textual.widgets import Static

from tests.support.builders import message
from tests.support.pane_app import PaneApp
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.query.ast import Query, Word
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.writer import Writer
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_filter import Search, run_search

SIZE = (122, 40)
JUMPS = 300
TICKS = 100
# Events between two repaints at 1,000 and at 10,000 events/s
PER_TICK = (100, 1_000)
PAYLOAD = '{"e":"trade","s":"BTCUSDT","p":"97120.5","q":' + "1" * 155 + "}"


class Recording:
    """A store with a writer behind it."""

    def __init__(self, path: Path) -> None:
        database = open_for_writing(path)
        database.begin_run(RunStart(1, 1, 1, "benchmark", ""))
        self._bus = Bus(on_drained=lambda: None, high_water_bytes=sys.maxsize)
        self._clock = SystemClock()  # events of another year would be pruned
        self._committed = threading.Condition()
        self._last_id = self._sent = 0
        self._writer = Writer(database, self._bus, self._clock, self._note, on_failure=self._fail)
        self._writer.start()

    def record(self, count: int) -> None:
        """Commit so many messages."""
        for _ in range(count):
            at = self._clock
            self._bus.emit_message(message(PAYLOAD, ts_ns=at.wall_ns(), mono_ns=at.mono_ns()))
        self._sent += count
        with self._committed:
            self._committed.wait_for(lambda: self._last_id >= self._sent)

    def close(self) -> None:
        """End the writer."""
        self._bus.close()
        self._writer.join()

    def _note(self, last_id: int) -> None:
        with self._committed:
            self._last_id = last_id
            self._committed.notify()

    def _fail(self, error: BaseException) -> None:
        raise error


def timed(action: Callable[[], object]) -> float:
    """Milliseconds of CPU of this thread."""
    began = time.thread_time()
    action()
    return (time.thread_time() - began) * 1000


def report(what: str, costs: list[float], reference: float | None = None) -> None:
    """Print the median, the slowest of twenty, and the ratio to the reference."""
    ratio = "" if reference is None else f"{median(costs) / reference:6.2f} ×"
    print(f"{what:<44} p50 {median(costs):7.2f} ms  p95 {quantiles(costs, n=20)[-1]:7.2f} ms {ratio}")


async def static_update() -> float:
    """Median of updating and drawing a ``Static`` full of lines."""
    static = Static()
    app = PaneApp(static)
    costs: list[float] = []
    async with app.run_test(size=SIZE):
        for number in range(100):
            lines = Content("\n".join(f"{number:06} {PAYLOAD}"[:118] for _ in range(38)))

            def update(lines: Content = lines) -> None:
                static.update(lines, layout=False)
                static.render_lines(Region(0, 0, *SIZE))

            costs.append(timed(update))
    report("Static of the same size", costs)
    return median(costs)


async def log(path: Path, recording: Recording, reference: float) -> None:
    """Jumps, follows and searches."""
    view = Reader(path, SystemClock())
    pane = LogPane(view, SystemClock(), zone=UTC)
    app = PaneApp(pane, "log.tcss")
    whole = Region(0, 0, *SIZE)
    chance = random.Random(7)
    async with app.run_test(size=SIZE, message_hook=app.hear) as pilot:
        pane.set_bounds(view.bounds())
        await pilot.pause()

        def jump() -> None:
            pane.go_to_row(chance.randrange(len(pane.rows)), is_centred=True)
            pane.render_lines(whole)

        report("jump to a page", [timed(jump) for _ in range(JUMPS)], reference)
        await pilot.pause()
        pane.follow()
        for count in PER_TICK:
            costs: list[float] = []
            for _ in range(TICKS):
                recording.record(count)

                def tick() -> None:
                    pane.set_bounds(view.bounds())
                    pane.render_lines(whole)

                costs.append(timed(tick))
                await pilot.pause()
            report(f"follow, {count * 10:,} events/s, a tick", costs, reference)
        query = Query((Word("nowhere"),), "nowhere")
        print(f"{'first answer of a filter':<44} {timed(lambda: pane.set_query(query)):11.2f} ms")
        await pilot.pause()
        (wanted,) = app.heard_of(LogPane.Wanted)
        search_all(view, wanted.search)
    view.close()


def search_all(view: Reader, search: Search) -> None:
    """How fast a word that is nowhere is not found."""
    began = time.perf_counter()
    found = list(run_search(view, search, lambda: False))
    rate = (search.last_id - search.first_id + 1) / (time.perf_counter() - began)
    print(f"{'a word that is nowhere, in ' + str(len(found)) + ' windows':<44} {rate / 1e6:7.2f} million events/s")


async def main() -> None:
    """Fill a store, measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        recording = Recording(path)
        try:
            for _ in range(events // 10_000):
                recording.record(10_000)
            await log(path, recording, await static_update())
        finally:
            recording.close()


if __name__ == "__main__":
    asyncio.run(main())
