"""Growth that is faster than the work: the cost of a message where more and more is told apart, beside the least of it.

The writer takes messages with so many types, topics or keys (the first, then ten times as many, …), and the search of
alert rules goes over them with more and more rules. A ratio well over 1 says that something grows with what there is,
and not with what is done.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tests.benchmarks.table import Options, Row
from tests.support.builders import message
from tests.support.recordings import FixedClock, recorded
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.model.events import Event
from wsmon.query.parser import ReferenceTime, parse
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.writer import Writer

ROUNDS = 3
MESSAGES, QUICK_MESSAGES = 100_000, 2_000
RULE_MESSAGES = 20_000
FEWEST = 10
NUMBERS = (1_000, 100_000)
RULES = (10, 50, 250)
STEP_S = 0.0001

# How a message is one of so many
VARIED: dict[str, Callable[[Event, int], Event]] = {
    "types": lambda event, n: msgspec.structs.replace(event, type=f"type-{n}"),
    "topics": lambda event, n: msgspec.structs.replace(event, topic=f"room:{n}"),
    "keys": lambda event, n: msgspec.structs.replace(event, payload=b'{"type":"trade","key-%d":1,"qty":"0.0125"}' % n),
    "refs": lambda event, n: msgspec.structs.replace(event, ref=f"{n}"),
}


def rows(options: Options) -> Iterator[Row]:
    """Measure each number beside the least."""
    count = options.amount(MESSAGES, QUICK_MESSAGES)
    for what, vary in VARIED.items():
        for number in NUMBERS:
            name = f"store, {number:,} {what}"
            if options.wants(name):
                found = [(_write(vary, number, count), _write(vary, FEWEST, count)) for _ in _rounds(options)]
                yield _row(name, found, f"{FEWEST} {what}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "store.db"
        for number in RULES[1:]:
            name = f"search of {number} alert rules"
            if options.wants(name):
                if not path.exists():
                    recorded(
                        path, _events(VARIED["keys"], FEWEST, options.amount(RULE_MESSAGES, QUICK_MESSAGES)), "feed"
                    )
                found = [(_look(path, number), _look(path, RULES[0])) for _ in _rounds(options)]
                yield _row(name, found, f"{RULES[0]} rules")


def _row(name: str, found: list[tuple[float, float]], peer: str) -> Row:
    ours, theirs = zip(*found, strict=True)
    return Row(name, "µs a message", ours, peer, theirs)


def _rounds(options: Options) -> range:
    return range(options.rounds_or(ROUNDS))


def _events(vary: Callable[[Event, int], Event], number: int, count: int) -> list[Event]:
    """Messages that take turns in being one of so many."""
    payload = b'{"type":"trade","symbol":"BTC-USD","price":"97120.50","qty":"0.0125"}'
    return [vary(message(payload, n * STEP_S, "feed"), n % number) for n in range(count)]


def _write(vary: Callable[[Event, int], Event], number: int, count: int) -> float:
    """Microseconds of CPU a message to store."""
    failures: list[BaseException] = []
    with tempfile.TemporaryDirectory() as folder:
        database = open_for_writing(Path(folder) / "store.db")
        database.begin_run(RunStart(1, 1, 1, "benchmark", ""))
        bus = Bus(on_drained=lambda: None, high_water_bytes=sys.maxsize)
        for event in _events(vary, number, count):
            bus.emit_message(event)
        bus.close()
        began_s = time.process_time()
        writer = Writer(database, bus, SystemClock(), on_commit=lambda *_committed: None, on_failure=failures.append)
        writer.start()
        writer.join()
    assert not failures, failures
    return (time.process_time() - began_s) / count * 1e6


def _look(path: Path, number: int) -> float:
    """Microseconds of CPU a message to search for so many rules; a quarter of them each of four sorts."""
    sorts = ("rejected-{}", "type:trade $.qty>={}000", "$.account:acc-{}", "kind:connection code:{}")
    queries = {str(n): parse(sorts[n % len(sorts)].format(n), ReferenceTime(0)) for n in range(number)}
    view = Reader(path, FixedClock())
    last_id = view.bounds().last_id
    began_s = time.process_time()
    view.first_matches(queries, 1, last_id)
    used_s = time.process_time() - began_s
    view.close()
    return used_s / last_id * 1e6
