"""What connections cost the recorder: the same traffic over many of them beside one, and a stop of them.

One process serves all connections; the recorder is the command as users run it, and is stopped while messages go on:
every message that was sent must be stored or counted as shed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cpu import cpu_s
from tests.benchmarks.table import Options, Row
from tests.support.engines import CLOSE, TEXT, accept, close_frame, frame, read_frame

OPEN_WITHIN_S = 120.0
# Between the last upgrade and the first message
SETTLE_S = 3.0
WARM_UP_S = 2.0
# Between two rounds of the server: what is due is sent
ROUND_S = 0.005
PAYLOADS = 512
ROUNDS = 3
GOAL, GOAL_STOP_S = 1.5, 2.0
PEER = "1 connection"


def payloads() -> list[bytes]:
    """JSON of 100 to 600 bytes as feeds and protocols send it, as frames."""
    chosen = random.Random(14)
    made = []
    for number in range(PAYLOADS):
        kind = chosen.choice(("trade", "ticker", "book", "status"))
        said: dict[str, object] = {
            "type": kind,
            "symbol": chosen.choice(("BTC-USD", "ETH-EUR", "SOL-USD")),
            "seq": number,
        }
        while len(json.dumps(said)) < chosen.randint(100, 600):
            said[f"field{len(said)}"] = chosen.choice((chosen.random(), chosen.randbytes(12).hex(), None, [1, 2, 3]))
        made.append(frame(TEXT, json.dumps(said).encode()))
    return made


class Server:
    """Serves any number of connections on one port, and sends messages to all in turn."""

    def __init__(self) -> None:
        self.url = ""
        self.sent = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._frames = payloads()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Server]:
        """Listen until the block ends."""
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0, backlog=2_000)
        self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            yield self
        finally:
            server.close()

    async def opened(self, connections: int) -> None:
        """Wait for so many."""
        async with asyncio.timeout(OPEN_WITHIN_S):
            while len(self._writers) < connections:
                await asyncio.sleep(0.05)

    async def send(self, rate: int) -> None:
        """Send so many messages a second in all, until cancelled."""
        begun_s, due = time.monotonic(), 0
        at = 0
        while True:
            await asyncio.sleep(ROUND_S)
            due, before = int((time.monotonic() - begun_s) * rate), due
            for _ in range(due - before):
                if not self._writers:
                    return
                at = (at + 1) % len(self._writers)
                self._writers[at].write(self._frames[self.sent % PAYLOADS])
                self.sent += 1

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        self._writers.append(writer)
        try:
            while True:
                opcode, payload = await read_frame(reader)
                if opcode == CLOSE:
                    self._writers.remove(writer)
                    writer.write(close_frame(1000))
                    break
                if opcode == 0x9:
                    writer.write(frame(0xA, payload))
        except (ConnectionError, asyncio.IncompleteReadError):
            if writer in self._writers:
                self._writers.remove(writer)
        writer.close()


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one recorder."""

    us_a_message: float
    stop_s: float
    sent: int
    kept: int
    """Stored, or counted as shed."""
    code: int


def kept(store: Path) -> int:
    """Messages that are stored or were counted as shed."""
    with closing(sqlite3.connect(store)) as database:
        ((stored,),) = database.execute("SELECT count(*) FROM event WHERE name = 1").fetchall()
        shed = database.execute("SELECT meta FROM event WHERE name = 91").fetchall()
    return int(stored) + sum(int(json.loads(meta)["events"]) for (meta,) in shed)


async def measure(connections: int, rate: int, seconds: float, folder: Path) -> Cost:
    """Record that many connections with so many messages a second in all, and stop while they go on."""
    config, store = folder / "wsmon.toml", folder / "recording" / "store.db"
    server = Server()
    async with server.serve(), asyncio.TaskGroup() as group:
        config.write_text("".join(f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n in range(connections)))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
        await server.opened(connections)
        await asyncio.sleep(SETTLE_S)
        sending = group.create_task(server.send(rate))
        await asyncio.sleep(WARM_UP_S)
        began_s, began = cpu_s([recorder.pid]), server.sent
        await asyncio.sleep(seconds)
        used_s, sent = cpu_s([recorder.pid]) - began_s, server.sent - began
        stopping_s = time.monotonic()
        recorder.send_signal(signal.SIGTERM)
        code = await recorder.wait()
        stop_s = time.monotonic() - stopping_s
        sending.cancel()
    return Cost(used_s / max(1, sent) * 1e6, stop_s, server.sent, kept(store), code)


def run(connections: int, rate: int, seconds: float, where: Path | None) -> Cost:
    """Measure in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        Path(folder, "wsmon").mkdir(mode=0o700)
        cost = asyncio.run(measure(connections, rate, seconds, Path(folder)))
    assert cost.code == 0, cost
    assert cost.sent == cost.kept, cost
    return cost


def rows(options: Options) -> Iterator[Row]:
    """Measure many connections and one, in turns."""
    rate, seconds = options.amount(5_000, 500), options.amount(10, 1)
    for count in (10, 100, 1_000):
        names = (f"5,000/s over {count:,} connections", f"stop, {count:,} busy connections")
        if not any(options.wants(name) for name in names):
            continue
        found: dict[int, list[Cost]] = {options.amount(count, min(count, 20)): [], 1: []}
        for _ in range(options.rounds_or(ROUNDS)):
            for connections, costs in found.items():
                costs.append(run(connections, rate, seconds, options.folder))
        many, one = found.values()
        messages = (tuple(cost.us_a_message for cost in costs) for costs in (many, one))
        stops = (tuple(cost.stop_s for cost in costs) for costs in (many, one))
        rows_of = (
            Row(names[0], "µs a message", next(messages), PEER, next(messages), goal=GOAL),
            Row(names[1], "s", next(stops), PEER, next(stops), limit=GOAL_STOP_S),
        )
        yield from (row for row in rows_of if options.wants(row.name))
