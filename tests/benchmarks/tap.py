"""CPU a message: the library's ``async for`` that discards, against the tap with events and a sink, in one run.

Run: ``python tests/benchmarks/tap.py [messages]``. A process of its own serves 200-byte texts; both receivers take
turns on the same event loop, and the best of the rounds counts. Goal: the ratio is at most 1.35.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
import time
from multiprocessing.connection import Connection as Pipe

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec
from wsmon.engine.loop import new_event_loop
from wsmon.engine.supervisor import Supervisor
from wsmon.model.block import Block
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

ROUNDS = 5
SIZE_BYTES = 200
# Sent with one write, as a busy feed arrives
CHUNK_MESSAGES = 100
GOAL = 1.35


class ListSink:
    """Keeps every message, and says when the session ended."""

    is_full = False

    def __init__(self) -> None:
        self.received: list[Event] = []
        self.done = asyncio.Event()

    def emit(self, event: Event) -> None:
        """A lifecycle event."""
        if event.name == "connection.disconnected":
            self.done.set()

    def emit_message(self, event: Event) -> None:
        """A message."""
        self.received.append(event)

    def emit_block(self, block: Block) -> None:
        """Messages."""
        self.received += block.events()


def serve_messages(pipe: Pipe, messages: int) -> None:
    """The other process: so many texts for everybody who connects, then a close."""

    async def send_all(connection: ServerConnection) -> None:
        frame = bytes([0x81, 126]) + SIZE_BYTES.to_bytes(2, "big") + b'{"qty":1.25,"price":"'.ljust(SIZE_BYTES, b"7")
        for _ in range(messages // CHUNK_MESSAGES):
            connection.transport.write(frame * CHUNK_MESSAGES)
            await connection.drain()

    async def run() -> None:
        async with serve(send_all, "127.0.0.1", 0, compression=None) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.get_running_loop().create_future()

    asyncio.run(run())


async def discard(url: str) -> int:
    """The library, and nothing done with what it yields."""
    count = 0
    async with connect(url, compression=None, ping_interval=None) as connection:
        async for _ in connection:
            count += 1
    return count


async def tap(url: str) -> int:
    """A supervisor with one connection; every message becomes an event in a list."""
    sink = ListSink()
    spec = ConnectionSpec("feed", Sensitive(url), compression=False)
    supervisor = Supervisor((spec,), (), sink, SystemClock(), random.Random(1))
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run())
        await sink.done.wait()
        await supervisor.stop()
    return len(sink.received)


async def measure(url: str, messages: int) -> tuple[float, float]:
    """Best CPU seconds a message of both."""
    library_s: list[float] = []
    tap_s: list[float] = []
    for _ in range(ROUNDS):
        start_s = time.process_time()
        assert await discard(url) == messages
        library_s.append(time.process_time() - start_s)
        start_s = time.process_time()
        assert await tap(url) == messages
        tap_s.append(time.process_time() - start_s)
    return min(library_s) / messages, min(tap_s) / messages


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve_messages, args=(theirs, messages), daemon=True)
    server.start()
    try:
        url = f"ws://127.0.0.1:{ours.recv()}/"
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            library_s, tap_s = runner.run(measure(url, messages))
    finally:
        server.terminate()
        server.join()
    ratio = tap_s / library_s
    print(f"async for, discarding   {library_s * 1e6:6.2f} µs a message")
    print(f"tap, event, list sink   {tap_s * 1e6:6.2f} µs a message")
    print(f"ratio                   {ratio:6.2f}    (goal: at most {GOAL}: {'met' if ratio <= GOAL else 'MISSED'})")


if __name__ == "__main__":
    main()
