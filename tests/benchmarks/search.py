"""How quick a search is over a large store, beside SQLite's LIKE, or ripgrep (or grep) over the same payloads.

The store is written by the recorder's fold, and its indexer is fed with it, in C where ``native/`` is installed.
Messages are trades of about 200 bytes, as JSON. A search runs as the log runs it; *first answer* is rows, or how far it
looked, *pause* the longest time between two answers, *cancel* the longest of some interrupts. A search is measured when
its pages are in the memory of the system, as the peers' file is. Where the peer's query is another, it looks for a word
that is nowhere.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.table import Options, Row, paired
from wsmon.clock import SystemClock
from wsmon.model.events import Event, Source
from wsmon.query.ast import Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.fold import Fold
from wsmon.store.reader import Reader
from wsmon.store.search.marks import IS_COMPILED
from wsmon.store.search.skip_index import SearchIndexer
from wsmon.store.transactions import transaction
from wsmon.tui.panes.log_filter import Search, run_search

BATCH = 5_000
T0_NS = 1_760_000_000 * 10**9
# 10,000 messages a second
STEP_NS = 100_000
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "ADA-EUR", "DOGE-USDT", "LTC-BTC")
RARE_EVERY = 1_000_000
INTERRUPTS = 5
ROUNDS = 3
NOWHERE = "quasar"
FIELD_MS, WORD_MS, ROWS_PER_MS = 100.0, 300.0, 1_000
INDEXED = "search index"
# Of all queries, and the most milliseconds
SLOWEST = {"search, first answer": 100.0, "search, longest pause": 250.0, "search, cancel": 100.0}

# What, our query, the peers' pattern (empty: none), and the most milliseconds (None: at ``ROWS_PER_MS``)
QUERIES = (
    ("word, nowhere", "quasar", "quasar", WORD_MS),
    ("words, nowhere", '"margin call"', "margin call", WORD_MS),
    ("word, 1 in a million", "rejected", "rejected", WORD_MS),
    ("number, 1 in a million", "4815162342", "4815162342", WORD_MS),
    ("number, nowhere", "9914815162", "9914815162", WORD_MS),
    ("word, everywhere", "coinbase", "coinbase", None),
    ("value at a path, 1 in a million", "$.status:rejected", "", WORD_MS),
    ("session, nowhere", "session:ffffffffffffffff", "", FIELD_MS),
    ("connection, 1 in a million", "conn:quiet", "", FIELD_MS),
    ("lifecycle", "kind:connection", "", FIELD_MS),
    ("ids", "id:1000..1100", "", FIELD_MS),
    ("two letters, nowhere", "zq", "zq", None),
    ("without a word that is everywhere", "-coinbase", "", None),
    ("size, nowhere", "size>10kb", "", None),
    ("number at a path, nowhere", "$.qty>=1000", "", None),
    ("number equal at a path, nowhere", "$.seq=999777555", "", WORD_MS),
    ("expression, nowhere", r"/margin\s\d{7}/", r"margin\s[0-9]{7}", None),
    ("alternatives, 1 in a million", "/rejected|margin call/", "rejected|margin call", None),
    ("expression without a text, nowhere", r"/[xyz]{4}\d/", "[xyz]{4}[0-9]", None),
    ("digits, everywhere", r"/\d{13}/", "[0-9]{13}", None),
    ("digits, nowhere", r"/\d{17}/", "[0-9]{17}", None),
    ("everything", "", "", None),
)


class Measured(NamedTuple):
    """One search; all times in milliseconds."""

    found: int
    first: float
    whole: float
    pause: float


def rows(options: Options) -> Iterator[Row]:
    """Build, index, search."""
    all_names = (INDEXED, *SLOWEST, *(f"search, {what}" for what, *_ in QUERIES))
    if not any(options.wants(name) for name in all_names):
        return
    events, rounds = options.amount(1_000_000, 20_000, 10_000_000), options.rounds_or(ROUNDS)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path, lines = Path(folder) / "store.db", Path(folder) / "payloads.jsonl"
        indexed_s, folded_s = build(path, lines, events)
        if options.wants(INDEXED):
            cost_us, peer_us = (each / events * 1e6 for each in (indexed_s, folded_s))
            note = size_of(path, events)
            yield Row(INDEXED, "µs an event", (cost_us,), "fold and insert", (peer_us,), note=note)
        slowest = dict.fromkeys(SLOWEST, (0.0, ""))
        for what, text, pattern, limit_ms in QUERIES:
            name = f"search, {what}"
            if not any(options.wants(each) for each in (name, *SLOWEST)):
                continue
            query = parse(text, ReferenceTime(T0_NS))
            with closing(Reader(path, SystemClock())) as reader:
                found: list[Measured] = [search(reader, query, events)]

                def ours(reader: Reader = reader, query: Query = query, found: list[Measured] = found) -> float:
                    found.append(search(reader, query, events))
                    return found[-1].whole

                peer, theirs = peer_of(path, lines, pattern)
                costs, peer_costs = paired(rounds, ours, theirs)
            latest = found[-1]
            cancel = max(cancelled(path, query, events, latest.whole / 1000) for _ in range(INTERRUPTS))
            for each, took_ms in zip(SLOWEST, (latest.first, latest.pause, cancel), strict=True):
                slowest[each] = max(slowest[each], (took_ms, what))
            if options.wants(name):
                limit = events / ROWS_PER_MS if limit_ms is None else limit_ms
                yield Row(name, "ms", costs, peer, peer_costs, limit=limit, note=f"{latest.found:,} found")
        for name, (took_ms, what) in slowest.items():
            if options.wants(name):
                yield Row(name, "ms", (took_ms,), limit=SLOWEST[name], note=what)


def build(path: Path, lines: Path, events: int) -> tuple[float, float]:
    """A store of so many messages, and their payloads a line each; returns CPU seconds of its index and of the rest."""
    rolls = random.Random(1)
    database = open_for_writing(path)
    run = database.begin_run(RunStart(T0_NS, 0, 1, "benchmark", ""))
    fold = Fold(database.connection, run, 0, (), keeps_all=True)
    sources = [Source(f"feed-{n}", "", f"{n:032x}", f"{n:016x}") for n in range(5)]
    made = messages(events, sources, rolls)
    indexer = SearchIndexer(database.connection, path)
    indexed_s = folded_s = 0.0
    with lines.open("wb") as file:
        for _ in range(0, events, BATCH):
            batch = list(islice(made, BATCH))
            file.writelines((event.payload or b"") + b"\n" for event in batch)
            began = time.process_time()
            fold.fold(batch)
            committed = fold.uncommitted
            with transaction(database.connection, path):
                fold.write()
            fold.committed()
            committed_s = time.process_time()
            indexer.feed(committed)
            folded_s += committed_s - began
            indexed_s += time.process_time() - committed_s
    database.end_run(T0_NS + events * STEP_NS)
    database.close()
    return indexed_s, folded_s


def messages(events: int, sources: list[Source], rolls: random.Random) -> Iterator[Event]:
    """Trades; of a million, one is rejected, and one is of a connection that says nothing else."""
    quiet = Source("quiet", "", f"{99:032x}", f"{99:016x}")
    for n in range(events):
        is_rare = n % RARE_EVERY == RARE_EVERY // 2
        symbol = rolls.choice(SYMBOLS)
        payload = {
            "type": "trade",
            "symbol": symbol,
            "seq": 1_000_000 + n,
            "price": round(rolls.uniform(10, 90_000), 2),
            "qty": round(rolls.random() * 3, 6),
            "order_id": f"{rolls.getrandbits(64):016x}",
            "ts": 1_760_000_000_000 + n // 10,
            "venue": "coinbase-pro",
            "status": "rejected" if is_rare else "filled",
        }
        if is_rare:
            payload["order"] = 4_815_162_342
        written = json.dumps(payload, separators=(",", ":")).encode()
        source = quiet if n % RARE_EVERY == RARE_EVERY // 3 else sources[n % len(sources)]
        ts_ns = T0_NS + n * STEP_NS
        size = len(written)
        yield Event(
            source,
            "message.received",
            ts_ns,
            n * STEP_NS,
            "in",
            "text",
            size,
            size + 4,
            written,
            type="trade",
            topic=symbol,
        )


def size_of(path: Path, events: int) -> str:
    """How large the index of a store is."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        (pages,) = connection.execute("SELECT count(*) FROM search_page").fetchone()
    share = pages * 4096 / path.stat().st_size
    return f"{'C' if IS_COMPILED else 'Python'}; {pages * 4096 / events:.1f} bytes an event, {share:.1%} of the store"


def search(reader: Reader, query: Query, events: int) -> Measured:
    """One search, newest first, as the log does it."""
    began = last = time.perf_counter()
    found, first_s, pause_s = 0, 0.0, 0.0
    for answer in run_search(reader, Search(1, "filter", query, 1, events), lambda: False):
        now = time.perf_counter()
        first_s = first_s or now - began
        pause_s = max(pause_s, now - last)
        last = now
        found += len(answer.ids)
    return Measured(found, first_s * 1000, (last - began) * 1000, pause_s * 1000)


def cancelled(path: Path, query: Query, events: int, whole_s: float) -> float:
    """Milliseconds from an interrupt, somewhere within a search, to its end."""
    started, ended = threading.Event(), threading.Event()
    readers: list[Reader] = []

    def run() -> None:
        with closing(Reader(path, SystemClock())) as reader:
            readers.append(reader)
            started.set()
            with suppress(InterruptedError):
                search(reader, query, events)
            ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    time.sleep(min(2.0, whole_s) * random.random())
    began = time.perf_counter()
    while not ended.is_set():
        readers[0].interrupt()
        ended.wait(0.001)
    spent_s = time.perf_counter() - began
    thread.join()
    return spent_s * 1000


def peer_of(path: Path, lines: Path, pattern: str) -> tuple[str, Callable[[], float]]:
    """A peer's name, and what measures its milliseconds."""
    if {*pattern} & {*"[|"}:
        program = shutil.which("rg") or "grep"
        return Path(program).name, partial(grep, program, lines, pattern)
    return "LIKE", partial(sql_like, path, pattern or NOWHERE)


def grep(program: str, lines: Path, pattern: str) -> float:
    """Milliseconds that a program needs to count the lines."""
    options = ["-c", "-i"] if program.endswith("rg") else ["-c", "-i", "-E"]
    began = time.perf_counter()
    subprocess.run([program, *options, pattern, lines], stdout=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - began) * 1000


def sql_like(path: Path, pattern: str) -> float:
    """Milliseconds of a plain statement over the payloads."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        began = time.perf_counter()
        connection.execute("SELECT count(*) FROM event WHERE payload LIKE ?", (f"%{pattern}%",)).fetchone()
        return (time.perf_counter() - began) * 1000
