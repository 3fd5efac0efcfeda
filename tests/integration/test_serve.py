"""``wsmon serve`` as CI uses it: an incident of the demo given to clients of two libraries, one of which has a bug."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.builders import loss, message
from tests.support.mqtt_packets import connect as mqtt_connect
from tests.support.mqtt_packets import granted, packet, publish, subscribe
from tests.support.node_peers import FOLDER, REQUIRED, RealPeers, missing
from tests.support.processes import DEADLINE_S, Home
from tests.support.relay_processes import relaying
from tests.support.served import serving, written
from tests.support.session_events import FIRST, SECOND, of, opening
from wsmon.model.events import Direction, Event

CLIENT = Path(__file__).parents[2] / "examples" / "impatient_client.py"


class Served:
    """A ``wsmon serve`` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, list[str]]:
        """Its exit code, and its lines on stderr."""
        self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE_S):
            _, err = await self.process.communicate()
        return self.process.returncode or 0, err.decode().splitlines()


async def serve(home: Home, store: Path, *options: str) -> Served:
    """Serve the one connection of a recording, or the one that the options name."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsmon", "serve", str(store), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=home.environ,
    )  # fmt: skip
    home.own(process)
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        return Served(process, (await process.stdout.readline()).decode().strip())


async def one_session(url: str) -> tuple[list[str | bytes], int | None]:
    """What a client gets until the server ends the session, and the code."""
    messages: list[str | bytes] = []
    async with asyncio.timeout(DEADLINE_S), connect(url, proxy=None, ping_interval=None) as client:
        try:
            while True:
                messages.append(await client.recv())
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else None


async def test_an_incident_of_the_demo_shows_the_bug_of_a_client(home: Home) -> None:
    """As docs/serve.md shows it: the client is the one of the examples, which never waits."""
    incident = home.folder / "incident.db"
    assert (await home.run("demo", "--headless", "--for", "2s", "--store", incident))[0] == 0
    served = await serve(home, incident, "--connection", "bouncer", "--loop")
    async with relaying(home, served.url) as relay:
        client = await asyncio.create_subprocess_exec(sys.executable, str(CLIENT), relay.url)
        home.own(client)
        async with asyncio.timeout(DEADLINE_S):
            assert await client.wait() == 0
        assert await relay.stop() == 0
    assert (await served.stop(signal.SIGINT))[0] == 0
    checks = ("no is:storm", "count(code:1008) > 10")
    code, out, _ = await home.run("assert", *checks, "--store", relay.store, "--json")
    assert code == 3
    assert [each["ok"] for each in json.loads(out)["assertions"]] == [False, True]


def incident() -> list[Event]:
    """Two sessions: one closed for a restart, one after it."""
    ticks = [message(f'{{"n":{number}}}', 2 + number / 100, "nova") for number in range(100)]
    return [
        *of(FIRST, *opening(1), *ticks, loss(4, "nova", code=1012, reason="restart")),
        *of(SECOND, *opening(6), message(b"\x00\xff", 7, "nova"), loss(8, "nova", code=1000, reason="")),
    ]


async def test_the_same_seed_gives_the_same_faults_twice(home: Home) -> None:
    store = written(home.folder, incident(), "nova")

    async def served_with(seed: str) -> tuple[list[str | bytes], int | None]:
        faults = ("--fault", "drop 10%", "--fault", "close 1013 after 10s", "--seed", seed, "--speed", "50")
        served = await serve(home, store, *faults)
        found = await one_session(served.url)
        assert (await served.stop())[0] == 0
        return found

    first = await served_with("incident")
    assert 70 < len(first[0]) < 100
    assert await served_with("incident") == first


async def test_strict_refuses_what_is_not_as_received(home: Home) -> None:
    events = of(FIRST, *opening(1), message('{"k":"[FILTERED]"}', 2, "nova", redacted=True))
    code, out, err = await home.run("serve", written(home.folder, events, "nova"), "--strict")
    assert (code, out) == (3, "")
    assert err == (
        "wsmon: serving nova: 1 session, 1 message. Not as received: 1 masked; sent as recorded\n"
        "wsmon: 1 message cannot be served as received. without --strict, what is stored of them is sent\n"
    )


NODE = """
import WebSocket from "ws";
const seen = [];
const dial = () => {
  const socket = new WebSocket(process.argv[2], { perMessageDeflate: true });
  socket.on("message", (data, isBinary) => seen.push([isBinary, data.toString("base64")]));
  socket.on("close", (code, reason) => {
    seen.push([code, reason.toString()]);
    if (code === 1012) dial(); else console.log(JSON.stringify(seen));
  });
};
dial();
"""


async def test_a_client_of_node_gets_the_same(home: Home) -> None:
    if reason := missing():
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    served = await serve(home, written(home.folder, incident(), "nova"), "--speed", "50")
    node = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "-", served.url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=FOLDER,
    )  # fmt: skip
    home.own(node)
    async with asyncio.timeout(DEADLINE_S):
        out, _ = await node.communicate(NODE.encode())
    seen = json.loads(out)
    assert len(seen) == 103
    assert seen[100:] == [[1012, "restart"], [True, "AP8="], [1000, ""]]
    assert (await served.stop())[0] == 0


async def test_a_client_of_sockjs_gets_the_frames_that_the_real_server_sends(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("sockjs")
    url = f"ws://127.0.0.1:{server.port}/feed/123"
    names = ("auto", "named")
    tables = [f'[[connection]]\nname = "{name}"\nurl = "{url}/{name}xyz/websocket"\n' for name in names]
    recorder = await home.record(home.write(f'{tables[0]}{tables[1]}protocol = "jsonrpc"\n'))
    await recorder.until_stored(2, "connection.completed")
    async with connect(f"{url}/direct1/websocket", proxy=None) as direct:
        frames = [await direct.recv()]
        await server.until("connection", 3)
        for text in ('{"jsonrpc":"2.0","method":"tick","params":{"s":"é\\n"}}', "[1,2]"):
            await server.order("emit", text=text)
            frames.append(await direct.recv())
    await recorder.until_stored(6)
    recorder.signal(signal.SIGTERM)
    await recorder.ended()
    for name in names:
        served = await serve(home, recorder.store, "--connection", name, "--speed", "100")
        assert (await one_session(served.url))[0] == frames
        await served.stop()


async def test_mqtt_js_gets_acknowledgements_with_its_own_identifiers(home: Home, real_peers: RealPeers) -> None:
    def binary(at_s: float, direction: Direction, packets: bytes, *, size: int = 0) -> list[Event]:
        """Packets in messages of so many bytes; 0: one message."""
        step = size or len(packets)
        pieces = [packets[at : at + step] for at in range(0, len(packets), step)]
        return [
            message(piece, at_s + number / 1_000, "nova", direction=direction) for number, piece in enumerate(pieces)
        ]

    opened = opening(1)
    opened[-1] = msgspec.structs.replace(opened[-1], meta={**(opened[-1].meta or {}), "subprotocol": "mqtt"})
    news = [publish(b"feed/%d" % number, b"news") for number in range(3)]
    events = of(
        FIRST,
        *opened,
        # As mqtt.js and aedes write: fields, and bytes, as messages of their own
        *binary(2, "out", mqtt_connect(0), size=1),
        *binary(2.1, "in", packet(0x20, b"\x00\x00"), size=1),
        *binary(2.2, "out", subscribe(1, b"feed/#"), size=2),
        *binary(2.3, "in", granted(1, 2) + news[0], size=3),
        *binary(3, "out", publish(b"own/1", identifier=2, qos=1)),
        *binary(3.1, "in", packet(0x40, b"\x00\x02") + news[1]),
        *binary(4, "out", publish(b"own/2", identifier=3, qos=2)),
        *binary(4.1, "in", packet(0x50, b"\x00\x03")),
        *binary(4.2, "out", packet(0x62, b"\x00\x03")),
        *binary(4.3, "in", packet(0x70, b"\x00\x03") + news[2]),
        loss(600, "nova", code=1000, reason=""),
    )
    clients = await real_peers.start("relayed_clients", 0, "3", "0")
    async with serving(written(home.folder, events, "nova"), speed=20) as server:
        await clients.order("mqtt", url=server.urls[0])
        ended = await clients.until("ended")
    assert clients.named("failed") == []
    # All were acknowledged, and it left by itself
    assert (ended["sent"]["count"], ended["received"]["count"]) == (3, 3)
