"""What the log costs on a store of a million events: a jump to any page, and following at 10 Hz.

Run it: ``python tests/benchmarks/log_pane.py [--events N]``. Times are of one pane of 120 × 38 cells, in CPU of the UI
thread: asking for rows, drawing and cropping lines; the store is read by a worker, as on the screen. The ratio is to a
``Static`` of the same size that gets as many lines of text, measured in the same run. Wall times are of the same work,
with the wait for the worker.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from queue import SimpleQueue
from statistics import median, quantiles

from textual.content import Content
from textual.geometry import Region
from textual.widgets import Static

from tests.support.builders import message
from tests.support.pane_app import PaneApp
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.model.block import Committed
from wsmon.query.ast import Query, Word
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.writer import Writer
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_filter import LogScope, Search, run_search
from wsmon.tui.store_threads import StoreWorker

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

    def _note(self, last_id: int, _committed: Sequence[Committed]) -> None:
        with self._committed:
            self._last_id = last_id
            self._committed.notify()

    def _fail(self, error: BaseException) -> None:
        raise error


class Deliveries:
    """The store worker of a pane; its answers are delivered in this thread, when ``settle`` is called."""

    def __init__(self, path: Path) -> None:
        self._answers: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._worker = StoreWorker("store", lambda: Reader(path, SystemClock()), self._answers.put, self._fail)
        self._worker.start()
        self.submit = self._worker.submit

    def settle(self, pane: LogPane) -> None:
        """Deliver until the pane waits for nothing."""
        while not pane.settled.is_set():
            self._answers.get()()

    def close(self) -> None:
        """End the worker."""
        self._worker.stop()

    def _fail(self, error: Exception) -> None:
        raise error


class Costs:
    """What an action costs, each time."""

    def __init__(self) -> None:
        self.cpu_ms: list[float] = []
        """CPU of this thread."""
        self.wall_ms: list[float] = []

    def time(self, action: Callable[[], object]) -> None:
        """Run the action, timed."""
        began, began_cpu = time.perf_counter(), time.thread_time()
        action()
        self.cpu_ms.append((time.thread_time() - began_cpu) * 1000)
        self.wall_ms.append((time.perf_counter() - began) * 1000)


def report(what: str, costs: Costs, reference: float | None = None) -> None:
    """Print medians and the slowest of twenty, and the ratio of the CPU to the reference."""
    ratio = "" if reference is None else f"{median(costs.cpu_ms) / reference:6.2f} ×"
    print(f"{what:<38} CPU {spread(costs.cpu_ms)}  wall {spread(costs.wall_ms)} {ratio}")


def spread(times_ms: list[float]) -> str:
    """The median and the slowest of twenty."""
    return f"p50 {median(times_ms):6.2f} p95 {quantiles(times_ms, n=20)[-1]:6.2f} ms"


async def static_update() -> float:
    """Median of updating and drawing a ``Static`` full of lines."""
    static = Static()
    app = PaneApp(static)
    costs = Costs()
    async with app.run_test(size=SIZE):
        for number in range(100):
            lines = Content("\n".join(f"{number:06} {PAYLOAD}"[:118] for _ in range(38)))

            def update(lines: Content = lines) -> None:
                static.update(lines, layout=False)
                static.render_lines(Region(0, 0, *SIZE))

            costs.time(update)
    report("Static of the same size", costs)
    return median(costs.cpu_ms)


async def log(path: Path, recording: Recording, reference: float) -> None:
    """Jumps, follows and searches."""
    view = Reader(path, SystemClock())
    deliveries = Deliveries(path)
    pane = LogPane(deliveries.submit, SystemClock(), zone=UTC)
    app = PaneApp(pane, "log.tcss")
    whole = Region(0, 0, *SIZE)
    chance = random.Random(7)
    async with app.run_test(size=SIZE, message_hook=app.hear) as pilot:
        pane.set_bounds(view.bounds())
        await pilot.pause()

        def jump() -> None:
            pane.go_to_row(chance.randrange(len(pane.rows)), is_centred=True)
            deliveries.settle(pane)
            pane.render_lines(whole)

        jumps = Costs()
        for _ in range(JUMPS):
            jumps.time(jump)
        report("jump to a page", jumps, reference)
        await pilot.pause()
        pane.follow()
        for count in PER_TICK:
            costs = Costs()
            for _ in range(TICKS):
                recording.record(count)

                def tick() -> None:
                    pane.set_bounds(view.bounds())
                    deliveries.settle(pane)
                    pane.render_lines(whole)

                costs.time(tick)
                await pilot.pause()
            report(f"follow, {count * 10:,} events/s, a tick", costs, reference)
        query = Query((Word("nowhere"),), "nowhere")

        def filter_by_word() -> None:
            pane.set_scope(LogScope(query))
            deliveries.settle(pane)

        first = Costs()
        first.time(filter_by_word)
        print(f"{'first answer of a filter':<38} CPU {first.cpu_ms[0]:10.2f} ms  wall {first.wall_ms[0]:10.2f} ms")
        await pilot.pause()
        (wanted,) = app.heard_of(LogPane.SearchWanted)
        search_all(view, wanted.search)
    deliveries.close()
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
