"""What recording a message costs, as a ratio: a whole recorder against ``async for`` that discards, in one run.

Both sides receive the same 200-byte text messages from a server in a process of its own and are measured by the CPU
time of their whole process (all threads) between the opened connection and its end. The recorder receives, counts,
redacts and durably stores (synchronous=FULL); the peer does nothing with what it receives. A third side records with
the profile ``standard``, which counts messages and keeps none.

    python tests/benchmarks/record.py [--messages N] [--rounds N] [--rate N] [--protocol NAME]...

With ``--protocol`` the same payloads, in the envelope of each protocol, are recorded as ``raw`` and as that protocol:
the difference is what understanding a message costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from wsmon.config.specs import ProtocolName
    from wsmon.model.profiles import ProfileName

PAYLOAD_BYTES = 200
CHUNK_FRAMES = 64
GOAL = 2.0
# The profile of the third side
COUNTING = "standard"


# What stands around the payload of a notification, by protocol
ENVELOPES = {
    "raw": ("", ""),
    "json": ("", ""),
    "auto": ("", ""),
    "jsonrpc": ('{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC","data":', "}}"),
    "phoenix": ('["4",null,"trades:BTC","new_trade",', "]"),
}


def payload(number: int, protocol: str = "raw") -> bytes:
    """A trade as feeds send them, exactly PAYLOAD_BYTES long."""
    head, tail = ENVELOPES[protocol]
    text = f'{head}{{"type":"trade","symbol":"BTC-USD","seq":{number},"price":97120.5,"qty":0.0125,"venue":"'
    tail = '"}' + tail
    return (text + "x" * (PAYLOAD_BYTES - len(text) - len(tail)) + tail).encode()


async def serve(messages: int, rate: int, protocol: str) -> None:
    """Send ``messages`` to whoever connects, ``rate`` a second (0 = as fast as they are taken), then close."""
    from websockets.asyncio.server import ServerConnection, serve

    frames = [b"\x81\x7e" + PAYLOAD_BYTES.to_bytes(2, "big") + payload(number, protocol) for number in range(messages)]
    size = CHUNK_FRAMES if not rate else max(1, rate // 100)
    chunks = [b"".join(frames[start : start + size]) for start in range(0, messages, size)]

    async def talk(connection: ServerConnection) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for number, chunk in enumerate(chunks):
            connection.transport.write(chunk)
            if rate and (rest_s := begun_s + number / 100 - loop.time()) > 0:
                await asyncio.sleep(rest_s)
            elif connection.transport.get_write_buffer_size():
                await connection.drain()
        await connection.close()

    async with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def cpu_s() -> float:
    """CPU time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def discard(url: str) -> tuple[int, float]:
    """The peer: messages received, CPU seconds."""
    from websockets.asyncio.client import connect

    count = 0
    async with connect(url, compression=None, ping_interval=None) as connection:
        begun_s = cpu_s()
        async for _message in connection:
            count += 1
    return count, cpu_s() - begun_s


def record(url: str, folder: Path, protocol: ProtocolName, profile: ProfileName) -> tuple[int, float]:
    """The recorder: messages in the store, as rows or as their number, CPU seconds."""
    import sqlite3
    from contextlib import asynccontextmanager

    from wsmon.config.specs import Configuration, ConnectionSpec, PingSpec
    from wsmon.model.events import Event
    from wsmon.model.redact.masking import Sensitive
    from wsmon.recorder.recorder import record
    from wsmon.recorder.run import RecorderOptions

    marks: list[float] = []

    def watch(event: Event) -> None:
        if event.name == "connection.completed":
            marks.append(cpu_s())
        elif event.name == "connection.disconnected":
            os.kill(os.getpid(), signal.SIGTERM)

    spec = ConnectionSpec(
        "bench", Sensitive(url), profile=profile, protocol=protocol, compression=False, ping=PingSpec(0)
    )

    @asynccontextmanager
    async def prepare():  # type: ignore[no-untyped-def]  # a generator of one Configuration
        yield Configuration(None, "", (spec,))

    store = folder / "store.db"
    record(RecorderOptions(prepare, store, folder / "r.sock", "benchmark", on_event=watch), lambda _info: None)
    used_s = cpu_s() - marks[0]
    with sqlite3.connect(store) as database:
        counting = (
            "sum(messages_in) FROM rollup WHERE level = 1"
            if profile == COUNTING
            else "count(*) FROM event WHERE name = 1"
        )
        (count,) = database.execute(f"SELECT {counting}").fetchone()
    database.close()
    return count, used_s


def child(role: str, url: str) -> None:
    """Run one side and print what it cost."""
    if role == "discard":
        count, used_s = asyncio.run(discard(url))
    else:
        assert role in (*ENVELOPES, COUNTING)
        protocol, profile = ("raw", COUNTING) if role == COUNTING else (role, "detailed")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o700)
            count, used_s = record(url, Path(folder), cast("ProtocolName", protocol), cast("ProfileName", profile))
    print(json.dumps([count, used_s]))


def measure(role: str, messages: int, rate: int, envelope: str = "raw") -> float:
    """Microseconds of CPU a message: of a peer that discards, or of a recorder of the protocol or profile ``role``."""
    me = [sys.executable, __file__]
    with subprocess.Popen(
        [*me, "--serve", str(messages), "--rate", str(rate), "--protocol", envelope], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{server.stdout.readline().strip()}"
        done = subprocess.run([*me, "--child", role, url], stdout=subprocess.PIPE, text=True, check=True)
        server.kill()
    count, used_s = json.loads(done.stdout.splitlines()[-1])
    assert count == messages, f"{role} got {count} of {messages}"
    return float(used_s / count * 1e6)


def compare(protocols: list[str], messages: int, rate: int, rounds: int) -> None:
    """Print what each protocol costs beside ``raw`` on the same messages."""
    for protocol in protocols:
        found = [[measure(role, messages, rate, protocol) for role in ("raw", protocol)] for _ in range(rounds)]
        plain, read = (statistics.median(costs) for costs in zip(*found, strict=True))
        print(f"{protocol + ':':<10} {read:6.2f} µs CPU a message, {plain:.2f} as raw: + {read - plain:.2f}")


def main() -> None:
    """Measure both sides in turn and print the ratio of the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=0, help="messages a second; 0 = as fast as they are taken")
    parser.add_argument("--protocol", action="append", default=[], choices=ENVELOPES, help="measure this one instead")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve, options.rate, options.protocol[0]))
    elif options.child:
        child(*options.child)
    elif options.protocol:
        compare(options.protocol, options.messages, options.rate, options.rounds)
    else:
        costs: dict[str, list[float]] = {"discard": [], "raw": [], COUNTING: []}
        for _ in range(options.rounds):
            for role, found in costs.items():
                found.append(measure(role, options.messages, options.rate))
        discarded, recorded, counted = (statistics.median(found) for found in costs.values())
        pace = f"{options.rate:,}/s" if options.rate else "as fast as taken"
        print(f"{options.messages:,} messages of {PAYLOAD_BYTES} bytes, {pace}, median of {options.rounds} rounds")
        print(f"async for, discarded: {discarded:6.2f} µs CPU a message")
        print(f"wsmon, stored:        {recorded:6.2f} µs CPU a message")
        print(f"ratio:                {recorded / discarded:6.2f}   (goal ≤ {GOAL})")
        print(f"wsmon, counted:       {counted:6.2f} µs CPU a message, profile {COUNTING}")


if __name__ == "__main__":
    main()
