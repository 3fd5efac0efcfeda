"""What connections cost the recorder: the same traffic over 1 to 1,000 of them, 1,000 idle ones, and a stop of them.

    python tests/benchmarks/connections.py [--counts 1,10,100,1000] [--rate N] [--seconds N] [--trees DIR,DIR]

One process serves all connections; the recorder is the command as users run it. Prints CPU of the recorder per message,
its CPU while 1,000 connections are idle, and for each stop how long it took and whether every message that was sent is
stored or was shed. ``--trees`` measures the working trees in turn, run by run, so that a change and its base share
what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.load import cpu_s, resident_mib
from tests.support.engines import CLOSE, TEXT, accept, close_frame, frame, read_frame

OPEN_WITHIN_S = 120.0
# Between the last upgrade and the first message
SETTLE_S = 3.0
WARM_UP_S = 2.0
# Between two rounds of the server: what is due is sent
ROUND_S = 0.005
PAYLOADS = 512


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
    cpu_percent: float
    mib: float
    stop_s: float
    stop_cpu_s: float
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


async def measure(tree: Path, connections: int, rate: int, seconds: float, folder: Path) -> Cost:
    """Record that many connections with so many messages a second in all, and stop while they go on."""
    config, store = folder / "wsmon.toml", folder / "recording" / "store.db"
    server = Server()
    async with server.serve(), asyncio.TaskGroup() as group:
        config.write_text("".join(f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n in range(connections)))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": str(tree)},
            cwd=tree,
        )
        await server.opened(connections)
        await asyncio.sleep(SETTLE_S)
        sending = group.create_task(server.send(rate))
        await asyncio.sleep(WARM_UP_S)
        began_s, began, began_at = cpu_s(recorder.pid), server.sent, time.monotonic()
        await asyncio.sleep(seconds)
        used_s, sent, took_s = cpu_s(recorder.pid) - began_s, server.sent - began, time.monotonic() - began_at
        mib, before_s, stopping_s = resident_mib(recorder.pid), sum(os.times()[2:4]), time.monotonic()
        running_s = cpu_s(recorder.pid)
        recorder.send_signal(signal.SIGTERM)
        code = await recorder.wait()
        stop_s = time.monotonic() - stopping_s
        stop_cpu_s = sum(os.times()[2:4]) - before_s - running_s
        sending.cancel()
    return Cost(
        used_s / max(1, sent) * 1e6, used_s / took_s * 100, mib, stop_s, stop_cpu_s, server.sent, kept(store), code
    )


def run(tree: Path, connections: int, rate: int, seconds: float) -> Cost:
    """Measure in a folder of its own, and print it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "wsmon").mkdir(mode=0o700)
        cost = asyncio.run(measure(tree, connections, rate, seconds, Path(folder)))
    lost = cost.sent - cost.kept
    print(
        f"{tree.name:12} {connections:5} connections {rate:6} /s  "
        f"{cost.us_a_message if rate else float('nan'):7.1f} µs a message  {cost.cpu_percent:6.2f} % of a core  "
        f"{cost.mib:6.1f} MiB  stop {cost.stop_s:5.2f} s ({cost.stop_cpu_s:.2f} s CPU)  lost {lost}  code {cost.code}",
        flush=True,
    )
    return cost


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", default="1,10,100,1000", help="numbers of connections")
    parser.add_argument("--rate", type=int, default=5_000, help="messages a second, all connections together; 0: idle")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--trees", default=str(Path(__file__).parents[2]))
    options = parser.parse_args()
    trees = [Path(tree) for tree in options.trees.split(",")]
    counts = [int(count) for count in options.counts.split(",")]
    costs: dict[tuple[str, int], list[Cost]] = {}
    for _ in range(options.rounds):
        for count in counts:
            for tree in trees:
                costs.setdefault((tree.name, count), []).append(run(tree, count, options.rate, options.seconds))
    if options.rate:
        for (name, count), found in costs.items():
            middle = statistics.median(cost.us_a_message for cost in found)
            first = statistics.median(cost.us_a_message for cost in costs[name, counts[0]])
            print(f"{name:12} {count:5} connections: {middle:.1f} µs a message, {middle / first:.2f} × {counts[0]}")


if __name__ == "__main__":
    main()
