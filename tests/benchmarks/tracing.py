"""What an application pays for tracing: CPU an event, beside ``logging`` to a file, a connection, and the import."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from websockets.asyncio.client import connect as library_connect
from websockets.asyncio.server import Server, ServerConnection, serve

from tests.benchmarks.table import Options, Row, paired
from tests.support.applications import ListeningRecorder
from wsmon.control.lock import holder
from wsmon.trace import Bus, Sink, TraceEvent, sink_of
from wsmon.trace import connect as trace_connect

EVENTS = 50_000
QUICK_EVENTS = 500
SPOOLED, SENT, IMPORT = "emit, no recorder", "emit, to a recorder", "import wsmon.trace"
CONNECTED = "receive, wsmon.trace.connect"
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
# A message that is received is three events: itself, and the start and the end of its handling
MESSAGES = 5_000
# What a traced connection may cost, in those of a plain one
MOST_TIMES = 6.0
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
        if options.wants(CONNECTED):
            sent = QUICK_EVENTS if options.is_quick else MESSAGES
            with _Flood(sent) as url:
                costs, peers = paired(
                    rounds,
                    lambda: _receiving(partial(trace_connect, sink=_bounded(folder)), url, sent),
                    lambda: _receiving(library_connect, url, sent),
                )
            yield Row(CONNECTED, "µs a message, thread", costs, "websockets.connect", peers, goal=MOST_TIMES)
    if options.wants(IMPORT):
        costs, peers = paired(rounds * 3, lambda: _import_ms("wsmon.trace"), lambda: _import_ms("msgspec"))
        yield Row(IMPORT, "ms", costs, "import msgspec", peers, goal=1.5)


class _Flood:
    """A server in a thread of its own that sends so many trades to each client."""

    def __init__(self, count: int) -> None:
        self._texts = [json.dumps({"type": "trade", "symbol": "BTC", "price": n, "seq": n}) for n in range(count)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._started(), self._loop).result()
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.close()
        asyncio.run_coroutine_threadsafe(self._server.wait_closed(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _started(self) -> Server:
        async def send(connection: ServerConnection) -> None:
            for text in self._texts:
                await connection.send(text)

        return await serve(send, "127.0.0.1", 0, compression=None)


def _receiving(connect: Callable[..., library_connect], url: str, count: int) -> float:
    """CPU of the thread that receives; what brings the events away is another one."""

    async def receive() -> float:
        async with connect(url, compression=None) as connection:
            began_s = time.thread_time()
            received = [message async for message in connection]
            used_s = time.thread_time() - began_s
        assert len(received) == count
        return used_s / count * 1e6

    return asyncio.run(receive())


def _bounded(folder: Path) -> Sink:
    return sink_of(folder / "connected" / "store.db")


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
        # Dialling is not what is measured, and a busy machine takes its time for it
        bus.publish(TraceEvent(name="order.placed"))
        ends_s = time.monotonic() + FLUSH_S
        while not (sink.state.is_connected and bus.flush(FLUSH_S)):
            assert time.monotonic() < ends_s, sink.state
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
