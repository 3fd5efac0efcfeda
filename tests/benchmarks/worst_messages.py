"""What the worst messages of every kind cost the event loop, and the lag of quiet connections beside them.

CPU is of one message of a kind, from the frame to its event, for the protocol that takes longest; the peer is a
harmless message of the same size. What other processes slow down is measured by a loop before and after each message,
and figures are as if it took ``LOOP_S``. Lag is from sending to the event: a process of its own serves ``QUIET``
connections that get a text with its time of sending 20 times a second, and one more that gets a hostile message four
times a second. The peer is the same without hostile messages.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection as Pipe
from typing import get_args

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from tests.benchmarks.table import Options, Row, paired
from wsmon.clock import SystemClock
from wsmon.config.specs import BuiltInProtocol, ConnectionSpec, ProtocolName
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import FramePath
from wsmon.engine.loop import new_event_loop
from wsmon.engine.messages import capture_of, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.supervisor import Supervisor
from wsmon.engine.ticker import Ticker
from wsmon.model.block import Block
from wsmon.model.events import Event, Source
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.redactor import Redactor

QUIET = 10
QUIET_EVERY_S = 0.05
HOSTILE_EVERY_S = 0.25
GOAL_S = 0.25
KIB, MIB = 1024, 1024 * 1024
CPU_GOALS_S = {64 * KIB: 0.005, MIB - KIB: 0.050}
ROUNDS = 3
# The loop on a machine on which nothing else runs, as fast as a slow server of today
LOOP_S = 0.0028
LOOPS = 100_000
SECRET = "correct-horse-battery"
PROTOCOLS: tuple[ProtocolName, ...] = tuple(name for name in get_args(BuiltInProtocol) if name != "auto")

NONE = "none"
# Up to its end
HARMLESS = b'{"type":"'

# Repeated up to the size; the beginning of each message, and what is repeated
KINDS = {
    NONE: (b"", b""),
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
    "open elements": (b"", b"<password>"),
    "words": (b"", b"token "),
    "words in quotes": (b"", b'"token" '),
    "keys in a run": (b"", b"token="),
    "names and values": (b"[", b'{"value":"x","name":"password"},'),
    "logins": (b"[", b'{"action":"auth","params":"KEY"},'),
    "arguments of a login": (b'{"action":"auth","params":[', b'"a",'),
    "signatures": (b'{"api_key":1,', b'"sig":"a",'),
    "headers in a string": (b'{"x":"Cookie:a=\\"', b'=\\"'),
    "encoded JSON": (b"", b"%22token%22%3A%22abc%22%2C"),
    "JSON in escapes": (b'"', b"{\\u0022token\\u0022:\\u0022a\\u0022},"),
    "escaped escapes": (b'"', b"\\u005cu005cu0074oken"),
    "MessagePack": (b"\x81", b"\xa8password\xa3abc"),
    "lists behind a key": (b'{"token":', b"[]"),
    "errors": (b"[", b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"token=a"}},'),
    "packets": (b"", b'42["a",{"token":"b"}]\x1e'),
    "a reason": (b'["1","1","t","phx_reply",{"status":"error","response":{"reason":"', b"token=a "),
    "glued logins": (b"", b'{"op":"login","args":["a"]}'),
    "a secret in each item": (b"[", b'{"v":"%s"},' % SECRET.encode()),
    "a query": (b'{"type":"subscribe","id":"1","payload":{"query":"', b"subscription{a(token:1)}"),
    "a frame of STOMP": (b"SEND\n", b"token:a\n"),
    "URLs": (b"[", b'"https://example.com/x?w=1&h=2",'),
    "a page": (
        b"",
        b'<p><a href="https://example.com/p?id=1&amp;x=2" class="author">password</a> and text</p>\n',
    ),
    "a log": (b"", b"2026-01-01T00:00:00Z GET https://example.com/api?page=2&size=10 200 12ms, token refreshed\n"),
}
# Their names are all different
COUNTED = {
    "different keys": b'"token%d":%d,',
    "different parameters": b"https://h/?token%d=%d ",
    "different elements": b"<token%d>%d",
}


def message(kind: str, size: int) -> bytes:
    """Return a hostile message of that kind."""
    if kind in COUNTED:
        return b"".join(COUNTED[kind] % (number, number) for number in range(size // 12))[:size]
    begin, unit = KINDS[kind]
    return begin + unit * (size // len(unit)) if unit else b""


class NoSink:
    """Takes events, and keeps the last message."""

    is_full = False
    last: Event | None = None

    def emit(self, _event: Event) -> None:
        """A lifecycle event."""

    def emit_message(self, event: Event) -> None:
        """A message, or what it means."""
        self.last = event if event.name == "message.received" else self.last

    def emit_block(self, block: Block) -> None:
        """Messages."""
        self.last = list(block.events())[-1]


def loop_s() -> float:
    """Return the CPU of a loop that does nothing but count."""
    began_s = time.process_time()
    count = 0
    for number in range(LOOPS):
        count += number & 3
    return time.process_time() - began_s


def cpu_s(protocol: ProtocolName, payload: bytes) -> tuple[float, bool]:
    """Return the CPU of one message of a fresh session, scaled by the loop, and whether its rest was masked unread."""
    sink, clock = NoSink(), SystemClock()
    spec = ConnectionSpec("feed", Sensitive("ws://h/"), protocol=protocol)
    reporter = Reporter(
        Source("feed", trace_id="t" * 32, connection_id="c" * 16), Redactor(secrets=(SECRET,)), sink, clock
    )
    messages = message_path(
        spec, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), random.randbytes
    )
    frames = FramePath(reporter.source, capture_of(spec), reporter.redactor, sink, clock, lambda: None, messages)
    if messages is not None:
        messages.begin("ws://h/", "")
        messages.start(frames.now())
    opcode: DataOpcode = "text" if payload[:1] != b"\x81" else "binary"
    before_s = loop_s()
    began_s = time.process_time()
    frames.on_message(opcode, payload, len(payload) + 10, 1)
    took_s = time.process_time() - began_s
    took_s *= LOOP_S / ((before_s + loop_s()) / 2)
    if messages is not None:
        messages.end(frames.now())
    return took_s, bool(sink.last and sink.last.meta and "masked" in sink.last.meta)


async def worst_cpu(kind: str, size: int) -> tuple[float, str]:
    """Milliseconds of CPU of one message of a kind, the best of rounds, and the protocol that takes longest."""
    payload = message(kind, size) or HARMLESS + b"x" * (size - len(HARMLESS) - 2) + b'"}'
    worst = max((min(cpu_s(protocol, payload) for _ in range(ROUNDS)), protocol) for protocol in PROTOCOLS)
    (took_s, is_over), protocol = worst
    return took_s * 1000, f"{protocol}{', rest masked' if is_over else ''}"


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
    """Keeps the lag of the quiet connections' messages."""

    is_full = False

    def __init__(self) -> None:
        self.lags_s: list[float] = []

    def emit(self, _event: Event) -> None:
        """A lifecycle event."""

    def emit_message(self, event: Event) -> None:
        """A message."""
        if event.name != "message.received" or event.payload is None:
            return
        if event.source.connection != "hostile":
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
    arguments = (theirs, message(kind, size).decode("latin-1"))
    server = multiprocessing.get_context("spawn").Process(target=serve_messages, args=arguments, daemon=True)
    server.start()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(measure(ours.recv(), seconds))
    finally:
        server.terminate()
        server.join()


def rows(options: Options) -> Iterator[Row]:
    """Measure each kind."""
    kinds = [kind for kind in (*KINDS, *COUNTED) if kind != NONE]
    for size, goal_s in CPU_GOALS_S.items():
        names = {kind: f"worst messages, {kind}, {-(-size // KIB)} KiB" for kind in kinds}
        wanted = {kind: name for kind, name in names.items() if options.wants(name)}
        if not wanted:
            continue
        harmless_ms, _ = asyncio.run(worst_cpu(NONE, size))
        for kind, name in wanted.items():
            cost_ms, note = asyncio.run(worst_cpu(kind, size))
            yield Row(name, "ms", (cost_ms,), "a text", (harmless_ms,), limit=goal_s * 1000, note=note)
    lags = {kind: f"worst messages, {kind}, lag of others" for kind in kinds}
    of_lag = [kind for kind, name in lags.items() if options.wants(name)]
    # Two seconds a kind are long for a look
    of_lag = of_lag[: options.amount(len(of_lag), 1)]
    seconds = options.amount(5, 1)
    for kind in of_lag:
        costs, peer_costs = paired(
            options.rounds_or(1), partial(_lag_p99_ms, kind, seconds), partial(_lag_p99_ms, NONE, seconds)
        )
        yield Row(lags[kind], "ms, p99", costs, "without", peer_costs, limit=GOAL_S * 1000)


def _lag_p99_ms(kind: str, seconds: float) -> float:
    lags_s = sorted(run(kind, MIB - KIB, seconds).lags_s)
    return lags_s[len(lags_s) * 99 // 100] * 1000
