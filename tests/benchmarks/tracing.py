"""What an application pays for tracing: CPU an event, beside ``logging`` to a file, and the import."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.table import Options, Row, paired
from tests.support.applications import ListeningRecorder
from wsmon.trace import Sink, TraceEvent

EVENTS = 50_000
QUICK_EVENTS = 500
SPOOLED, SENT, IMPORT = "emit, no recorder", "emit, to a recorder", "import wsmon.trace"
LOGGING = "logging to a file"
FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"
FLUSH_S = 120.0
# More than all events of a round
BUFFER_BYTES = 256 * 1024 * 1024


def rows(options: Options) -> Iterator[Row]:
    """Measure each row beside its peer, in turns."""
    count = QUICK_EVENTS if options.is_quick else EVENTS
    rounds = options.rounds_or(7)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        logged = _logging(folder / "log", count)
        if options.wants(SPOOLED):
            emitted = _emitting(folder / "spooled" / "store.db", count, time.process_time)
            yield Row(SPOOLED, "µs an event", *_sides(rounds, emitted, logged), goal=1.0)
        if options.wants(SENT):
            # The recorder is in this process: of the application, only the emitting thread can be told from it
            with ListeningRecorder(folder / "sent" / "store.db"):
                emitted = _emitting(folder / "sent" / "store.db", count, time.thread_time)
                yield Row(SENT, "µs an event, thread", *_sides(rounds, emitted, logged), goal=1.0)
    if options.wants(IMPORT):
        costs, peers = paired(rounds * 3, lambda: _import_ms("wsmon.trace"), lambda: _import_ms("msgspec"))
        yield Row(IMPORT, "ms", costs, "import msgspec", peers, goal=1.5)


def _sides(
    rounds: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[tuple[float, ...], str, tuple[float, ...]]:
    costs, peers = paired(rounds, ours, theirs)
    return costs, LOGGING, peers


def _emitting(store: Path, count: int, clock: Callable[[], float]) -> Callable[[], float]:
    def measure() -> float:
        sink = Sink(store, buffer_bytes=BUFFER_BYTES, spool_bytes=BUFFER_BYTES)
        began_s = clock()
        for number in range(count):
            sink.emit(TraceEvent(name="order.placed", meta={"qty": number, "symbol": "BTC"}))
        assert sink.flush(FLUSH_S)
        used_s = clock() - began_s
        assert sink.state.lost == 0
        sink.close()
        return used_s / count * 1e6

    return measure


def _logging(path: Path, count: int) -> Callable[[], float]:
    def measure() -> float:
        handler = logging.FileHandler(path)
        handler.setFormatter(logging.Formatter(FORMAT))
        logger = logging.getLogger("wsmon.benchmark")
        logger.propagate, logger.handlers = False, []
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        began_s = time.process_time()
        for number in range(count):
            logger.info("order placed %s", {"qty": number, "symbol": "BTC"})
        used_s = time.process_time() - began_s
        handler.close()
        return used_s / count * 1e6

    return measure


def _import_ms(name: str) -> float:
    """CPU of an import, as the interpreter sees it."""
    program = f"import time; began = time.process_time(); import {name}; print(time.process_time() - began)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e3
