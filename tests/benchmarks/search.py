"""How quick a search is over a large store, beside ripgrep (or grep) over the same payloads and SQLite's LIKE.

    python tests/benchmarks/search.py [--events N]... [--folder PATH]

The store is written by the recorder's fold, and its indexer is fed with it, in C where ``native/`` is installed.
Messages are trades of about 200 bytes, as JSON.
A search runs as the log runs it: ``first`` is the first answer (rows, or how far it looked), ``pause`` the longest time
between two answers, ``cancel`` the longest of some interrupts. A search is measured the second time, its pages in the
memory of the system, as the peers' file is.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

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
# What takes longer is not asked twice: it has read its own pages from memory for most of the time
WARM_BELOW_S = 10.0

# What, our query, the peers' pattern
QUERIES = (
    ("word, nowhere", "quasar", "quasar"),
    ("words, nowhere", '"margin call"', "margin call"),
    ("word, 1 in a million", "rejected", "rejected"),
    ("number, 1 in a million", "4815162342", "4815162342"),
    ("number, nowhere", "9914815162", "9914815162"),
    ("word, everywhere", "coinbase", "coinbase"),
    ("value at a path, 1 in a million", "$.status:rejected", ""),
    ("session, nowhere", "session:ffffffffffffffff", ""),
    ("connection, 1 in a million", "conn:quiet", ""),
    ("lifecycle", "kind:connection", ""),
    ("ids", "id:1000..1100", ""),
    ("two letters, nowhere", "zq", "zq"),
    ("without a word that is everywhere", "-coinbase", ""),
    ("size, nowhere", "size>10kb", ""),
    ("number at a path, nowhere", "$.qty>=1000", ""),
    ("number equal at a path, nowhere", "$.seq=999777555", ""),
    ("expression, nowhere", r"/margin\s\d{7}/", r"margin\s[0-9]{7}"),
    ("alternatives, 1 in a million", "/rejected|margin call/", "rejected|margin call"),
    ("expression without a text, nowhere", r"/[xyz]{4}\d/", "[xyz]{4}[0-9]"),
    ("digits, everywhere", r"/\d{13}/", "[0-9]{13}"),
    ("digits, nowhere", r"/\d{17}/", "[0-9]{17}"),
    ("everything", "", ""),
)


class Measured(NamedTuple):
    """One search; all times in seconds."""

    found: int
    first_s: float
    whole_s: float
    pause_s: float


def main() -> None:
    """Build, index, search, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, action="append")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    for events in asked.events or [1_000_000, 10_000_000]:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            measure(Path(folder), events)


def measure(folder: Path, events: int) -> None:
    """One store, all queries."""
    path, lines = folder / "store.db", folder / "payloads.jsonl"
    said_index(path, build(path, lines, events), events)
    peer = shutil.which("rg") or "grep"
    print(f"{events:,} events; seconds, and million events a second\n")
    print(
        f"{'':36}{'found':>10}{'first':>8}{'all':>8}{'M/s':>7}{'pause':>7}{'cancel':>8}{Path(peer).name:>8}{'LIKE':>7}"
    )
    with closing(Reader(path, SystemClock())) as reader:
        for what, text, pattern in QUERIES:
            query = parse(text, ReferenceTime(T0_NS))
            ours = search(reader, query, events)
            if ours.whole_s < WARM_BELOW_S:
                ours = search(reader, query, events)
            cancel_s = max(cancelled(path, query, events, ours.whole_s) for _ in range(INTERRUPTS))
            theirs = f"{grep(peer, lines, pattern):8.3f}" if pattern else " " * 8
            like = f"{sql_like(path, pattern):7.2f}" if pattern and not {*"[|"} & {*pattern} else ""
            print(
                f"{what:36}{ours.found:>10,}{ours.first_s:8.3f}{ours.whole_s:8.3f}{events / ours.whole_s / 1e6:7.1f}"
                f"{ours.pause_s:7.3f}{cancel_s:8.3f}{theirs}{like}",
                flush=True,
            )
        print()


def build(path: Path, lines: Path, events: int) -> float:
    """A store of so many messages, and their payloads a line each; returns the seconds of CPU for its index."""
    rolls = random.Random(1)
    database = open_for_writing(path)
    run = database.begin_run(RunStart(T0_NS, 0, 1, "benchmark", ""))
    fold = Fold(database.connection, run, 0, (), keeps_all=True)
    sources = [Source(f"feed-{n}", "", f"{n:032x}", f"{n:016x}") for n in range(5)]
    made = messages(events, sources, rolls)
    indexer = SearchIndexer(database.connection, path)
    spent_s = 0.0
    with lines.open("wb") as file:
        for _ in range(0, events, BATCH):
            batch = list(islice(made, BATCH))
            file.writelines((event.payload or b"") + b"\n" for event in batch)
            fold.fold(batch)
            committed = fold.uncommitted
            with transaction(database.connection, path):
                fold.write()
            fold.committed()
            began = time.process_time()
            indexer.feed(committed)
            spent_s += time.process_time() - began
    database.end_run(T0_NS + events * STEP_NS)
    database.close()
    return spent_s


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


def said_index(path: Path, spent_s: float, events: int) -> None:
    """Say what the index of the store costs."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        (pages,) = connection.execute("SELECT count(*) FROM search_page").fetchone()
    size = path.stat().st_size
    print(
        f"indexed in {'C' if IS_COMPILED else 'Python'} in {spent_s / events * 1e6:.2f} µs of CPU an event; "
        f"{pages * 4096 / events:.1f} bytes an event, {pages * 4096 / size:.1%} of {size / 1e6:,.0f} MB"
    )


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
    return Measured(found, first_s, last - began, pause_s)


def cancelled(path: Path, query: Query, events: int, whole_s: float) -> float:
    """Seconds from an interrupt, somewhere within a search, to its end."""
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
    return spent_s


def grep(program: str, lines: Path, pattern: str) -> float:
    """Seconds that the peer needs, best of two."""
    return min(_grep(program, lines, pattern) for _ in range(2))


def _grep(program: str, lines: Path, pattern: str) -> float:
    options = ["-c", "-i"] if program.endswith("rg") else ["-c", "-i", "-E"]
    began = time.perf_counter()
    subprocess.run([program, *options, pattern, lines], stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def sql_like(path: Path, pattern: str) -> float:
    """Seconds of a plain statement over the payloads."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        began = time.perf_counter()
        connection.execute("SELECT count(*) FROM event WHERE payload LIKE ?", (f"%{pattern}%",)).fetchone()
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
