"""An MQTT broker that other people wrote: it understands what wsmon says, and wsmon what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.node_peers import DEADLINE_S, RealPeer, RealPeers
from wsmon.clock import SystemClock
from wsmon.model.secret import Sensitive
from wsmon.protocols import mqtt, mqtt_speaking
from wsmon.protocols.reading import Note
from wsmon.protocols.wanted import Wanted

PASSWORD = "correct horse"


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
