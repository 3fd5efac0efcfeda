"""SockJS servers that other people wrote: their frames, JSON-RPC and STOMP in them, and their own way to close."""

from __future__ import annotations

import json
import signal

from tests.support.engines import running, spec
from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

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
    found = of(events, "auto", "connection.protocol")
    assert [(event.type, event.reason) for event in found] == [
        ("sockjs", "sockjs: the path ends in a server, a session and /websocket"),
        ("jsonrpc", 'jsonrpc in sockjs: a message has "jsonrpc": "2.0"'),
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


async def test_stomp_within_agrees_with_its_broker(real_peers: RealPeers) -> None:
    server = await real_peers.start("stomp", 0, "sockjs")
    auth = {"login": Sensitive("me"), "passcode": Sensitive("correct horse", "…")}
    url = "ws://127.0.0.1:PORT/stomp/123/abcdefgh/websocket"
    topics = (Sensitive("/topic/a"),)
    async with running(
        spec(server.port, url=url, protocol="stomp", answer=True, auth=auth, subscribe=topics)
    ) as engine:
        sink = engine.sink
        await server.until("subscribe")
        await server.order("publish", topic="/topic/a", payload="hello")
        await sink.wait("subscription.subscribe.completed")
        await sink.wait("auth.completed")
    messages = [event for event in sink.named("message.received") if event.type == "MESSAGE"]
    assert [(event.topic, (event.payload or b"").endswith(b"\n\nhello\0")) for event in messages] == [
        ("/topic/a", True)
    ]
    assert [event.type for event in sink.named("message.sent")][:2] == ["CONNECT", "SUBSCRIBE"]
    assert [(event.topic, event.status) for event in sink.named("subscription.subscribe.completed")] == [
        ("/topic/a", "ok")
    ]
    assert (server.values("connect", "ok"), server.values("subscribe", "topic")) == ([True], ["/topic/a"])
    assert not sink.named("error.occurred")
    assert "correct horse" not in sink.text()


async def test_stomp_within_is_detected(real_peers: RealPeers) -> None:
    server = await real_peers.start("stomp", 0, "sockjs")
    login = json.dumps(["CONNECT\naccept-version:1.1\nlogin:me\npasscode:correct horse\n\n\0"])
    url = "ws://127.0.0.1:PORT/stomp/123/abcdefgh/websocket"
    async with running(spec(server.port, url=url, protocol="auto", send=(Sensitive(login),))) as engine:
        sink = engine.sink
        await sink.wait("auth.completed")
    assert server.values("connect", "ok") == [True]
    assert [(event.type, event.reason) for event in sink.named("connection.protocol")] == [
        ("sockjs", "sockjs: the path ends in a server, a session and /websocket"),
        ("stomp", "stomp in sockjs: a message is a STOMP CONNECT or CONNECTED"),
    ]
    assert "correct horse" not in sink.text()
