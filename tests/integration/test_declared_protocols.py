"""Private protocols that a configuration describes, spoken by real servers: what wsmon says is what the server logs."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve

from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event

KEY = "canary-of-a-private-protocol"


class LoggingServer:
    """Answers each message by a function, and logs what it is told and what it says."""

    def __init__(self, answer: Callable[[str], list[str]], greeting: str) -> None:
        self.heard: list[str] = []
        self.said: list[str] = []
        self._answer = answer
        self._greeting = greeting

    async def __call__(self, connection: ServerConnection) -> None:
        await self._say(connection, self._greeting)
        async for message in connection:
            text = message if isinstance(message, str) else message.decode()
            self.heard.append(text)
            for answer in self._answer(text):
                await self._say(connection, answer)

    async def _say(self, connection: ServerConnection, text: str) -> None:
        self.said.append(text)
        await connection.send(text)


@asynccontextmanager
async def recording(home: Home, server: LoggingServer, config: str) -> AsyncIterator[Recorder]:
    """A recorder of the server, configured by the keys of one connection."""
    async with serve(server, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        path = home.write(f'[[connection]]\nname = "house"\nurl = "ws://127.0.0.1:{port}/"\n{config}')
        yield await home.record(path)


async def end(recorder: Recorder) -> tuple[Event, ...]:
    """Stop recording; everything that was recorded."""
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert KEY.encode() not in recorder.store.read_bytes()
    return stored(recorder.store)


def about(events: tuple[Event, ...], *names: str) -> list[tuple[str, str, str, str]]:
    """Name, the id or topic, status and error of the events with these names."""
    return [
        (event.name, event.ref or event.topic, str(event.status or ""), event.error)
        for event in events
        if event.name in names
    ]


def exchange(text: str) -> list[str]:
    """An exchange with arrays: orders are answered by notifications, channels by their numbers."""
    message = json.loads(text)
    if isinstance(message, list):
        cid = message[3]["cid"]
        outcome = ["SUCCESS", "submitted"] if cid == 1 else ["ERROR", "not enough balance"]
        return [json.dumps([0, "n", [1_700, "on-req", None, None, [None, None, cid], None, *outcome]])]
    match message["event"]:
        case "auth":
            refusal = {"event": "auth", "status": "FAILED", "code": 10100, "msg": "who are you"}
            granted = {"event": "auth", "status": "OK", "chanId": 0}
            return [json.dumps(granted if message["apiKey"] == KEY else refusal)]
        case "subscribe" if message["symbol"] == "tBTCUSD":
            subscribed = {"event": "subscribed", "channel": "trades", "chanId": 17470, "symbol": "tBTCUSD"}
            trades: list[object] = [[17470, [[1, 2, 3]]], [17470, "te", [401597395, 0.005]], [17470, "hb"]]
            return [json.dumps(each) for each in (subscribed, *trades)]
        case "subscribe":
            return [json.dumps({"event": "error", "msg": "symbol: invalid", "code": 10300})]
        case "ping":
            return [json.dumps({"event": "pong", "ts": 1})]
    return []


ARRAYS = """
protocol = "json"
answer = true
send = ['{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}', '{"event":"subscribe","symbol":"tNONE"}',
  '[0,"on",null,{"cid":1}]', '[0,"on",null,{"cid":2}]']
heartbeat = { send = '{"event":"ping"}', every = "200ms", expect = { "$.event" = "pong" } }

[connection.messages]
type = ["$.event", "$[1]"]
topic = ["$.symbol", "$.channel", "$[0]"]
topic_id = "$.chanId"
ref = "$[3].cid"
replies = "$[2][4][2]"
error = [{ "$.event" = "error" }, { "$[2][6]" = "ERROR" }]
error_text = ["$.msg", "$[2][7]"]

[connection.auth]
send = '{"event":"auth","apiKey":"KEY"}'
success = { "$.event" = "auth", "$.status" = "OK" }
failure = { "$.event" = "auth", "$.status" = "FAILED" }
"""


async def test_an_exchange_with_an_array_protocol_is_understood(home: Home) -> None:
    server = LoggingServer(exchange, '{"event":"info","version":2}')
    async with recording(home, server, ARRAYS.replace("KEY", KEY)) as recorder:
        await recorder.until_stored(1, "heartbeat.responded")
        await recorder.until_stored(9)
        events = await end(recorder)
    received = [event for event in events if event.name == "message.received"]
    assert [(event.payload or b"").decode() for event in received] == server.said[: len(received)]
    assert {(event.type, event.topic) for event in received} == {
        ("info", ""), ("auth", ""), ("error", ""), ("n", "0"), ("pong", ""),
        ("subscribed", "tBTCUSD"), ("array", "tBTCUSD"), ("te", "tBTCUSD"), ("hb", "tBTCUSD"),
    }  # fmt: skip
    assert about(events, "auth.completed", "auth.failed") == [("auth.completed", "", "ok", "")]
    assert about(events, "message.process.completed", "error.occurred") == [
        ("error.occurred", "", "", "symbol: invalid"),
        ("message.process.completed", "1", "ok", ""),
        ("message.process.completed", "2", "error", "not enough balance"),
        ("error.occurred", "2", "", "not enough balance"),
    ]
    assert all(event.duration_ns for event in events if event.name == "message.process.completed")
    # The error names no subscription, so the one that it refuses stays open until the end
    confirmed = "subscription.subscribe.completed"
    assert about(events, confirmed) == [(confirmed, "trades", "ok", ""), (confirmed, "tNONE", "abandoned", "")]
    sent, responded = (about(events, name) for name in ("heartbeat.sent", "heartbeat.responded"))
    assert len(sent) - 1 <= len(responded) <= len(sent)


async def test_a_login_that_the_exchange_refuses_is_a_failure(home: Home) -> None:
    server = LoggingServer(exchange, '{"event":"info","version":2}')
    async with recording(home, server, ARRAYS.replace("KEY", "another key")) as recorder:
        await recorder.until_stored(1, "auth.failed")
        events = await end(recorder)
    assert about(events, "auth.completed", "auth.failed") == [("auth.failed", "", "error", "who are you")]


def house(text: str) -> list[str]:
    """A protocol of lines: KIND|id|…, several a message."""
    kind, *fields = text.split("|")
    match kind:
        case "HELLO":
            return ["WELCOME|0" if fields == [KEY] else "DENIED|13"]
        case "GET" if fields[1] == "missing":
            return [f"ERR|{fields[0]}|no such item"]
        case "GET":
            return [f"PUB|prices/{fields[1]}|1.5\nVAL|{fields[0]}|42"]
        case "PONG":
            return ["BYE"]
    return []


LINES = f"""
protocol = "raw"
answer = true
send = ["GET|1|apples", "GET|2|missing"]
heartbeat = {{ reply_to = {{ '^\\w+' = "PING" }}, answer = "PONG" }}

[connection.messages]
items = '[^\\n]+'
type = '^(\\w+)'
topic = '^PUB\\|([^|]*)'
ref = '^GET\\|(\\d+)'
replies = '^(?:VAL|ERR)\\|(\\d+)'
error = '^ERR\\|\\d+\\|(.*)'

[connection.auth]
send = "HELLO|{KEY}"
success = {{ '^WELCOME\\|(\\d+)' = 0 }}
failure = {{ '^DENIED\\|(\\d+)' = [13, 14] }}
"""


async def test_a_protocol_of_lines_is_understood(home: Home) -> None:
    server = LoggingServer(house, "PING")
    async with recording(home, server, LINES) as recorder:
        await recorder.until_stored(6)
        events = await end(recorder)
    received = [event for event in events if event.name == "message.received"]
    lines = [line for said in server.said for line in said.split("\n")]
    assert [(event.payload or b"").decode() for event in received] == lines
    assert sorted((event.type, event.topic) for event in received) == [
        ("BYE", ""), ("ERR", ""), ("PING", ""), ("PUB", "prices/apples"), ("VAL", ""), ("WELCOME", ""),
    ]  # fmt: skip
    assert about(events, "auth.completed", "auth.failed") == [("auth.completed", "", "ok", "")]
    assert about(events, "message.process.completed", "error.occurred") == [
        ("message.process.completed", "1", "ok", ""),
        ("message.process.completed", "2", "error", "no such item"),
        ("error.occurred", "2", "", "no such item"),
    ]
    assert [name for name, *_ in about(events, "heartbeat.received", "heartbeat.responded")] == [
        "heartbeat.received",
        "heartbeat.responded",
    ]
