"""Feeds of realistic messages, and the server that sends them ready-made: frames are built, and compressed, in advance.

    python -m tests.benchmarks.feed FEED MESSAGES CONNECTIONS RATE [--deflate]

The server is run by other benchmarks, as a process of its own, and is controlled by lines (``Server``). One session is:
as many clients as agreed connect, all get their share of the messages, all are closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import select
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

SEED = 14
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "ADA-EUR", "DOGE-USDT", "LTC-BTC", "XRP-USD", "DOT-EUR")
# What a busy feed writes at once
CHUNK_FRAMES = 64
TICKS_PER_S = 100
# The window that the library's clients ask servers for
WINDOW_BITS = 12
SIXTEEN_BITS, SIXTY_FOUR_BITS = 126, 127
# How long a thousand clients take at most to connect, and a slow one to take everything
OPENED_S, LONGEST_S = 120.0, 900.0


def trade(chance: random.Random, number: int) -> object:
    """About 180 bytes."""
    return {
        "type": "trade",
        "symbol": chance.choice(SYMBOLS),
        "seq": 1_000_000 + number,
        "price": f"{chance.uniform(10, 90_000):.2f}",
        "qty": f"{chance.random() * 3:.8f}",
        "side": chance.choice(("buy", "sell")),
        "id": f"{chance.getrandbits(64):016x}",
        "ts": 1_760_000_000_000 + number * 3,
    }


def tick(chance: random.Random, number: int) -> object:
    """About 100 bytes."""
    return {
        "type": "tick",
        "s": chance.choice(SYMBOLS),
        "seq": 1_000_000 + number,
        "p": round(chance.uniform(10, 90_000), 2),
        "q": round(chance.random() * 3, 4),
        "ts": 1_760_000_000_000 + number * 3,
    }


def book(chance: random.Random, number: int, levels: int) -> object:
    """About 28 bytes a level, and 100 more."""

    def side() -> list[list[str]]:
        return [[f"{chance.uniform(10, 90_000):.2f}", f"{chance.random() * 20:.8f}"] for _ in range(levels // 2)]

    return {
        "type": "book",
        "symbol": chance.choice(SYMBOLS),
        "seq": 1_000_000 + number,
        "bids": side(),
        "asks": side(),
        "ts": 1_760_000_000_000 + number * 3,
    }


def ticker(chance: random.Random, number: int) -> object:
    """About 350 bytes."""
    price = chance.uniform(10, 90_000)
    return {
        "type": "ticker",
        "symbol": chance.choice(SYMBOLS),
        "seq": 1_000_000 + number,
        "last": f"{price:.2f}",
        "bid": f"{price - 0.5:.2f}",
        "ask": f"{price + 0.5:.2f}",
        "open_24h": f"{price * chance.uniform(0.9, 1.1):.2f}",
        "high_24h": f"{price * 1.1:.2f}",
        "low_24h": f"{price * 0.9:.2f}",
        "volume_24h": f"{chance.random() * 1e5:.4f}",
        "volume_30d": f"{chance.random() * 3e6:.4f}",
        "change": round(chance.uniform(-5, 5), 3),
        "trades": chance.randrange(1_000_000),
        "time": f"2026-03-01T12:{number // 60_000 % 60:02}:{number // 1_000 % 60:02}.{number % 1_000:03}Z",
    }


def heartbeat(_chance: random.Random, number: int) -> object:
    """About 100 bytes."""
    return {
        "type": "heartbeat",
        "seq": 1_000_000 + number,
        "ts": 1_760_000_000_000 + number * 3,
        "status": "online",
        "server": "md-3.example.com",
    }


def mixed(chance: random.Random, number: int) -> object:
    """60 % trades, 25 % updates of books, 13 % tickers, 2 % heartbeats: 100 to 600 bytes."""
    roll = chance.random()
    if roll < 0.60:
        return trade(chance, number)
    if roll < 0.85:
        return book(chance, number, chance.randrange(4, 17, 2))
    return ticker(chance, number) if roll < 0.98 else heartbeat(chance, number)


def jsonrpc(chance: random.Random, number: int) -> object:
    """The same, each as a notification of JSON-RPC."""
    params = {"channel": "trades.BTC", "data": mixed(chance, number)}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def phoenix(chance: random.Random, number: int) -> object:
    """The same, each as a message of a Phoenix channel."""
    return ["4", None, "trades:BTC", "new_trade", mixed(chance, number)]


FEEDS: dict[str, Callable[[random.Random, int], object]] = {
    "mixed": mixed,
    "jsonrpc": jsonrpc,
    "phoenix": phoenix,
    "100 B": tick,
    "1 KiB": lambda chance, number: book(chance, number, 34),
    "10 KiB": lambda chance, number: book(chance, number, 370),
    "64 KiB": lambda chance, number: book(chance, number, 2_360),
}


def messages(feed: str, count: int) -> list[bytes]:
    """Return the first messages of a feed; always the same ones."""
    chance, make = random.Random(SEED), FEEDS[feed]
    return [json.dumps(make(chance, number), separators=(",", ":")).encode() for number in range(count)]


def frames(payloads: Sequence[bytes], *, deflate: bool) -> list[bytes]:
    """Return a text frame of each payload; compressed frames belong to one stream, in this order."""
    if not deflate:
        return [_header(0x81, len(payload)) + payload for payload in payloads]
    stream = zlib.compressobj(wbits=-WINDOW_BITS, memLevel=5)
    found = []
    for payload in payloads:
        compressed = (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
        found.append(_header(0xC1, len(compressed)) + compressed)
    return found


def _header(first: int, size: int) -> bytes:
    if size < SIXTEEN_BITS:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, SIXTEEN_BITS)) + size.to_bytes(2, "big")
    return bytes((first, SIXTY_FOUR_BITS)) + size.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Load:
    """What a server sends in a session."""

    feed: str
    messages: int
    """Of all connections together."""
    connections: int = 1
    rate: int = 0
    """Messages a second, of all connections together; 0 = as fast as they are taken."""
    deflate: bool = False


class Server:
    """The process of a server, as the benchmark controls it; ``running`` starts one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line(LONGEST_S))

    def opened(self) -> None:
        """Wait until all clients are connected."""
        self._expect("opened", OPENED_S)

    def send(self) -> None:
        """Send all messages; return when the operating system has taken the last of them."""
        self._say("send")
        self._expect("sent")

    def close(self) -> None:
        """Close all connections: the session is over."""
        self._say("close")
        self._expect("closed")

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _expect(self, word: str, within_s: float = LONGEST_S) -> None:
        assert (found := self._line(within_s)) == word, f"the server says {found!r} instead of {word!r}"

    def _line(self, within_s: float) -> str:
        """The next line, which the server writes only when it was asked for something."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], within_s)[0]:
            raise TimeoutError(f"the server says nothing for {within_s:.0f} s: does a client run?")
        line: str = self._process.stdout.readline()
        return line.strip()


@contextmanager
def running(load: Load) -> Iterator[Server]:
    """A server for any number of sessions, until the end of the block."""
    amounts = (str(each) for each in (load.messages, load.connections, load.rate))
    command = [sys.executable, "-m", __name__, load.feed, *amounts, *(["--deflate"] if load.deflate else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


class _Sessions:
    """The server itself: serves sessions one after the other until it is killed."""

    def __init__(self, load: Load) -> None:
        self._load = load
        payloads = messages(load.feed, load.messages)
        self._frames = [
            frames(payloads[first :: load.connections], deflate=load.deflate) for first in range(load.connections)
        ]
        self._connections: list[ServerConnection] = []
        self._all_open = asyncio.Event()

    async def run(self) -> None:
        offer = [ServerPerMessageDeflateFactory()] if self._load.deflate else None
        backlog = max(100, self._load.connections)
        async with serve(
            self._talk, "127.0.0.1", 0, compression=None, extensions=offer, ping_interval=None, backlog=backlog
        ) as server:
            print(server.sockets[0].getsockname()[1], flush=True)
            while True:
                await self._session()

    async def _session(self) -> None:
        await self._all_open.wait()
        print("opened", flush=True)
        await self._read("send")
        pairs = list(zip(self._connections, self._frames, strict=True))
        if self._load.rate:
            await self._send_paced(pairs)
        else:
            await asyncio.gather(*(self._flood(*pair) for pair in pairs))
        await asyncio.gather(*(_written(connection) for connection in self._connections))
        print("sent", flush=True)
        await self._read("close")
        self._all_open.clear()
        closing, self._connections = self._connections, []
        await asyncio.gather(*(connection.close() for connection in closing))
        print("closed", flush=True)

    async def _talk(self, connection: ServerConnection) -> None:
        if self._load.deflate and not connection.protocol.extensions:
            await connection.close(1010, "permessage-deflate is not offered")
            return
        self._connections.append(connection)
        if len(self._connections) == self._load.connections:
            self._all_open.set()
        await connection.wait_closed()

    async def _flood(self, connection: ServerConnection, of_connection: list[bytes]) -> None:
        for start in range(0, len(of_connection), CHUNK_FRAMES):
            connection.transport.write(b"".join(of_connection[start : start + CHUNK_FRAMES]))
            if connection.transport.get_write_buffer_size():
                await connection.drain()

    async def _send_paced(self, pairs: list[tuple[ServerConnection, list[bytes]]]) -> None:
        """The connections take turns; what is due is sent a hundred times a second."""
        loop = asyncio.get_running_loop()
        began_s, sent, count = loop.time(), 0, len(pairs)
        while sent < self._load.messages:
            due = min(self._load.messages, int((loop.time() - began_s) * self._load.rate) + 1)
            for place in range(count):
                connection, of_connection = pairs[place]
                first, after = (-(-(number - place) // count) for number in (sent, due))
                if first < after:
                    connection.transport.write(b"".join(of_connection[first:after]))
            sent = due
            await asyncio.sleep(1 / TICKS_PER_S)

    async def _read(self, word: str) -> None:
        line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        assert line.strip() == word, line


async def _written(connection: ServerConnection) -> None:
    while connection.transport.get_write_buffer_size():
        await asyncio.sleep(0.001)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("feed", choices=FEEDS)
    parser.add_argument("messages", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("rate", type=int)
    parser.add_argument("--deflate", action="store_true")
    asyncio.run(_Sessions(Load(**vars(parser.parse_args()))).run())


if __name__ == "__main__":
    main()
