"""A SignalR server that other people wrote (aiosignalr): what wsmon records of both hub protocols agrees with it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import msgspec
import pytest

from tests.support.engines import running, spec
from tests.support.node_peers import CONSUMERS, REQUIRED, RealPeer, RealPeers
from tests.support.tracing import KeptSink
from tests.support.verdicts import VerdictHarness
from wsmon.config.specs import ConnectionSpec
from wsmon.model.redact.masking import Sensitive
from wsmon.trace import connect

TOKEN = "s3cr3t-of-the-url"
PASSWORD = "correct horse"
END = b"\x1e"


@pytest.fixture
async def server(real_peers: RealPeers) -> RealPeer:
    """The server, where its package is there."""
    probe = (CONSUMERS, "-c", "import aiosignalr")
    if not CONSUMERS.exists() or subprocess.run(probe, capture_output=True, check=False).returncode:  # noqa: ASYNC221
        reason = "aiosignalr is not installed: .ci/real-peers"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return await real_peers.start("signalr")


def client(server: RealPeer, *topics: str, **fields: object) -> ConnectionSpec:
    return spec(
        server.port,
        url=f"ws://127.0.0.1:PORT/hub?access_token={TOKEN}",
        subscribe=tuple(map(Sensitive, topics)),
        **fields,
    )


async def test_json_invocations_streams_and_pings_agree_with_the_server(server: RealPeer) -> None:
    stream = {"type": 4, "invocationId": "s", "target": "count", "arguments": [3]}
    login = {"type": 1, "invocationId": "l", "target": "login", "arguments": ["ann", PASSWORD]}
    topics = ('["add",1,2]', "refuse", json.dumps(stream), json.dumps(login), "ask")
    async with running(client(server, *topics, protocol="signalr", answer=True)) as engine:
        sink = engine.sink
        await sink.wait("subscription.subscribe.completed", 3)
        while len([each for each in sink.named("message.process.completed") if each.ref in ("s", "l")]) < 2:
            await sink.wait("message.process.completed", len(sink.named("message.process.completed")) + 1)
        await sink.wait("heartbeat.received", 2)
        await server.order("emit", target="Tick", arguments=[1])
        while not [event for event in sink.named("message.received") if event.type == "Tick"]:
            await sink.wait("message.received", len(sink.named("message.received")) + 1)
    assert server.named("connection")[0]["protocol"] == TOKEN
    assert server.values("auth", "ok") == [True]
    done = [(end.topic, end.error_type or end.status) for end in sink.named("subscription.subscribe.completed")]
    assert sorted(done) == [('["add",1,2]', "ok"), ("ask", "ok"), ("refuse", "completion")]
    (refused,) = [end for end in sink.named("subscription.subscribe.completed") if end.error]
    assert "not today" in refused.error
    ends = {end.ref: (end.type, end.status, end.meta) for end in sink.named("message.process.completed")}
    assert ends["s"] == ("count", "ok", {"items": 3})
    assert ends["l"][:2] == ("login", "ok")
    asked = [event for event in sink.named("message.received") if event.type == "Name"]
    assert [bool(event.ref) for event in asked] == [True]
    assert len(sink.named("heartbeat.received")) <= len(server.named("ping.sent"))
    assert len(server.named("ping.sent")) - len(sink.named("heartbeat.received")) <= 1
    assert [event.type for event in sink.named("message.sent")] == [
        "handshake", "add", "refuse", "count", "login", "ask",
    ]  # fmt: skip
    assert not [event for event in sink.events if event.error_type in ("signalr", "json", "classifier", "unmatched")]
    assert PASSWORD not in sink.text()
    assert TOKEN not in sink.text()


async def test_a_refused_handshake_and_a_close_explain_the_end(server: RealPeer) -> None:
    odd = Sensitive('{"protocol":"morse","version":1}\x1e')
    async with running(client(server, send=(odd,))) as engine:
        await engine.ended()
    (error, *_) = engine.sink.named("error.occurred")
    assert (error.type, error.error_type) == ("handshake", "refused")
    assert "morse" in error.error
    (named,) = engine.sink.named("connection.protocol")[:1]
    assert named.reason == "signalr: a message is the handshake of a hub protocol"
    async with running(client(server, protocol="signalr", answer=True)) as engine:
        await engine.sink.wait("message.process.completed")
        await server.order("close", error="Connection closed with an error: deploying")
        await engine.ended()
    events, (ended,) = engine.sink.events, engine.sink.named("connection.disconnected")
    assert engine.sink.named("error.occurred")[0].error == "Connection closed with an error: deploying"
    verdict = VerdictHarness().verdict(*events[: events.index(ended) + 1])
    assert verdict.by == "peer"
    assert "Connection closed with an error: deploying" in verdict.cause


def packed(*items: object) -> bytes:
    content = msgspec.msgpack.encode(items)
    assert len(content) < 0x80
    return bytes((len(content),)) + content


async def test_messagepack_is_read_masked_and_recorded_as_json(server: RealPeer) -> None:
    sink = KeptSink()
    async with connect(f"ws://127.0.0.1:{server.port}/hub", connection="house", sink=sink) as connection:
        await connection.send(b'{"protocol":"messagepack","version":1}' + END)
        assert await connection.recv() in (b"{}" + END, "{}\x1e")
        calls = packed(1, {}, "1", "add", [1, 2], []), packed(1, {}, "2", "login", ["ann", PASSWORD], [])
        await connection.send(b"".join(calls))
        await connection.send(packed(4, {}, "3", "count", [2], []))
        async with asyncio.timeout(20):
            while not any(event.type == "count" and event.name == "message.process.completed" for event in sink.events):
                await connection.recv()
    messages = [event for event in sink.events if event.name in ("message.sent", "message.received")]
    told = [(event.type, event.ref, event.payload, (event.meta or {}).get("encoding")) for event in messages]
    assert told[0][0] == told[1][0] == "handshake"
    assert told[2:5] == [
        ("add", "1", '[1,{},"1","add",[1,2],[]]', "msgpack"),
        ("login", "2", '[1,{},"2","login",["[FILTERED]","[FILTERED]"],[]]', "msgpack"),
        ("count", "3", '[4,{},"3","count",[2],[]]', "msgpack"),
    ]
    assert sum(event.size or 0 for event in messages[2:4]) == len(b"".join(calls))
    done = {event.ref: event for event in sink.events if event.name == "message.process.completed" and event.ref}
    assert {ref: (event.type, event.outcome or event.status) for ref, event in done.items()} == {
        "1": ("add", "ok"), "2": ("login", "ok"), "3": ("count", "ok"),
    }  # fmt: skip
    assert server.values("auth", "ok") == [True]
    assert PASSWORD not in repr(sink.events)
