"""What an application pays for tracing: CPU an event, beside ``logging`` to a file, and the import."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.table import Options, Row, paired
from tests.support.applications import ListeningRecorder
from wsmon.control.lock import holder
from wsmon.trace import Bus, Sink, TraceEvent

EVENTS = 50_000
QUICK_EVENTS = 500
SPOOLED, SENT, IMPORT = "emit, no recorder", "emit, to a recorder", "import wsmon.trace"
PUBLISHED = "publish, recorder process"
LOGGING = "logging to a file"
FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"
FLUSH_S = 120.0
# Applications alone report
CONFIGURATION = """
[[connection]]
name = "off"
url = "ws://127.0.0.1:9/"
enabled = false
"""
START_S = 30.0
POLL_S = 0.05
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
        if options.wants(PUBLISHED):
            with _recorder(folder / "published") as store:
                published = _publishing(store, count)
                yield Row(PUBLISHED, "µs an event", *_sides(rounds, published, logged), goal=1.0)
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


def _publishing(store: Path, count: int) -> Callable[[], float]:
    """CPU of all threads of the application: the recorder is another process."""

    def measure() -> float:
        sink = Sink(store, buffer_bytes=BUFFER_BYTES, spool_bytes=BUFFER_BYTES)
        bus = Bus(connection="shop", sink=sink)
        began_s = time.process_time()
        for number in range(count):
            bus.publish(TraceEvent(name="order.placed", meta={"qty": number, "symbol": "BTC"}))
        assert bus.flush(FLUSH_S)
        used_s = time.process_time() - began_s
        state = sink.state
        assert (state.lost, state.refused, state.is_connected) == (0, 0, True), state
        sink.close()
        return used_s / count * 1e6

    return measure


@contextmanager
def _recorder(folder: Path) -> Iterator[Path]:
    """A recorder process, and its store."""
    folder.mkdir()
    config, store = folder / "wsmon.toml", folder / "store.db"
    config.write_text(CONFIGURATION)
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder), "TMPDIR": str(folder)}
    command = [sys.executable, "-P", "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"]
    with subprocess.Popen(command, env=environ) as process:
        try:
            ends_s = time.monotonic() + START_S
            while (held := holder(store)) is None or not held.socket or not Path(held.socket).exists():
                assert process.poll() is None, "the recorder ended"
                assert time.monotonic() < ends_s, "the recorder did not start in time"
                time.sleep(POLL_S)
            yield store
        finally:
            process.terminate()
            process.wait()


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
