"""Pusher Channels, as its documentation has it, replayed by a real WebSocket server: no registry has a server of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.support.engines import Engine, running, spec
from tests.support.verdicts import VerdictHarness
from wsmon.model.redact.masking import Sensitive

KEY, SECRET = "278d425bdf160c739803", "7ad3773142a6692b25b8"
HELLO = {"socket_id": "1234.1234", "activity_timeout": 120}
# Documentation of Pusher, "Authorizing users"
SIGNED = f"{KEY}:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"

UNKNOWN = f"App key {KEY} not in this cluster."
NEVER = "do not reconnect unchanged: correct the application's key, the URL or the account first"


def said(event: str, data: object, channel: str = "") -> str:
    """A message of the server: its data is JSON in a string."""
    return json.dumps({"event": event, "data": json.dumps(data), **({"channel": channel} if channel else {})})


class PusherReplay:
    """A server that greets, confirms and refuses channels, pings, and closes with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        self.received: list[dict[str, object]] = []

    async def handle(self, connection: ServerConnection) -> None:
        """Speak with one client until it has answered the ping."""
        await connection.send(said("pusher:connection_established", HELLO))
        if not self.code:
            refusal = {"event": "pusher:error", "data": {"code": 4001, "message": UNKNOWN}}
            await connection.send(json.dumps(refusal))
            await connection.close(4001, UNKNOWN)
            return
        is_over = False
        while not is_over:
            message = json.loads(await connection.recv())
            self.received.append(message)
            match message["event"], message["data"]:
                case "pusher:subscribe", {"channel": "private-closed" as channel}:
                    error = {"type": "AuthError", "error": "Forbidden", "status": 403}
                    await connection.send(said("pusher:subscription_error", error, channel))
                    await connection.send(json.dumps({"event": "pusher:ping", "data": {}}))
                case "pusher:subscribe", {"channel": str(channel)}:
                    await connection.send(said("pusher_internal:subscription_succeeded", {}, channel))
                    await connection.send(said("price", {"eur": 1}, channel))
                case "pusher:pong", _:
                    await connection.close(self.code, self.reason)
                    is_over = True


@asynccontextmanager
async def against(server: PusherReplay) -> AsyncIterator[Engine]:
    """The engine against that server; ``auto`` finds out what it is, by its URL."""
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        (socket, *_) = listening.sockets
        client = spec(
            socket.getsockname()[1],
            url=f"ws://127.0.0.1:PORT/app/{KEY}?protocol=7&client=js&version=8.6.0",
            answer=True,
            auth={"secret": Sensitive(SECRET, "[FILTERED]")},
            subscribe=(Sensitive("trades"), Sensitive("private-foobar"), Sensitive("private-closed")),
        )
        async with running(client) as engine:
            yield engine


def judged(engine: Engine) -> tuple[str, str]:
    """The cause of the end, and what to do about it."""
    events = engine.sink.events
    end = engine.sink.named("connection.disconnected")[0]
    verdict = VerdictHarness().verdict(*events[: events.index(end) + 1])
    return verdict.cause, verdict.next


async def test_channels_and_pings_are_those_that_the_server_saw() -> None:
    server = PusherReplay(4200, "")
    async with against(server) as engine, asyncio.timeout(10):
        await engine.ended()
    sink = engine.sink
    assert [message["event"] for message in server.received] == [*["pusher:subscribe"] * 3, "pusher:pong"]
    assert server.received[1]["data"] == {"channel": "private-foobar", "auth": SIGNED}
    assert [event.type for event in sink.named("message.sent")] == [message["event"] for message in server.received]
    assert [(end.topic, end.error_type or end.status) for end in sink.named("subscription.subscribe.completed")] == [
        ("trades", "ok"),
        ("private-foobar", "ok"),
        ("private-closed", "pusher_403"),
    ]
    assert [event.topic for event in sink.named("message.received") if event.type == "price"] == [
        "trades",
        "private-foobar",
    ]
    assert len(sink.named("heartbeat.received")) == len(sink.named("heartbeat.responded")) == 1
    assert SIGNED.partition(":")[2] not in sink.text()
    assert SECRET not in sink.text()


@pytest.mark.parametrize(
    ("code", "meaning", "step"),
    [
        (4200, "generic reconnect", "reconnect immediately"),
        (4100, "over capacity", "reconnect after at least 1 s"),
        (4004, "application is over its connection quota", NEVER),
    ],
)
async def test_a_close_code_says_whether_to_come_back(code: int, meaning: str, step: str) -> None:
    async with against(PusherReplay(code, "")) as engine, asyncio.timeout(10):
        await engine.ended()
    cause, next_step = judged(engine)
    assert cause.startswith(f"closed by peer: {code} application-defined; ")
    assert cause.endswith(f"; the service protocol calls this “{meaning}”")
    assert next_step == step


async def test_an_unknown_application_is_an_error_that_explains_the_end() -> None:
    async with against(PusherReplay(0, "")) as engine, asyncio.timeout(10):
        await engine.ended()
    (error,) = engine.sink.named("error.occurred")
    assert (error.error_type, error.error, error.meta) == ("pusher_4001", UNKNOWN, {"advice": NEVER})
    cause, step = judged(engine)
    assert cause.startswith(f"“{UNKNOWN}”, 4001, closed by peer; last message from the peer: ")
    assert (cause.endswith("the service protocol calls this “application does not exist”"), step) == (True, NEVER)
