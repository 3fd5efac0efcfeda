"""Real applications through ``wsmon relay``: a browser, Node, Python, Socket.IO, MQTT and a binary stream.

Each side hashes what it sends and receives; taps before and behind the relay hash what is on the wire. ``.ci/long``
lets each of them run for a minute: ``WSMON_RELAY_S=60``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.support.node_peers import RealPeers
from tests.support.processes import Home, stored
from tests.support.relay_processes import relaying
from tests.support.wire_taps import TappedConnection, WireTap

# For how long each application runs; 0: as fast as it can, a few hundred messages
SECONDS = int(os.environ.get("WSMON_RELAY_S", "0"))
COUNT, EVERY_MS = (SECONDS * 50, 20) if SECONDS else (150, 0)
DEADLINE_S = 30.0 + 3 * SECONDS
PLAYWRIGHT_NODE = 20

pytestmark = pytest.mark.timeout(DEADLINE_S + 60)


def payload(side: str, number: int) -> str | bytes:
    """A message: a text or binary, empty to 70,000 bytes."""
    if number % 2 == 0:
        return json.dumps({"n": number, "side": side, "pad": "é" * (number % 300)}, ensure_ascii=False)
    return bytes((number + at) & 255 for at in range(70_000 if number % 75 == 1 else number * 7 % 3_000))


async def conversation(connection: Connection, side: str) -> dict[str, Any]:
    """Send all messages of a side, receive those of the other; what went each way, as count and hash."""
    hashes = {"sent": hashlib.sha256(), "received": hashlib.sha256()}
    counts = {"sent": 0, "received": 0}

    def note(way: str, data: str | bytes) -> None:
        body = data.encode() if isinstance(data, str) else data
        hashes[way].update(b"%d %s" % (len(body), b"text " if isinstance(data, str) else b"binary ") + body)
        counts[way] += 1

    async def send() -> None:
        for number in range(COUNT):
            data = payload(side, number)
            note("sent", data)
            # Every fifth one in fragments
            await connection.send([data[:7], data[7:]] if number % 5 == 0 else data)
            await asyncio.sleep(EVERY_MS / 1_000)

    async with asyncio.TaskGroup() as group:
        group.create_task(send(), name=f"messages of the {side}")
        while counts["received"] < COUNT:
            note("received", await connection.recv())
    return {way: {"count": counts[way], "hash": hashes[way].hexdigest()} for way in counts}


class PythonApplication:
    """A server and a client of websockets, both in this process."""

    def __init__(self) -> None:
        self.server_ended = asyncio.get_running_loop().create_future()

    async def answer(self, connection: ServerConnection) -> None:
        """What the server does with the client."""
        told = await conversation(connection, "server")
        with suppress(ConnectionClosed):
            await connection.recv()
        self.server_ended.set_result({"code": connection.close_code, "reason": connection.close_reason, **told})

    async def talk(self, url: str) -> dict[str, Any]:
        """The client's side."""
        async with connect(f"{url}/python", proxy=None, max_size=None) as connection:
            told = await conversation(connection, "client")
            await connection.close(1000, "done")
            return {"code": connection.close_code, "reason": connection.close_reason, **told}


def lines(head: bytes) -> list[bytes]:
    """The lines of an upgrade request that a relay may not change."""
    return [line for line in head.splitlines() if not line.lower().startswith(b"host:")]


def by_key(tap: WireTap) -> dict[bytes, TappedConnection]:
    """The upgraded connections of a tap by the key of their upgrade."""
    return {each.key: each for each in tap.connections if b"Upgrade" in each.application.head}


async def node_version() -> int:
    """The major version of node."""
    process = await asyncio.create_subprocess_exec("node", "--version", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return int(out.decode().removeprefix("v").partition(".")[0])


async def test_every_application_works_as_without_a_relay(home: Home, real_peers: RealPeers) -> None:
    # On a node that is too old for what drives the browser, the page is not run
    browser = shutil.which("chromium") if await node_version() >= PLAYWRIGHT_NODE else None
    python = PythonApplication()
    apps = {"node", "stream", "mqtt", "socketio", *(["page"] if browser else [])}
    server, clients = await asyncio.gather(
        real_peers.start("relayed_server", 0, str(COUNT), str(EVERY_MS)),
        real_peers.start("relayed_clients", 0, str(COUNT), str(EVERY_MS), browser or ""),
    )
    async with serve(python.answer, "127.0.0.1", 0, max_size=None) as websockets:
        port = websockets.sockets[0].getsockname()[1]
        async with (
            WireTap(lambda path: port if path == "/python" else server.port) as behind,
            relaying(home, f"ws://127.0.0.1:{behind.port}") as relay,
            WireTap(lambda _path: relay.port) as before,
        ):
            url = f"ws://127.0.0.1:{before.port}"
            await clients.order("talk", url=url, page=f"http://127.0.0.1:{server.port}")
            client_ended = {"python": await python.talk(url)}
            server_ended = {"python": await python.server_ended}
            for peer, ended in ((clients, client_ended), (server, server_ended)):
                await peer.until("ended", len(apps), DEADLINE_S)
                ended |= {one.pop("app"): one for one in peer.named("ended")}
            assert clients.named("failed") == []
            assert await relay.stop() == 0
    events = stored(relay.store)
    assert client_ended.keys() == server_ended.keys() == {*apps, "python"}
    for app, ended in client_ended.items():
        other = server_ended[app]
        assert ended["sent"] == other["received"], app
        assert ended["received"] == other["sent"], app
        assert (ended.get("code"), ended.get("reason")) == (other.get("code"), other.get("reason")) or app in (
            "mqtt",
            "socketio",
        ), app
    sent, arrived = by_key(before), by_key(behind)
    assert sent.keys() == arrived.keys()
    for key, each in sent.items():
        there = arrived[key]
        assert lines(each.application.head) == lines(there.application.head)
        assert each.server.head == there.server.head
        assert (each.application.digest, each.server.digest) == (there.application.digest, there.server.digest)
    paths = {
        event.source.connection_id: urlsplit(str((event.meta or {})["url"])).path
        for event in events
        if event.name == "connection.started"
    }
    recorded = Counter[tuple[str, str]]()
    for event in events:
        if event.name in ("message.sent", "message.received"):
            recorded[paths[event.source.connection_id], event.name] += 1
    on_wire = Counter[tuple[str, str]]()
    for each in sent.values():
        on_wire[each.path, "message.sent"] += each.application.messages
        on_wire[each.path, "message.received"] += each.server.messages
    assert recorded == on_wire
