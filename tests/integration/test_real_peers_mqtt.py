"""An MQTT broker that other people wrote: it understands what wsmon says, and wsmon what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.engines import SOON_AGAIN, Engine, running, spec
from tests.mqtt_packets import connect as connect_packet
from tests.mqtt_packets import publish, subscribe, text
from tests.node_peers import DEADLINE_S, RealPeer, RealPeers
from wsmon.clock import SystemClock
from wsmon.model.secret import Sensitive
from wsmon.protocols import mqtt, mqtt_speaking
from wsmon.protocols.reading import Note
from wsmon.protocols.wanted import Wanted

PASSWORD = "correct horse"
LOGIN = connect_packet(0xC2, text(b"me"), text(PASSWORD.encode()))
PINGREQ = b"\xc0\x00"


class Packets(Sensitive):
    """Binary in the place of a text to be sent, which a configuration cannot hold."""

    __slots__ = ("_packets",)

    def __init__(self, packets: bytes) -> None:
        super().__init__("packets")
        self._packets = packets

    def reveal(self) -> bytes:  # type: ignore[override]  # the socket takes both
        """The packets as one binary message."""
        return self._packets


@asynccontextmanager
async def recording(server: RealPeer, *messages: bytes) -> AsyncIterator[Engine]:
    """The engine on a session that says these at once, again in each session; ``auto`` finds out what they are."""
    said = tuple(map(Packets, messages))
    made = spec(server.port, protocol="auto", send=said, subprotocols=(Sensitive("mqtt"),), reconnect=SOON_AGAIN)
    async with running(made) as engine:
        yield engine


class Session:
    """A client that says what wsmon would, and remembers what wsmon understands."""

    def __init__(self, connection: ClientConnection, wanted: Wanted) -> None:
        self.notes: list[Note] = []
        self.state = mqtt.State()
        self._connection = connection
        self._wanted = wanted
        self._clock = SystemClock()

    async def say(self, *messages: bytes) -> None:
        """Send, and read what is sent."""
        for message in messages:
            self.state.at(self._clock.mono_ns())
            self.notes += mqtt.classify("out", "binary", message, self.state).notes
            await self._connection.send(message)

    async def until(self, name: str, count: int = 1) -> list[Note]:
        """Answer what comes, and say what is due, until that was told so often."""
        async with asyncio.timeout(DEADLINE_S):
            while len(found := [note for note in self.notes if note.name == name]) < count:
                await self.say(*mqtt_speaking.due(self._clock.mono_ns(), self._wanted, self.state))
                try:
                    async with asyncio.timeout(0.05):
                        message = await self._connection.recv()
                except TimeoutError:
                    continue
                assert isinstance(message, bytes)
                self.state.at(self._clock.mono_ns())
                reading = mqtt.classify("in", "binary", message, self.state)
                assert not reading.error_type, reading
                self.notes += reading.notes
                await self.say(*mqtt_speaking.answer(reading, self._wanted, self.state))
        return found


@asynccontextmanager
async def session(server: RealPeer, *topics: str, **auth: str | float) -> AsyncIterator[Session]:
    """A session with the broker that has said its CONNECT."""
    secrets = {key: Sensitive(value) if isinstance(value, str) else value for key, value in auth.items()}
    wanted = Wanted(tuple(map(Sensitive, topics)), secrets, "mqtt")
    async with connect(f"ws://127.0.0.1:{server.port}/", subprotocols=[Subprotocol("mqtt")]) as connection:
        client = Session(connection, wanted)
        await client.say(*mqtt_speaking.opening(wanted, client.state))
        yield client


def told(notes: list[Note]) -> list[tuple[str, str]]:
    """Topic, and how it went."""
    return [(note.topic, note.error_type or str(note.status)) for note in notes]


async def test_a_login_and_each_topic_of_a_subscription(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    async with session(server, "feed/#", "private/x", username="me", password=PASSWORD, client_id="w") as client:
        assert told(await client.until("auth.completed")) == [("", "ok")]
        ends = await client.until("subscription.subscribe.completed", 2)
        assert told(ends) == [("feed/#", "ok"), ("private/x", "unspecified_error")]
        assert server.values("auth", "ok") == [True]
        await server.until("subscribe")
        granted = [(one["topic"], one["qos"]) for one in server.named("subscribe")]
        assert granted[0] == ("feed/#", 1)


async def test_a_refused_login_says_why(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    async with session(server, "feed/#", username="me", password="wrong") as client:
        assert told(await client.until("auth.failed")) == [("", "not_authorized")]
    assert server.values("auth", "ok") == [False]
    assert server.named("subscribe") == []


async def test_messages_are_acknowledged_and_pings_answered(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    async with session(server, "feed/#", keepalive=1) as client:
        await client.until("subscription.subscribe.completed")
        for number in range(3):
            await server.order("publish", topic=f"feed/{number}", payload="x" * 300, qos=1)
        done = await client.until("message.process.completed", 3)
        assert sorted(told(done)) == [(f"feed/{number}", "ok") for number in range(3)]
        await client.until("heartbeat.responded", 2)
        await server.until("pingreq", 2)
        await server.until("ack", 3)
    assert [note.error_type for note in client.notes if note.error_type] == []
    sent = [note for note in client.notes if note.name == "heartbeat.sent"]
    assert len(sent) == len(server.named("pingreq")) == 2


async def test_what_is_recorded_agrees_with_the_broker(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    published = publish(b"own/a", identifier=5, qos=1) + publish(b"own/b") + publish(b"own/c", identifier=6, qos=1)
    asked = subscribe(1, b"feed/#", b"private/x")
    async with recording(server, LOGIN[:3], LOGIN[3:20], LOGIN[20:] + asked, published + PINGREQ) as engine:
        sink = engine.sink
        login = await sink.wait("auth.completed")
        await sink.wait("subscription.subscribe.completed", 2)
        await sink.wait("message.process.completed", 2)
        pong = await sink.wait("heartbeat.responded")
        await server.until("pingreq")
        await server.order("publish", topic="feed/1", payload="news", qos=0)
        count = 1  # the broker sends some packets in several messages
        while (await sink.wait("message.received", count)).topic != "feed/1":
            count += 1
        await server.until("subscribe")
        ends = sink.named("subscription.subscribe.completed")
        assert [(end.topic, end.error_type) for end in ends] == [("feed/#", ""), ("private/x", "unspecified_error")]
        assert server.values("subscribe", "topic")[0] == "feed/#"
        done = sink.named("message.process.completed")
        assert [(end.topic, end.ref, end.status) for end in done] == [("own/a", "5", "ok"), ("own/c", "6", "ok")]
        assert server.values("published", "topic") == ["own/a", "own/b", "own/c"]
        assert all(end.duration_ns is not None and end.duration_ns > 0 for end in (login, pong, *done))
        assert PASSWORD not in sink.text()
        assert len(server.named("pingreq")) == len(sink.named("heartbeat.sent")) == 1


async def test_a_broker_that_dies_and_comes_back_has_its_subscription_restored(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    async with recording(server, LOGIN, subscribe(1, b"feed/#")) as engine:
        await engine.sink.wait("subscription.subscribe.completed")
        await server.kill()
        lost = await engine.ended()
        again = await real_peers.start("mqtt", server.port)
        restored = await engine.sink.wait("subscription.restored")
        await again.until("subscribe")
        assert (restored.topic, lost.close_by, lost.close_code) == ("feed/#", "network", None)
        assert engine.sink.path()[-1] == "websocket_connected"
