"""A SockJS server that other people wrote: its frames, the messages in them, and its own way to close."""

from __future__ import annotations

import json
import signal

from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event

CALLS = (
    {"jsonrpc": "2.0", "id": 1, "method": "add", "params": [1, 2]},
    {"jsonrpc": "2.0", "id": 2, "method": "fail", "params": {"token": "s3cr3t-value"}},
)


def entry(server: RealPeer, name: str, rest: str) -> str:
    url = f"ws://127.0.0.1:{server.port}/feed/123/{name}xyz/websocket"
    return f'[[connection]]\nname = "{name}"\nurl = "{url}"\nreconnect = {{ initial = "100ms", max = "1s" }}\n{rest}\n'


def of(events: tuple[Event, ...], connection: str, name: str) -> list[Event]:
    return [event for event in events if event.source.connection == connection and event.name == name]


async def end(recorder: Recorder) -> tuple[Event, ...]:
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    return stored(recorder.store)


async def test_the_messages_in_its_frames_are_those_of_the_inner_protocol(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("sockjs")
    said = json.dumps([json.dumps([json.dumps(call) for call in CALLS])])
    topics = 'protocol = "jsonrpc"\nsubscribe = ["eth_subscribe ticks"]\nanswer = true'
    recorder = await home.record(home.write(entry(server, "auto", f"send = {said}") + entry(server, "named", topics)))
    await server.until("request", 3)
    await server.until("heartbeat.sent", 3)
    tick = {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": "0x1", "result": 5}}
    await server.order("emit", text=json.dumps(tick))
    await server.until("emit")
    await recorder.until_stored(2, "message.process.completed")
    await recorder.until_stored(1, "subscription.subscribe.completed")
    await recorder.until_stored(3, "heartbeat.received")
    events = await end(recorder)
    assert server.values("connection", "protocol") == ["websocket"] * 2
    assert sorted(server.values("request", "method")) == ["add", "eth_subscribe", "fail"]
    opened = of(events, "auto", "connection.completed")[0].meta or {}
    assert opened["protocol"] == "sockjs"
    inner = of(events, "auto", "connection.protocol")
    assert [(event.type, event.reason) for event in inner] == [
        ("jsonrpc", 'jsonrpc in sockjs: a message has "jsonrpc": "2.0"')
    ]
    sent = of(events, "auto", "message.sent")
    assert [(event.type, event.ref, json.loads(event.payload or b"")["id"]) for event in sent] == [
        ("add", "1", 1),
        ("fail", "2", 2),
    ]
    assert [(event.meta or {})["part"] for event in sent] == [1, 2]
    assert [(event.wire_size or 0) > 0 for event in sent] == [True, False]
    done = of(events, "auto", "message.process.completed")
    assert [(event.type, event.ref, event.status, event.error) for event in done] == [
        ("add", "1", "ok", ""),
        ("fail", "2", "error", "not today"),
    ]
    assert b"s3cr3t-value" not in recorder.store.read_bytes()
    subscribed = of(events, "named", "subscription.subscribe.completed")
    assert [(event.topic, event.status) for event in subscribed] == [("eth_subscribe ticks", "ok")]
    received = [event.type for event in of(events, "named", "message.received")]
    assert received[0] == "open"
    assert received[1:] == ["eth_subscribe", "eth_subscription"]
    pings = [event for event in events if event.name == "heartbeat.received"]
    assert {event.opcode for event in pings} == {"ping"}
    assert len(server.named("heartbeat.sent")) - 2 <= len(pings) <= len(server.named("heartbeat.sent"))
    assert [event for event in events if event.error_type and event.type != "fail"] == []


async def test_its_own_close_explains_the_end(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("sockjs")
    recorder = await home.record(home.write(entry(server, "feed", "")))
    await recorder.until_stored(1, "message.received")
    await server.order("close", code=4321, reason="kicked by app")
    (lost,) = (await recorder.until_stored(1, "connection.disconnected"))[:1]
    await end(recorder)
    assert (lost.close_code, lost.close_by) == (1000, "peer")
    assert lost.verdict is not None
    assert (lost.verdict.by, lost.verdict.code) == ("peer", "4321 application-defined")
    assert lost.verdict.cause.startswith(
        "“kicked by app”, 4321, closed by peer in a message; the close frame has 1000; "
    )
    assert "considers the session finished" not in lost.verdict.cause
