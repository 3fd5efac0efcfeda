"""Growth that is faster than the work: the cost of a message where there is more and more, beside the least of it.

The writer takes messages with so many types, topics or keys (the first, then ten times as many, …), into a store that
has so many events already, and while so many incidents are open; the search of alert rules goes over them with more and
more rules. A ratio well over 1 says that something grows with what there is, and not with what is done. Memory is that
of a whole recorder whose store has reached its limit.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec

from tests.benchmarks.cpu import at_rest, resident_mib
from tests.benchmarks.feed import Load, running
from tests.benchmarks.sides import Recorder, newest_id
from tests.benchmarks.table import Options, Row, paired
from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS, message
from tests.support.recordings import FixedClock, recorded, specs
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.model.detectors import all_detectors
from wsmon.model.events import Event
from wsmon.query.parser import ReferenceTime, parse
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.fold import Fold
from wsmon.store.reader import Reader
from wsmon.store.transactions import transaction
from wsmon.store.writer import Writer

ROUNDS = 3
MESSAGES, QUICK_MESSAGES = 100_000, 2_000
RULE_MESSAGES = 20_000
FEWEST = 10
NUMBERS = (1_000, 100_000)
RULES = (10, 50, 250)
STEP_S = 0.0001
PAYLOAD = b'{"type":"trade","symbol":"BTC-USD","price":"97120.50","qty":"0.0125"}'
# Few and many, over the same connections; a message a second each
OPEN_INCIDENTS, GAP_S = (10, 1_000), 60
# By then all are open
OPENED_S = 4
COUNT_OPEN = "SELECT count(*) FROM incident WHERE closed_ns IS NULL"
# Of the recorder whose memory is watched
RETAINED_BYTES, MEMORY_MIB = 20_000_000, 9.5

# How a message is one of so many
VARIED: dict[str, Callable[[Event, int], Event]] = {
    "types": lambda event, n: msgspec.structs.replace(event, type=f"type-{n}"),
    "topics": lambda event, n: msgspec.structs.replace(event, topic=f"room:{n}"),
    "keys": lambda event, n: msgspec.structs.replace(event, payload=b'{"type":"trade","key-%d":1,"qty":"0.0125"}' % n),
    "refs": lambda event, n: msgspec.structs.replace(event, ref=f"{n}"),
}


def rows(options: Options) -> Iterator[Row]:
    """Measure each number beside the least."""
    yield from _variety_rows(options)
    yield from _rule_rows(options)
    yield from _incident_rows(options)
    yield from _store_rows(options)
    yield from _memory_rows(options)


def _variety_rows(options: Options) -> Iterator[Row]:
    count, rounds = options.amount(MESSAGES, QUICK_MESSAGES), options.rounds_or(ROUNDS)
    for what, vary in VARIED.items():
        for number in NUMBERS:
            name = f"store, {number:,} {what}"
            if options.wants(name):
                ours, theirs = (partial(_write, vary, each, count) for each in (number, FEWEST))
                yield _row(name, paired(rounds, ours, theirs), f"{FEWEST} {what}")


def _rule_rows(options: Options) -> Iterator[Row]:
    count, rounds = options.amount(RULE_MESSAGES, QUICK_MESSAGES), options.rounds_or(ROUNDS)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "store.db"
        for number in RULES[1:]:
            name = f"search of {number} alert rules"
            if options.wants(name):
                if not path.exists():
                    recorded(path, _events(VARIED["keys"], FEWEST, count), "feed")
                ours, theirs = (partial(_look, path, each) for each in (number, RULES[0]))
                yield _row(name, paired(rounds, ours, theirs), f"{RULES[0]} rules")


def _incident_rows(options: Options) -> Iterator[Row]:
    few, many = OPEN_INCIDENTS
    name = f"store, {many:,} open incidents"
    if options.wants(name):
        measure = partial(_write_with_gaps, connections=many, seconds=options.amount(GAP_S, 6))
        costs = paired(options.rounds_or(ROUNDS), partial(measure, many), partial(measure, few))
        yield _row(name, costs, f"{few} open incidents")


def _store_rows(options: Options) -> Iterator[Row]:
    name = "store, a million events before"
    if not options.wants(name):
        return
    before, count = options.amount(1_000_000, 4_000, 10_000_000), options.amount(MESSAGES, QUICK_MESSAGES)
    vary = VARIED["types"]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "store.db"
        for _ in range(0, before, count):
            _write_into(path, vary, FEWEST, count)
        ours, theirs = partial(_write_into, path, vary, FEWEST, count), partial(_write, vary, FEWEST, count)
        costs = paired(options.rounds_or(ROUNDS), ours, theirs)
    yield _row(name, costs, "none before", f"{before:,} events")


def _memory_rows(options: Options) -> Iterator[Row]:
    names = ("memory, a limited store", "memory, a limited store, growth")
    if not any(options.wants(name) for name in names):
        return
    first, count = options.amount(MESSAGES, QUICK_MESSAGES), options.amount(1_000_000, 6_000, 10_000_000)
    mib = _memory(first, count, options)
    note = f"{count:,} events"
    found = (
        Row(names[0], "MiB", (mib[-1],), f"after {first:,} events", (mib[0],), note=note),
        Row(names[1], "MiB", (mib[-1] - mib[0],), limit=MEMORY_MIB, note=note),
    )
    yield from (row for row in found if options.wants(row.name))


def _row(name: str, costs: tuple[tuple[float, ...], tuple[float, ...]], peer: str, note: str = "") -> Row:
    return Row(name, "µs a message", costs[0], peer, costs[1], note=note)


def _events(vary: Callable[[Event, int], Event], number: int, count: int) -> list[Event]:
    """Messages that take turns in being one of so many."""
    return [vary(message(PAYLOAD, n * STEP_S, "feed"), n % number) for n in range(count)]


def _write(vary: Callable[[Event, int], Event], number: int, count: int) -> float:
    """Microseconds of CPU a message to store, in a new store."""
    with tempfile.TemporaryDirectory() as folder:
        return _write_into(Path(folder) / "store.db", vary, number, count)


def _write_into(path: Path, vary: Callable[[Event, int], Event], number: int, count: int) -> float:
    """Microseconds of CPU a message to store, with the end of the writer."""
    failures: list[BaseException] = []
    clock = SystemClock()
    ts_ns, mono_ns = clock.wall_ns(), clock.mono_ns()
    database = open_for_writing(path)
    database.begin_run(RunStart(ts_ns, mono_ns, 1, "benchmark", ""))
    bus = Bus(on_drained=lambda: None, high_water_bytes=sys.maxsize)
    # Events of another year would be pruned
    for n, event in enumerate(_events(vary, number, count)):
        step_ns = round(n * STEP_S * SECOND_NS)
        bus.emit_message(msgspec.structs.replace(event, ts_ns=ts_ns + step_ns, mono_ns=mono_ns + step_ns))
    bus.close()
    began_s = time.process_time()
    writer = Writer(database, bus, clock, on_commit=lambda *_committed: None, on_failure=failures.append)
    writer.start()
    writer.join()
    assert not failures, failures
    return (time.process_time() - began_s) / count * 1e6


def _write_with_gaps(gaps: int, connections: int, seconds: int) -> float:
    """Microseconds of CPU a message to fold, detect in and commit, with a gap open in so many of the connections."""
    names = [f"feed-{n}" for n in range(connections)]
    made = [
        [message(PAYLOAD, second, name, meta={"seq": second * (2 if n < gaps else 1)}) for n, name in enumerate(names)]
        for second in range(seconds)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with closing(open_for_writing(path)) as database:
            run = database.begin_run(RunStart(T0_NS, MONO_0_NS, 1, "benchmark", ""))
            fold = Fold(database.connection, run, 0, all_detectors())
            fold.configure(specs(*names), T0_NS)
            for second, events in enumerate(made):
                if second == OPENED_S:
                    began_s = time.process_time()
                fold.fold(events)
                fold.detect(T0_NS + second * SECOND_NS, MONO_0_NS + second * SECOND_NS)
                with transaction(database.connection, path):
                    fold.write()
                fold.committed()
            used_s = time.process_time() - began_s
            (is_open,) = database.connection.execute(COUNT_OPEN).fetchone()
    assert is_open == gaps, f"{is_open} incidents are open"
    return used_s / ((seconds - OPENED_S) * connections) * 1e6


def _memory(first: int, count: int, options: Options) -> list[float]:
    """Resident MiB of a recorder after the first messages, and again each time after as many."""
    load = Load("mixed", first)
    side = Recorder(settings=f"retention = {{ size = {RETAINED_BYTES} }}")
    with tempfile.TemporaryDirectory(dir=options.folder) as name, running(load) as server:
        folder = Path(name)
        with side.recording(folder, [server.port]) as process:
            found = []
            for _ in range(count // first):
                server.opened()
                server.send()
                at_rest([process.pid], state=lambda: newest_id(folder / "store.db"))
                found.append(resident_mib(process.pid))
                server.close()
            process.terminate()
            process.wait()
    return found


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
