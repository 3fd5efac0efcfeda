"""WAMP in MessagePack, replayed by a real WebSocket server: the light routers of the registries speak JSON alone."""

from __future__ import annotations

from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.support.engines import running, spec
from wsmon.model.redact.masking import Sensitive

TICKET = "cAnArY-x7Q9zz-of-a-login"
MSGPACK = Subprotocol("wamp.2.msgpack")
TOPIC, SUBSCRIPTION = "com.news", 6275493738774962


class PackedRouter:
    """Welcomes who has the ticket, confirms a topic, publishes on it once, and shuts down."""

    def __init__(self) -> None:
        self.received: list[list[Any]] = []

    async def handle(self, connection: ServerConnection) -> None:
        """Speak with one client."""
        await self._answer(connection, [4, "ticket", {}])
        await self._answer(connection, [2, 4552997080442727, {"realm": "realm1", "roles": {"broker": {}}}])
        await self._answer(
            connection,
            [33, 1, SUBSCRIPTION],
            [36, SUBSCRIPTION, 7, {}, ["hello"]],
            [6, {}, "wamp.close.system_shutdown"],
        )
        self.received.append(msgspec.msgpack.decode(await connection.recv(decode=False)))

    async def _answer(self, connection: ServerConnection, *messages: list[object]) -> None:
        self.received.append(msgspec.msgpack.decode(await connection.recv(decode=False)))
        for message in messages:
            await connection.send(msgspec.msgpack.encode(message))


async def test_a_session_in_messagepack_is_opened_recorded_and_closed() -> None:
    router = PackedRouter()
    async with serve(router.handle, "127.0.0.1", 0, subprotocols=[MSGPACK]) as listening:
        (socket, *_) = listening.sockets
        client = spec(
            socket.getsockname()[1],
            subprotocols=(Sensitive("wamp.2.json"), Sensitive(MSGPACK)),
            answer=True,
            auth={"authid": Sensitive("joe"), "ticket": Sensitive(TICKET)},
            subscribe=(Sensitive(TOPIC),),
        )
        async with running(client) as engine:
            await engine.ended()
    sink = engine.sink
    assert [message[0] for message in router.received] == [1, 5, 32, 6]
    assert router.received[1] == [5, TICKET, {}]
    assert router.received[3] == [6, {}, "wamp.close.goodbye_and_out"]
    assert [(event.type, event.topic) for event in sink.named("message.sent")] == [
        ("HELLO", "realm1"),
        ("AUTHENTICATE", ""),
        ("SUBSCRIBE", TOPIC),
        ("GOODBYE", ""),
    ]
    assert [(event.type, event.topic) for event in sink.named("message.received")] == [
        ("CHALLENGE", ""),
        ("WELCOME", ""),
        ("SUBSCRIBED", TOPIC),
        ("EVENT", TOPIC),
        ("GOODBYE", ""),
    ]
    assert [event.topic for event in sink.named("subscription.subscribe.completed")] == [TOPIC]
    assert [event.error for event in sink.named("error.occurred")] == ["system shutdown"]
    assert len(sink.named("auth.completed")) == 1
    (ticket,) = [event.payload for event in sink.named("message.sent") if event.type == "AUTHENTICATE"]
    assert msgspec.msgpack.decode(ticket or b"") == [5, "[FILTERED]", {}]
    assert TICKET not in sink.text()
