"""Lag of quiet connections beside one that gets the worst messages of every kind, against the same run without them.

    python -m tests.benchmarks.worst_messages [--seconds N] [--size BYTES] [--kind NAME]

A process of its own serves: ``QUIET`` connections get a text with its time of sending 20 times a second, and one more
gets a hostile message four times a second. Lag is from sending to the event. Goal: p99 at most 250 ms beside any kind.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import time
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec
from wsmon.engine.loop import new_event_loop
from wsmon.engine.supervisor import Supervisor
from wsmon.model.block import Block
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

QUIET = 10
QUIET_EVERY_S = 0.05
HOSTILE_EVERY_S = 0.25
GOAL_S = 0.25

# Repeated up to the size; the beginning of each message, and what is repeated
KINDS = {
    "none": (b"", b""),
    "parameters of URLs": (b"https://h/?", b"token=abcd&key=efgh&"),
    "keys and values": (b"", b"token=a&"),
    "members": (b"{", b'"token":"a",'),
    "harmless keys": (b"[", b'{"tokenId":1},'),
    "deep JSON": (b'{"token":', b"["),
    "digits": (b'{"token":', b"1"),
    "escaped quotes": (b'{"token":"', b'\\"'),
    "backslashes": (b'{"token":"', b"\\\\"),
    "escapes": (b'"', b"\\u0074oken"),
    "JSON texts": (b"", b'{"type":"a","token":"b"}\n'),
    "glued texts": (b"", b"{}"),
    "not numbers": (b"[", b"NaN,"),
    "topics": (b'{"op":"subscribe","args":[', b'"abcd",'),
    "base64": (b"PLAIN mechanism ", b"AHVzZXIAU0VD "),
    "private keys": (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA"),
    "elements": (b"", b"<password>a</password>"),
}


def message(kind: str, size: int) -> str:
    """Return a hostile message of that kind."""
    begin, unit = KINDS[kind]
    return (begin + unit * (size // len(unit)) if unit else b"").decode()


def serve_messages(pipe: Pipe, hostile: str) -> None:
    """The other process: the path says whether a connection is a quiet one."""

    async def send_all(connection: ServerConnection) -> None:
        is_quiet = connection.request is not None and connection.request.path == "/quiet"
        while connection.state is State.OPEN:
            if is_quiet:
                await connection.send(f'{{"sent_ns":{time.time_ns()}}}')
            elif hostile:
                await connection.send(hostile)
            await asyncio.sleep(QUIET_EVERY_S if is_quiet else HOSTILE_EVERY_S)

    async def send_until_closed(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await send_all(connection)

    async def run() -> None:
        async with serve(send_until_closed, "127.0.0.1", 0, compression=None) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.get_running_loop().create_future()

    asyncio.run(run())


class LagSink:
    """Keeps the lag of the quiet connections' messages, and counts those of the hostile one."""

    is_full = False

    def __init__(self) -> None:
        self.lags_s: list[float] = []
        self.hostile = 0

    def emit(self, _event: Event) -> None:
        """A lifecycle event."""

    def emit_message(self, event: Event) -> None:
        """A message."""
        if event.name != "message.received" or event.payload is None:
            return
        if event.source.connection == "hostile":
            self.hostile += 1
        else:
            sent_ns = int(event.payload.removeprefix(b'{"sent_ns":').removesuffix(b"}"))
            self.lags_s.append((time.time_ns() - sent_ns) / 1e9)

    def emit_block(self, block: Block) -> None:
        """Messages."""
        for event in block.events():
            self.emit_message(event)


async def measure(port: int, seconds: float) -> LagSink:
    """Record all connections for so long."""
    sink = LagSink()
    names = [*(f"quiet{n}" for n in range(QUIET)), "hostile"]
    specs = tuple(
        ConnectionSpec(name, Sensitive(f"ws://127.0.0.1:{port}/{name.rstrip('0123456789')}"), protocol="json")
        for name in names
    )
    supervisor = Supervisor(specs, (), sink, SystemClock(), random.Random(1))
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run())
        await asyncio.sleep(seconds)
        await supervisor.stop()
    return sink


def run(kind: str, size: int, seconds: float) -> LagSink:
    """Serve and record messages of one kind."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (theirs, message(kind, size))
    server = multiprocessing.get_context("spawn").Process(target=serve_messages, args=arguments, daemon=True)
    server.start()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(measure(ours.recv(), seconds))
    finally:
        server.terminate()
        server.join()


def main() -> None:
    """Parse the options, run each kind, print a line for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--size", type=int, default=1024 * 1024 - 1024, help="of a hostile message")
    parser.add_argument("--kind", choices=KINDS, action="append", help="beside none, which is always first")
    options = parser.parse_args()
    base_s = 0.0
    for kind in dict.fromkeys(("none", *(options.kind or KINDS))):
        sink = run(kind, options.size, options.seconds)
        lags_s = sorted(sink.lags_s)
        middle_s, p99_s = lags_s[len(lags_s) // 2], lags_s[len(lags_s) * 99 // 100]
        base_s = base_s or p99_s
        print(
            f"{kind:20} {sink.hostile:4} hostile  p50 {middle_s * 1e3:7.1f} ms  p99 {p99_s * 1e3:7.1f} ms"
            f"  {p99_s / base_s:6.1f} × without  {'met' if p99_s <= GOAL_S else 'MISSED'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
