"""Servers that other people wrote, where wsmon may speak: it logs in, subscribes, answers, and does so again."""

from __future__ import annotations

import json
import signal

from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event

PASSWORD = "correct horse"
# A server that lets nobody go who was merely slow
PATIENT_MS = "10000"
PATHS = {"mqtt": "/", "graphql": "/graphql", "socketio": "/socket.io/?EIO=4&transport=websocket"}
SUBPROTOCOLS = {"mqtt": ["mqtt"], "graphql": ["graphql-transport-ws"], "socketio": []}


async def start(home: Home, server: RealPeer, *topics: str, **auth: str | int) -> Recorder:
    """Record the server with ``answer = true``."""
    credentials = ", ".join(f"{key} = {json.dumps(value)}" for key, value in auth.items())
    config = home.write(
        f'[[connection]]\nname = "{server.name}"\nurl = "ws://127.0.0.1:{server.port}{PATHS[server.name]}"\n'
        f"answer = true\nsubscribe = {json.dumps([*topics])}\nauth = {{ {credentials} }}\n"
        f"subprotocols = {json.dumps(SUBPROTOCOLS[server.name])}\n"
        'reconnect = { initial = "50ms", max = "200ms" }\n'
    )
    return await home.record(config)


async def end(recorder: Recorder, server: RealPeer) -> tuple[Event, ...]:
    """Stop recording; everything that was recorded, once the server knows that it is over."""
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    await server.until("close")
    assert PASSWORD.encode() not in recorder.store.read_bytes()
    return stored(recorder.store)


def ends(events: tuple[Event, ...], name: str) -> list[tuple[str, str]]:
    """Topic, and the error type or the status, of the events of that name."""
    return [(event.topic, event.error_type or str(event.status)) for event in events if event.name == name]


async def subscriptions(home: Home, recorder: Recorder) -> dict[str, list[str]]:
    """What ``stats`` says is active, pending and lost."""
    code, out, _ = await home.run("stats", "--json", "--store", recorder.store)
    (connection,) = json.loads(out)["connections"]
    assert code == 0
    found: dict[str, list[str]] = connection["subscriptions"]
    return found


async def test_mqtt_logs_in_subscribes_acknowledges_and_pings(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    recorder = await start(home, server, "feed/#", "private/x", username="me", password=PASSWORD, keepalive=3)
    await server.until("subscribe")
    for number in range(3):
        await server.order("publish", topic=f"feed/{number}", payload="news", qos=1)
    await server.until("ack", 3)
    await server.until("pingreq", 2)
    await recorder.until_stored(3, "message.process.completed")
    assert await subscriptions(home, recorder) == {"active": ["feed/#"], "pending": [], "lost": []}
    events = await end(recorder, server)
    assert server.values("auth", "ok") == [True]
    assert ends(events, "auth.completed") == [("", "ok")]
    assert ends(events, "subscription.subscribe.completed") == [("feed/#", "ok"), ("private/x", "unspecified_error")]
    assert sorted(ends(events, "message.process.completed")) == [(f"feed/{number}", "ok") for number in range(3)]
    sent = [event for event in events if event.name == "message.sent" and event.type == "PINGREQ"]
    assert len(sent) == len(server.named("pingreq"))


async def test_mqtt_says_why_a_login_was_refused(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    recorder = await start(home, server, "feed/#", username="me", password="wrong")
    (failed, *_) = await recorder.until_stored(1, "auth.failed")
    assert failed.error_type == "not_authorized"
    assert (await server.until("auth"))["ok"] is False
    assert server.named("subscribe") == []


async def test_mqtt_subscribes_again_after_the_broker_died(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    recorder = await start(home, server, "feed/#")
    await recorder.until_stored(1, "subscription.subscribe.completed")
    await server.kill()
    await recorder.until_stored(1, "connection.disconnected")
    again = await real_peers.start("mqtt", server.port)
    await recorder.until_stored(1, "subscription.restored")
    await again.until("subscribe")
    assert again.values("subscribe", "topic")[0] == "feed/#"
    assert await subscriptions(home, recorder) == {"active": ["feed/#"], "pending": [], "lost": []}


async def test_graphql_subscribes_once_it_is_let_in_and_again_after_the_server_died(
    home: Home, real_peers: RealPeers
) -> None:
    server = await real_peers.start("graphql", 0, PATIENT_MS)
    recorder = await start(home, server, "subscription Ever { count }", password=PASSWORD)
    await recorder.until_stored(1, "subscription.subscribe.completed")
    await server.kill()
    assert server.values("auth", "ok") == [True]
    await recorder.until_stored(1, "connection.disconnected")
    again = await real_peers.start("graphql", server.port, PATIENT_MS)
    await recorder.until_stored(1, "subscription.restored")
    assert await subscriptions(home, recorder) == {"active": ["Ever"], "pending": [], "lost": []}
    events = await end(recorder, again)
    assert len(again.named("subscribe")) == 1
    assert ends(events, "auth.completed") == [("", "ok")] * 2


async def test_socketio_answers_the_heartbeats_of_the_server(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("socketio")
    recorder = await start(home, server, "/admin", password=PASSWORD)
    await server.until("pong.received", 6)
    await recorder.until_stored(1, "subscription.subscribe.completed")  # the store follows the server by a commit
    assert await subscriptions(home, recorder) == {"active": ["/admin"], "pending": [], "lost": []}
    events = await end(recorder, server)
    assert server.values("subscribe", "topic") == ["/admin"]
    assert server.values("auth", "ok") == [True]
    answered = [event for event in events if event.name == "heartbeat.responded" and event.direction == "out"]
    assert len(answered) == len(server.named("pong.received"))
    assert all(event.duration_ns is not None for event in answered)
    assert ends(events, "auth.completed") == [("/admin", "ok")]
    assert [event.to_status for event in events if event.name == "connection.disconnected"] == ["closed"]
