"""A Socket.IO 2 server that other people wrote: the client pings, and joins the main namespace without asking."""

from __future__ import annotations

import asyncio
import json
import signal

from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import POLL_S, Home, Recorder, stored
from wsmon.model.events import Event

PASSWORD = "correct horse"


def entry(server: RealPeer, name: str, rest: str) -> str:
    url = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=3&transport=websocket"
    return f'[[connection]]\nname = "{name}"\nurl = "{url}"\nreconnect = {{ initial = "100ms", max = "1s" }}\n{rest}\n'


def told(events: tuple[Event, ...], connection: str, name: str) -> list[tuple[str, str, str]]:
    """Topic, error type or status, and the error, of the events of that name."""
    return [
        (event.topic, event.error_type or str(event.status), event.error)
        for event in events
        if event.name == name and event.source.connection == connection
    ]


async def end(recorder: Recorder) -> tuple[Event, ...]:
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    return stored(recorder.store)


async def test_namespaces_acknowledgements_and_heartbeats_agree_with_the_server(
    home: Home, real_peers: RealPeers
) -> None:
    server = await real_peers.start("socketio2")
    said = json.dumps(["40/admin?password=hunter2x", "40/nowhere", '421["add",1,2]', '42["note"]'])
    spoken = f'answer = true\nsubscribe = ["/admin"]\nauth = {{ password = "{PASSWORD}" }}'
    recorder = await home.record(home.write(entry(server, "raw", f"send = {said}") + entry(server, "client", spoken)))
    await server.until("subscribe", 3)
    await server.until("reply")
    await server.until("pong.sent", 2)
    await server.order("emit", event="news", payload={"n": 1}, namespace="/admin")
    await server.order("emit", event="picture", payload="binary")
    await recorder.until_stored(2, "heartbeat.responded")
    while not any(event.type == "picture" and event.opcode == "binary" for event in await recorder.until_stored(1)):
        await asyncio.sleep(POLL_S)  # another process's store tells nobody
    events = await end(recorder)
    assert set(server.values("connection", "protocol")) == {"3"}
    assert sorted(server.values("subscribe", "topic")) == ["/", "/", "/admin"]
    assert sorted(server.values("auth", "ok")) == [False, True]
    assert told(events, "client", "subscription.subscribe.completed") == [("/", "ok", ""), ("/admin", "ok", "")]
    assert told(events, "client", "auth.completed") == [("/admin", "ok", "")]
    assert sorted(told(events, "raw", "subscription.subscribe.completed")) == [
        ("/", "ok", ""),
        ("/admin", "refused", "wrong password"),
        ("/nowhere", "refused", "Invalid namespace"),
    ]
    assert told(events, "raw", "auth.failed") == [("/admin", "refused", "wrong password")]
    done = [event for event in events if event.name == "message.process.completed"]
    assert [(event.type, event.ref, event.status) for event in done] == [("add", "1", "ok")]
    pictures = [event for event in events if event.type == "picture" and event.source.connection == "client"]
    # In the third revision, the type of the packet is the first byte of an attachment
    assert [(event.opcode, event.topic, event.payload) for event in pictures] == [
        ("text", "/", b'451-["picture",{"_placeholder":true,"num":0}]'),
        ("binary", "/", b"\x04a picture"),
    ]
    news = [event.topic for event in events if event.type == "news"]
    assert news == ["/admin"]
    assert [event for event in events if event.error_type and event.error_type != "refused"] == []
    # The client pings once an interval, and only the one that answers
    beats = [event for event in events if event.name == "heartbeat.responded"]
    assert {event.source.connection for event in beats} == {"client"}
    assert len(beats) in (len(server.named("pong.sent")), len(server.named("pong.sent")) - 1)
    assert all(event.duration_ns is not None and event.duration_ns > 0 for event in beats)
    assert not [event for event in events if event.name in ("heartbeat.timeout", "heartbeat.failure")]
    assert b"correct horse" not in recorder.store.read_bytes()
    assert b"correct%20horse" not in recorder.store.read_bytes()
    assert b"correct+horse" not in recorder.store.read_bytes()


async def test_a_server_that_disconnects_says_so(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("socketio2")
    recorder = await home.record(home.write(entry(server, "feed", "send = ['42[\"kick\"]']")))
    (lost,) = (await recorder.until_stored(1, "connection.disconnected"))[:1]
    events = [event for event in await end(recorder) if event.id <= lost.id]
    assert (await server.until("close"))["reason"]
    ended = [event for event in events if event.name == "subscription.unsubscribe.completed"]
    assert [(event.topic, event.reason) for event in ended] == [("/", "disconnected by the peer")]
    assert lost.verdict is not None
    assert lost.verdict.by == "peer"
    assert "with this Socket.IO message the server closed deliberately" in lost.verdict.cause
