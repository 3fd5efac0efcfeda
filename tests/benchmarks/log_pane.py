"""What the log costs on a store of a million events: a jump to any page, a tick of following, a filter's first answer.

Times are of one pane of 120 × 38 cells, in CPU of the UI thread: asking for rows, drawing and cropping lines; the store
is read by a worker, as on the screen. The peer is a ``Static`` of the same size that gets as many lines of text.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from queue import SimpleQueue
from statistics import median

from textual.content import Content
from textual.geometry import Region
from textual.widgets import Static

from tests.benchmarks.table import Options, Row
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
from wsmon.tui.panes.log_filter import LogScope
from wsmon.tui.store_threads import StoreWorker

SIZE = (122, 40)
JUMPS = 300
TICKS = 100
STATIC_UPDATES = 100
ROUNDS = 5
JUMP, FILTER = "log, a jump to a page", "log, first answer of a filter"
# Events between two repaints
FOLLOWS = {"log, a tick at 1,000 events/s": 100, "log, a tick at 10,000 events/s": 1_000}
PEER = "Static of the same size"
FIRST_ANSWER_MS = 100.0
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


def cpu_ms(action: Callable[[], object]) -> float:
    """CPU of this thread."""
    began = time.thread_time()
    action()
    return (time.thread_time() - began) * 1000


async def static_update() -> float:
    """Median of updating and drawing a ``Static`` full of lines."""
    static = Static()
    app = PaneApp(static)
    costs = []
    async with app.run_test(size=SIZE):
        for number in range(STATIC_UPDATES):
            lines = Content("\n".join(f"{number:06} {PAYLOAD}"[:118] for _ in range(38)))

            def update(lines: Content = lines) -> None:
                static.update(lines, layout=False)
                static.render_lines(Region(0, 0, *SIZE))

            costs.append(cpu_ms(update))
    return median(costs)


async def log(path: Path, recording: Recording, options: Options) -> dict[str, float]:
    """Jumps, follows and a filter: medians of milliseconds by name of their row."""
    view = Reader(path, SystemClock())
    deliveries = Deliveries(path)
    pane = LogPane(deliveries.submit, SystemClock(), zone=UTC)
    app = PaneApp(pane, "log.tcss")
    whole = Region(0, 0, *SIZE)
    chance = random.Random(7)
    found = {}
    async with app.run_test(size=SIZE, message_hook=app.hear) as pilot:
        pane.set_bounds(view.bounds())
        await pilot.pause()

        def jump() -> None:
            pane.go_to_row(chance.randrange(len(pane.rows)), is_centred=True)
            deliveries.settle(pane)
            pane.render_lines(whole)

        found[JUMP] = median(cpu_ms(jump) for _ in range(options.amount(JUMPS, 5)))
        await pilot.pause()
        pane.follow()
        for name, count in FOLLOWS.items():
            costs = []
            for _ in range(options.amount(TICKS, 3)):
                recording.record(options.amount(count, 10))

                def tick() -> None:
                    pane.set_bounds(view.bounds())
                    deliveries.settle(pane)
                    pane.render_lines(whole)

                costs.append(cpu_ms(tick))
                await pilot.pause()
            found[name] = median(costs)

        def filter_by_word() -> None:
            pane.set_scope(LogScope(Query((Word("nowhere"),), "nowhere")))
            deliveries.settle(pane)

        began_s = time.perf_counter()
        filter_by_word()
        found[FILTER] = (time.perf_counter() - began_s) * 1000
        await pilot.pause()
    deliveries.close()
    view.close()
    return found


def rows(options: Options) -> Iterator[Row]:
    """Fill a store, measure in rounds."""
    wanted = [name for name in (JUMP, *FOLLOWS, FILTER) if options.wants(name)]
    if not wanted:
        return
    ours: list[dict[str, float]] = []
    static_ms: list[float] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "store.db"
        recording = Recording(path)
        try:
            for _ in range(options.amount(1_000_000, 10_000) // 10_000):
                recording.record(10_000)
            for _ in range(options.rounds_or(ROUNDS)):
                ours.append(asyncio.run(log(path, recording, options)))
                static_ms.append(asyncio.run(static_update()))
        finally:
            recording.close()
    for name in wanted:
        costs = tuple(found[name] for found in ours)
        yield Row(name, "ms", costs, PEER, tuple(static_ms), limit=FIRST_ANSWER_MS if name == FILTER else None)
