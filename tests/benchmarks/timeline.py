"""The timeline over a day of many connections: what a key costs until the answer of the store is drawn.

The store has a day of rollups that stand for ten million messages, two hours of them by the second, one connection in a
storm all day and incidents all over. The pane is 120 × 38 cells. *paint* is from a key to lines that show its effect
with what is known by then, *answer* to those of the store's answer. The peer is SQLite adding up the same day.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from textual import events, on
from textual.geometry import Region

from tests.benchmarks.table import Options, Row
from tests.support.pane_app import PaneApp
from tests.support.recordings import specs
from wsmon.clock import SystemClock
from wsmon.ports import StoreView
from wsmon.store.codec import STATUS_CODES
from wsmon.store.database import Database, RunStart, open_for_writing
from wsmon.store.fold import Fold
from wsmon.store.reader import Reader
from wsmon.store.schema import COUNTERS
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.panes.timeline_state import TimeBounds, TimelineAnswer
from wsmon.tui.store_threads import StoreWorker

SECOND_NS = 1_000_000_000
DAY_S, FINE_S = 86_400, 7_200
SIZE = (122, 40)
GOAL_MS = 65
LANES, MESSAGES, KEY_ROUNDS = (50, 300), 10_000_000, 20
PEER = "SQLite adds up the day"
# Connections
GROUP_OF = 5
# A day, of each connection and of the one in a storm
LOSSES, STORM_LOSSES, INCIDENTS = 20, 20_000, 40
DEADLINE_S, SETTLE_S = 10.0, 1.0
ROUNDS = {
    "a day and a half": ("less_than_sign", "greater_than_sign", "pagedown", "pageup", "minus", "plus"),
    "an hour": ("less_than_sign", "greater_than_sign", "pagedown", "pageup", "minus", "plus"),
    "by group": ("less_than_sign", "greater_than_sign", "minus", "plus"),
}
# What leads there
BEFORE = {"a day and a half": ("0",), "an hour": ("plus",) * 5, "by group": ("0", "l")}


def fill(database: Database, lanes: int, messages: int, now_s: int) -> None:
    """A day of so many connections."""
    fold = Fold(database.connection, 1, 0, ())
    named = specs(*(f"feed-{number:03}" for number in range(lanes)))
    grouped = (replace(each, group=f"desk-{number // GROUP_OF:02}") for number, each in enumerate(named))
    fold.configure(tuple(grouped), (now_s - DAY_S) * SECOND_NS)
    connection = database.connection
    connection.execute("BEGIN")
    fold.write()
    marks = ", ".join("?" * (3 + len(COUNTERS)))
    connection.executemany(f"INSERT INTO rollup VALUES ({marks})", buckets(lanes, messages, now_s))
    chance = random.Random(3)
    ids = iter(range(1, 1 << 40))
    for number in range(1, lanes + 1):
        losses = STORM_LOSSES if number == 1 else LOSSES
        connection.executemany(
            "INSERT INTO transition VALUES (?, ?, 1, ?, ?, 1, ?, ?, 20)", life(number, losses, now_s, ids, chance)
        )
        opened = [(now_s - chance.randrange(DAY_S)) * SECOND_NS for _ in range(INCIDENTS)]
        connection.executemany(
            "INSERT INTO incident VALUES (?, ?, 'gap', ?, ?, NULL, '3 messages missing')",
            [(next(ids), number, at_ns, at_ns + 90 * SECOND_NS) for at_ns in opened],
        )
    rolled_s = now_s // 3600 * 3600
    for key, value in (("last_id", next(ids)), ("oldest_id", 1), ("rolled_s", rolled_s)):
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
    connection.execute("UPDATE run SET ended_ns = ?, end = 'clean'", (now_s * SECOND_NS,))
    connection.execute("COMMIT")


def buckets(lanes: int, messages: int, now_s: int) -> Iterator[tuple[int, ...]]:
    """Rows of rollup: the whole day by hours and minutes, its end by seconds."""
    nothing = dict.fromkeys(COUNTERS, 0)
    for level, length_s in ((3600, DAY_S), (600, DAY_S), (60, DAY_S), (1, FINE_S)):
        count = max(1, messages * level // (DAY_S * lanes))
        for bucket in range((now_s - length_s) // level * level, now_s, level):
            counters = nothing | {"events": count, "messages_in": count, "errors": int(bucket % 7_200 == 0)}
            for number in range(1, lanes + 1):
                yield level, bucket, number, *counters.values()


def life(
    number: int, losses: int, now_s: int, ids: Iterator[int], chance: random.Random
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """The transitions of a connection that is lost so many times: id, connection, both clocks, from, to."""
    names = ("disconnected", "reconnecting", "connecting", "connected", "websocket_connected", "disconnected")
    steps = [STATUS_CODES[name] for name in names]  # type: ignore[index]
    for start_s in sorted(chance.uniform(0, DAY_S - 2) for _ in range(losses)):
        at_ns = round((now_s - DAY_S + start_s) * SECOND_NS)
        for place, (before, after) in enumerate(itertools.pairwise(steps)):
            ts_ns = at_ns + place * 40_000_000
            yield next(ids), number, ts_ns, ts_ns, before, after


class Host(PaneApp):
    """A timeline that asks a real store, as the monitor has it."""

    def __init__(self, path: Path, now_s: int) -> None:
        self.pane: TimelinePane = TimelinePane(lambda _: None)
        super().__init__(self.pane, "timeline.tcss")
        self.moment = TimeBounds(now_s * SECOND_NS, (now_s - DAY_S) * SECOND_NS, (now_s - DAY_S) * SECOND_NS)
        self.answer_ms: list[float] = []
        self.screen_ms: list[float] = []
        self.paint_ms: list[float] = []
        self.drawn = 0
        # answers
        self._answers = StoreWorker("store", lambda: Reader(path, SystemClock()), self.call_from_anywhere, self.fail)
        self._answers.start()

    def call_from_anywhere(self, deliver: object) -> None:
        self.call_later(deliver)  # type: ignore[arg-type]

    def fail(self, error: Exception) -> None:
        raise error

    def stop(self) -> None:
        self._answers.stop()

    @on(TimelinePane.RequestChanged)
    def ask(self) -> None:
        ask = self.pane.request(self.moment)

        def read(view: StoreView) -> TimelineAnswer:
            began = time.perf_counter()
            answer = ask.read(view)
            self.answer_ms.append((time.perf_counter() - began) * 1000)
            return answer

        self._answers.submit("timeline", read, self.show)

    def show(self, answer: TimelineAnswer) -> None:
        began = time.thread_time()
        self.pane.show(answer, self.moment)
        self.pane.render_lines(Region(0, 0, *SIZE))
        self.screen_ms.append((time.thread_time() - began) * 1000)
        self.drawn += 1

    async def answered(self, before: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.drawn == before:
                await asyncio.sleep(0.0005)

    async def settled(self) -> None:
        """Wait for the first answers: names and rows take their room, and that asks once more."""
        await self.answered(0)
        await asyncio.sleep(SETTLE_S)

    async def press(self, key: str) -> float:
        """Milliseconds from a key to the lines of the answer; ``paint_ms`` gets those to what is known by then."""
        began, before, lines = time.perf_counter(), self.drawn, self.pane.lines
        self.post_message(events.Key(key, None))
        while self.pane.lines is lines and time.perf_counter() - began < DEADLINE_S:
            await asyncio.sleep(0)
        self.pane.render_lines(Region(0, 0, *SIZE))
        self.paint_ms.append((time.perf_counter() - began) * 1000)
        try:
            await self.answered(before)
        except TimeoutError:
            raise AssertionError(f"{key} asked nothing: {self.pane.status}") from None
        return (time.perf_counter() - began) * 1000


async def measure(path: Path, now_s: int, what: str, rounds: int) -> tuple[list[float], list[float], str]:
    """Press the keys of a situation; milliseconds to paint, and to the answer, and what the rest was spent for."""
    host = Host(path, now_s)
    async with host.run_test(size=SIZE):
        host.ask()
        await host.settled()
        for key in BEFORE[what]:
            await host.press(key)
        host.answer_ms.clear()
        host.screen_ms.clear()
        host.paint_ms.clear()
        delays = [await host.press(key) for _ in range(rounds) for key in ROUNDS[what]]
        host.stop()
    return host.paint_ms, delays, f"store {median(host.answer_ms):.0f} ms, drawing {median(host.screen_ms):.1f} ms"


def reference(path: Path) -> float:
    """Milliseconds that SQLite takes to add up a day by minutes."""
    with closing(sqlite3.connect(path)) as connection:
        began = time.perf_counter()
        connection.execute("SELECT sum(messages_in) FROM rollup WHERE level = 60").fetchone()
        return (time.perf_counter() - began) * 1000


def rows(options: Options) -> Iterator[Row]:
    """Press the keys of every situation, over two numbers of lanes."""
    for lanes in LANES:
        names = {what: f"timeline, {lanes} lanes, {what}" for what in ROUNDS}
        wanted = [
            what for what in ROUNDS if any(options.wants(f"{names[what]}, {each}") for each in ("paint", "answer"))
        ]
        if not wanted:
            continue
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path, now_s = Path(folder) / "store.db", int(time.time())
            with closing(open_for_writing(path)) as database:
                began_ns = (now_s - DAY_S) * SECOND_NS
                database.begin_run(RunStart(began_ns, began_ns, 1, "benchmark", ""))
                fill(database, options.amount(lanes, LANES[0]), MESSAGES, now_s)
            for what in wanted:
                paint_ms, answer_ms, note = asyncio.run(measure(path, now_s, what, options.amount(KEY_ROUNDS, 1)))
                added_ms = (median(reference(path) for _ in range(5)),)
                found = (
                    Row(f"{names[what]}, paint", "ms, p95", (p95(paint_ms),), PEER, added_ms, limit=GOAL_MS),
                    Row(f"{names[what]}, answer", "ms, p50", (median(answer_ms),), PEER, added_ms, note=note),
                )
                yield from (row for row in found if options.wants(row.name))


def p95(times_ms: list[float]) -> float:
    """What 95 of a hundred keep."""
    return quantiles(times_ms, n=20)[-1]
