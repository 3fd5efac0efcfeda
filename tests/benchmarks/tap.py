"""What the tap costs: beside the library's parser on the same reads, and as events beside a loop that discards.

Rows that begin with "tap" and "read" need no socket: both sides are given the same reads, of 64 KiB or of one message
each, in this process, and nothing is done with what they report. Rows that begin with "events" receive from a server
in another process; both receivers take turns on one event loop, and every message becomes an event in a list.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.uri import parse_uri

from tests.benchmarks.feed import WINDOW_BITS, Load, Server, frames, messages, running
from tests.benchmarks.table import Options, Row
from tests.support.engines import accepting
from tests.support.taps import TapNotes, open_tap
from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.loop import READ_BYTES, new_event_loop
from wsmon.engine.supervisor import Supervisor
from wsmon.model.block import Block
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

ROUNDS = 7
MESSAGES, QUICK_MESSAGES = 20_000, 500
SERVED_MESSAGES = 100_000
LIMIT_BYTES = 16 * 1024 * 1024
# Greatest ratios. zlib alone takes 1.5 of the library's 5.3 µs for a compressed message
FULL_GOALS = {"plain": 0.15, "deflate": 0.5}
SINGLE_GOALS = {"plain": 0.45, "deflate": 0.65}
EVENTS_GOAL = 0.6


# CPU seconds of all messages, ours and the peer's, measured one after the other
Pairs: TypeAlias = "list[tuple[float, float]]"


class DeafListener(TapNotes):
    """Takes what a tap reports and keeps nothing."""

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """One message."""

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        """Several messages."""


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


def rows(options: Options) -> Iterator[Row]:
    """Measure every wanted row."""
    for deflate in (False, True):
        kind = "deflate" if deflate else "plain"
        count = options.amount(MESSAGES, QUICK_MESSAGES)
        whole = frames(messages("mixed", count), deflate=deflate)
        stream = b"".join(whole)
        full = [stream[at : at + READ_BYTES] for at in range(0, len(stream), READ_BYTES)]
        for name, reads, goal in (
            (f"tap, reads of 64 KiB, {kind}", full, FULL_GOALS[kind]),
            (f"tap, reads of one message, {kind}", whole, SINGLE_GOALS[kind]),
        ):
            if options.wants(name):
                pairs = _without_socket(reads, options.rounds_or(ROUNDS), deflate=deflate)
                yield _row(name, pairs, count, "websockets' parser", goal)
        if options.wants(name := f"events, {kind}"):
            load = Load("mixed", options.amount(SERVED_MESSAGES, QUICK_MESSAGES), deflate=deflate)
            with running(load) as server, asyncio.Runner(loop_factory=new_event_loop) as runner:
                pairs = runner.run(_as_events(server, load, options.rounds_or(ROUNDS)))
            yield _row(name, pairs, load.messages, "async for", EVENTS_GOAL)


def _row(name: str, pairs: Pairs, count: int, peer: str, goal: float) -> Row:
    ours, theirs = (tuple(each / count * 1e6 for each in costs) for costs in zip(*pairs, strict=True))
    return Row(name, "µs a message", ours, peer, theirs, goal)


def _without_socket(reads: Sequence[bytes], rounds: int, *, deflate: bool) -> Pairs:
    extension = f"permessage-deflate; server_max_window_bits={WINDOW_BITS}" if deflate else ""

    async def tap() -> float:
        return _cpu_s(open_tap(DeafListener(), limit_bytes=LIMIT_BYTES, deflate=extension).data_received, reads)

    def library() -> float:
        protocol = _open_protocol(extension)

        def receive(data: bytes) -> None:
            protocol.receive_data(data)
            protocol.events_received()

        return _cpu_s(receive, reads)

    return [(asyncio.run(tap()), library()) for _ in range(rounds)]


def _cpu_s(receive: Callable[[bytes], None], reads: Sequence[bytes]) -> float:
    began_s = time.process_time()
    for data in reads:
        receive(data)
    return time.process_time() - began_s


def _open_protocol(extension: str) -> ClientProtocol:
    """The library's protocol after an upgrade that accepted the extension, empty for none."""
    offers = [ClientPerMessageDeflateFactory(compress_settings={"memLevel": 5})] if extension else None
    protocol = ClientProtocol(parse_uri("ws://x/"), max_size=LIMIT_BYTES, extensions=offers)
    request = protocol.connect()
    protocol.send_request(request)
    headers = [f"Sec-WebSocket-Extensions: {extension}"] if extension else []
    protocol.receive_data(accepting(request.serialize().decode(), *headers))
    protocol.events_received()
    return protocol


async def _as_events(server: Server, load: Load, rounds: int) -> Pairs:
    """Both receivers in turns."""
    found = []
    for _ in range(rounds):
        costs = []
        for receive in (_events, _discard):
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(asyncio.to_thread(_serve_once, server))
                began_s = time.process_time()
                received = await receive(f"ws://127.0.0.1:{server.port}/", deflate=load.deflate)
                costs.append(time.process_time() - began_s)
                await serving
            assert received == load.messages
        found.append((costs[0], costs[1]))
    return found


def _serve_once(server: Server) -> None:
    server.opened()
    server.send()
    server.close()


async def _discard(url: str, *, deflate: bool) -> int:
    """The library, and nothing done with what it yields."""
    count = 0
    async with connect(url, compression="deflate" if deflate else None, ping_interval=None) as connection:
        async for _ in connection:
            count += 1
    return count


async def _events(url: str, *, deflate: bool) -> int:
    """A supervisor with one connection."""
    sink = ListSink()
    spec = ConnectionSpec("feed", Sensitive(url), protocol="raw", compression=deflate)
    supervisor = Supervisor((spec,), (), sink, SystemClock(), random.Random(1))
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run())
        await sink.done.wait()
        await supervisor.stop()
    return len(sink.received)
