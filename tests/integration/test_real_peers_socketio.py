"""A Socket.IO server that other people wrote: what wsmon records agrees with what the server saw."""

from __future__ import annotations

import asyncio
import json
import signal

from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import POLL_S, Home, Recorder, stored
from wsmon.model.events import Event

PASSWORD = "correct horse"
SAID = (
    "40",
    "40/admin," + json.dumps({"password": PASSWORD}),
    "40/nowhere,",
    '421["add",1,2]',
    '422["add",3,4]',
    '42["note","nobody answers this"]',
)


REFUSED = ('40/admin,{"password":"wrong"}',)


async def start(home: Home, server: RealPeer, **said: tuple[str, ...]) -> Recorder:
    """Record the server, one connection for each that says something; ``auto`` finds out what it speaks."""
    url = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket"
    entries = [
        f'[[connection]]\nname = "{name}"\nurl = "{url}"\nsend = {json.dumps([*texts])}\n'
        'reconnect = { initial = "50ms", max = "200ms" }\n'
        for name, texts in said.items()
    ]
    return await home.record(home.write("".join(entries)))


async def end(recorder: Recorder, server: RealPeer) -> tuple[Event, ...]:
    """Stop recording; everything that was recorded, once the server knows that it is over."""
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    await server.until("close", len(server.named("connection")))
    return stored(recorder.store)


def told(events: tuple[Event, ...], name: str) -> list[tuple[str, str, str]]:
    """Connection, topic, and the error type or the status, of the events of that name."""
    return [
        (event.source.connection, event.topic, event.error_type or str(event.status))
        for event in events
        if event.name == name
    ]


async def test_namespaces_logins_and_acknowledgements_agree_with_the_server(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("socketio")
    recorder = await start(home, server, chat=SAID, refused=REFUSED)
    await server.until("subscribe", 2)
    await server.until("reply", 2)
    await server.until("event")
    await server.order("emit", event="news", payload={"n": 1})
    await server.until("emit")
    await recorder.until_stored(4, "subscription.subscribe.completed")
    await recorder.until_stored(2, "message.process.completed")
    while not any(event.type == "news" for event in await recorder.until_stored(1)):
        await asyncio.sleep(POLL_S)  # another process's store tells nobody
    events = await end(recorder, server)
    assert server.values("subscribe", "topic") == ["/", "/admin"]
    assert sorted(server.values("auth", "ok")) == [False, True]
    assert sorted(told(events, "subscription.subscribe.completed")) == [
        ("chat", "/", "ok"),
        ("chat", "/admin", "ok"),
        ("chat", "/nowhere", "refused"),
        ("refused", "/admin", "refused"),
    ]
    assert told(events, "auth.failed") == [("refused", "/admin", "refused")]
    assert told(events, "auth.completed") == [("chat", "/admin", "ok")]
    done = [event for event in events if event.name == "message.process.completed"]
    assert [(event.type, event.ref, event.status) for event in done] == [("add", "1", "ok"), ("add", "2", "ok")]
    assert all(event.duration_ns is not None and event.duration_ns > 0 for event in done)
    assert [event.type for event in events if event.name == "message.received" and event.type == "news"] == ["news"]
    assert PASSWORD.encode() not in recorder.store.read_bytes()


async def test_a_server_gives_up_a_client_that_answers_no_heartbeat(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("socketio", 0, "500")
    recorder = await start(home, server, chat=("40",))
    (lost,) = (await recorder.until_stored(1, "connection.disconnected"))[:1]
    assert (await server.until("close"))["reason"] == "ping timeout"
    assert (lost.close_by, lost.to_status) == ("peer", "disconnected")
    until_lost = [event for event in stored(recorder.store) if event.id <= lost.id]
    pings = [event for event in until_lost if event.name == "heartbeat.received"]
    assert len(pings) == 1
    unanswered = [event for event in until_lost if event.name in ("heartbeat.timeout", "heartbeat.failure")]
    # one limit, two clocks: whichever strikes first
    assert [event.error_type for event in unanswered] in (["disconnected"], ["timeout", "timeout"])


async def test_a_server_that_dies_and_comes_back_has_its_namespace_restored(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("socketio")
    recorder = await start(home, server, chat=("40",))
    await recorder.until_stored(1, "subscription.subscribe.completed")
    await server.kill()
    (lost,) = (await recorder.until_stored(1, "connection.disconnected"))[:1]
    again = await real_peers.start("socketio", server.port)
    (restored,) = (await recorder.until_stored(1, "subscription.restored"))[:1]
    await again.until("subscribe")
    assert (restored.topic, lost.close_by, lost.close_code) == ("/", "network", None)
