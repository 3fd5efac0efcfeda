"""Servers that compress or pack what they say, of the websockets library, recorded and understood.

A market of gzip as Huobi and BitMart have it, a gateway with one zlib stream as Discord has it, a feed of MessagePack,
texts of base64, and bombs. What they say is what the recording says, but for credentials, which are in no file.
"""

from __future__ import annotations

import base64
import gzip
import json
import signal
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from tests.support.processes import Home, stored
from wsmon.model.events import Event

CANARY = "cAnArY-x7Q9zz-in-a-stream"
BOMB = gzip.compress(bytes(2**22), mtime=0)
Serve = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server(handler: Serve, *, compression: str | None = None) -> AsyncIterator[str]:
    """The URL of a server that does this, and then waits for the end."""

    async def handle(websocket: ServerConnection) -> None:
        await handler(websocket)
        await websocket.wait_closed()

    async with serve(handle, "127.0.0.1", 0, compression=compression) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/"


async def recorded(home: Home, feeds: dict[str, tuple[str, str]], until: int) -> tuple[Path, list[Event]]:
    """The store and the events of servers, by URL and configuration, once so many messages came; by connection."""
    entries = (f'[[connection]]\nname = "{name}"\nurl = "{url}"\n{rest}\n' for name, (url, rest) in feeds.items())
    recorder = await home.record(home.write("".join(entries)))
    await recorder.until_stored(until)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    return recorder.store, [event for event in stored(recorder.store) if event.source.connection]


def of(events: list[Event], connection: str) -> list[Event]:
    return [event for event in events if event.source.connection == connection]


def named(events: list[Event], *names: str) -> list[Event]:
    return [event for event in events if event.name in names]


def said(events: list[Event]) -> list[tuple[str, bytes | None]]:
    return [(event.encoding, event.payload) for event in named(events, "message.received")]


def compact(value: object) -> bytes:
    return msgspec.json.encode(value)


async def test_a_market_of_gzip_is_understood_and_its_ping_is_answered(home: Home) -> None:
    """As Huobi: each message is gzip in a binary frame, and {"ping": T} is answered by {"pong": T} as text."""
    answers: list[str | bytes] = []
    ticks = [{"topic": "market.btcusdt.kline.1min", "type": "tick", "close": 64_123.5 + at} for at in range(8)]
    payloads = [gzip.compress(compact(each), mtime=0) for each in ({"ping": 1}, *ticks)]

    async def market(websocket: ServerConnection) -> None:
        await websocket.send(payloads[0])
        answers.append(await websocket.recv())
        for each in payloads[1:]:
            await websocket.send(each)

    async with server(market) as url:
        rest = 'answer = true\nheartbeat = { reply_to = "ping", answer = "{\\"pong\\":1}" }'
        store, events = await recorded(home, {"feed": (url, rest)}, 9)
    assert answers == ['{"pong":1}']
    assert said(events) == [("gzip", compact(each)) for each in ({"ping": 1}, *ticks)]
    received = named(events, "message.received")
    assert [(event.opcode, event.size, event.wire_size) for event in received] == [
        ("binary", len(each), len(each) + 2) for each in payloads
    ]
    assert [(event.type, event.topic) for event in received[1:]] == [("tick", "market.btcusdt.kline.1min")] * 8
    assert [event.direction for event in named(events, "heartbeat.received", "heartbeat.responded")] == ["in", "out"]
    assert [event.type for event in named(events, "connection.protocol")] == ["json"]
    await assert_commands_show(home, store, compact(ticks[3]), payloads[4])


async def assert_commands_show(home: Home, store: Path, text: bytes, payload: bytes) -> None:
    """Searches and exports have the decoded text, and an archive can be imported again."""

    async def search(*query: str) -> str:
        return (await home.run("search", *query, "--store", store))[1]

    document = json.loads(await search("$.close=64126.5", "--json"))
    assert (document["payload"], document["opcode"], document["size"]) == (text.decode(), "binary", len(payload))
    assert document["meta"] == {"encoding": "gzip"}
    assert await search("meta:gzip", "kline", "--count") == "8\n"
    assert '"close":64126.5' in await search("$.close=64126.5")
    archive, again = home.folder / "feed.har", home.folder / "again.db"
    assert (await home.run("export", "--format", "har", "--output", archive, "--store", store))[0] == 0
    (entry,) = json.loads(archive.read_text())["log"]["entries"]
    (frame,) = (each for each in entry["_webSocketMessages"] if each["data"] == text.decode())
    assert (frame["opcode"], frame["_opcode"], frame["_encoding"], frame["_size"]) == (1, 2, "gzip", len(payload))
    assert (await home.run("import", archive, "--store", again))[0] == 0
    (event,) = (event for event in stored(again) if event.payload == text)
    assert (event.opcode, event.size, event.encoding) == ("binary", len(payload), "gzip")


async def test_a_gateway_with_one_zlib_stream_is_understood_until_it_loses_its_context(home: Home) -> None:
    """As Discord: one zlib stream over all messages, each of which ends with 00 00 FF FF."""
    payloads = [
        {"op": 10, "d": {"heartbeat_interval": 41_250}},
        {"op": 0, "t": "READY", "s": 1, "d": {"session_id": CANARY}},
        {"op": 0, "t": "MESSAGE_CREATE", "s": 2, "d": {"content": "hello"}},
    ]
    compressor = zlib.compressobj()
    sent = [compressor.compress(compact(each)) + compressor.flush(zlib.Z_SYNC_FLUSH) for each in payloads]
    late = compressor.compress(b'{"op":11}') + compressor.flush(zlib.Z_SYNC_FLUSH)
    frames = [sent[0], sent[1][:9], sent[1][9:], sent[2], b"\xff" + late, late]

    async def gateway(websocket: ServerConnection) -> None:
        for each in frames:
            await websocket.send(each)

    async with server(gateway) as url:
        rest = 'decode = "zlib-stream"\ncapture.raw = true'
        store, events = await recorded(home, {"feed": (url, rest)}, len(frames))
    masked = compact({**payloads[1], "d": {"session_id": "[FILTERED]"}})
    assert said(events) == [
        ("zlib-stream", compact(payloads[0])),
        ("zlib-stream", b""),
        ("zlib-stream", masked),
        ("zlib-stream", compact(payloads[2])),
        ("", frames[4]),
        ("", frames[5]),
    ]
    assert [(event.meta or {}).get("raw_base64") for event in named(events, "message.received")] == [
        base64.b64encode(sent[0]).decode(), None, None, base64.b64encode(sent[2]).decode(), None, None,
    ]  # fmt: skip
    sentence = (
        "zlib-stream: Error -3 while decompressing data: invalid block type; recorded as it came. "
        "The messages that follow refer to this one, and are recorded as they come"
    )
    assert [(event.error_type, event.error) for event in named(events, "error.occurred")] == [("decode_lost", sentence)]
    assert CANARY.encode() not in store.read_bytes()


TICKS = [{"type": "tick", "channel": "ticks", "n": number, "token": CANARY} for number in range(5)]
MASKED = [compact({**each, "token": "[FILTERED]"}) for each in TICKS]


async def test_feeds_are_decoded_as_they_begin_or_as_they_are_configured(home: Home) -> None:
    """MessagePack, texts of base64, a zlib stream that nothing announces, and what the configuration says of gzip."""
    compressor = zlib.compressobj()
    texts = [compact(each) for each in TICKS]
    says: dict[str, list[str | bytes]] = {
        "msgpack": [msgspec.msgpack.encode(each) for each in TICKS],
        "base64": ["HeK is how a word begins", *(base64.b64encode(zlib.compress(each)).decode() for each in texts)],
        "stream": [compressor.compress(each) + compressor.flush(zlib.Z_SYNC_FLUSH) for each in texts],
        "none": [gzip.compress(b'{"n":1}', mtime=0)],
        "raw": [gzip.compress(b'{"n":1}', mtime=0)],
        "named": [gzip.compress(b'{"n":1}', mtime=0)],
        "bombs": [BOMB, base64.b64encode(BOMB).decode(), gzip.compress(b'{"n":1}', mtime=0)],
    }
    rest = {
        "msgpack": 'decode = "msgpack"\ncapture.raw = true',
        "stream": 'capture.raw = true\nsequence.path = "$.n"',
        "none": 'decode = "none"',
        "raw": 'protocol = "raw"',
        "named": 'protocol = "raw"\ndecode = ["gzip"]',
    }

    async def speak(websocket: ServerConnection) -> None:
        for each in says[websocket.request.path.strip("/") if websocket.request else ""]:
            await websocket.send(each)

    async with server(speak, compression="deflate") as url:
        feeds = {name: (url + name, rest.get(name, "")) for name in says}
        store, events = await recorded(home, feeds, sum(map(len, says.values())))
    assert {name: said(of(events, name)) for name in says} == {
        "msgpack": [("msgpack", each) for each in MASKED],
        "base64": [("", b"HeK is how a word begins"), *(("base64+zlib", each) for each in MASKED)],
        "stream": [("zlib-stream", each) for each in MASKED],
        "none": [("", says["none"][0])],
        "raw": [("", says["raw"][0])],
        "named": [("gzip", b'{"n":1}')],
        "bombs": [("", BOMB), ("", base64.b64encode(BOMB)), ("gzip", b'{"n":1}')],
    }
    for name in ("msgpack", "base64", "stream"):
        read = [(event.type, event.topic) for event in named(of(events, name), "message.received") if event.encoding]
        assert read == [("tick", "ticks")] * 5, name
    assert [(event.meta or {}).get("seq") for event in named(of(events, "stream"), "message.received")] == [*range(5)]
    errors = [(event.source.connection, event.error_type, event.error) for event in named(events, "error.occurred")]
    sentence = "gzip: its content is larger than 1,048,576 bytes; recorded as it came"
    assert errors == [("bombs", "decode_refused", sentence)]
    assert CANARY.encode() not in store.read_bytes()


async def test_compressed_messages_of_a_file_are_decoded(home: Home) -> None:
    compressor = zlib.compressobj()
    lines = []
    for number, each in enumerate(TICKS):
        data = compressor.compress(compact(each)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        line = {"ts": 1_768_053_744_118 + number, "dir": "in", "type": "binary", "binary": True}
        lines.append(json.dumps({**line, "data": base64.b64encode(data).decode()}))
    recording, store = home.write("\n".join(lines), "feed.jsonl"), home.folder / "store.db"
    code, _, stderr = await home.run("import", recording, "--store", store)
    assert code == 0, stderr
    received = [event for event in stored(store) if event.name == "message.received"]
    assert [(event.encoding, event.payload) for event in received] == [("zlib-stream", each) for each in MASKED]
