"""A GraphQL server that other people wrote: what wsmon records agrees with what the server saw."""

from __future__ import annotations

import json
import signal

from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event

PASSWORD = "correct horse"
SAID: list[object] = [
    {"type": "connection_init", "payload": {"password": PASSWORD}},
    {"type": "ping"},
    {"id": "hello", "type": "subscribe", "payload": {"query": "query Hello { hello }"}},
    {"id": "fails", "type": "subscribe", "payload": {"query": "query Fails { fails }"}},
    {"id": "unknown", "type": "subscribe", "payload": {"query": "query Unknown { unknown }"}},
    {"id": "five", "type": "subscribe", "payload": {"query": "subscription Five { count(to: 5) }"}},
    {"id": "ever", "type": "subscribe", "payload": {"query": "subscription Ever { count }"}},
    {"id": "other", "type": "subscribe", "payload": {"query": "subscription Other { other }"}},
]


async def start(home: Home, server: RealPeer, said: list[object]) -> Recorder:
    """Record the server; ``auto`` finds out what it speaks."""
    texts = json.dumps([json.dumps(message) for message in said])
    config = home.write(
        f'[[connection]]\nname = "graphql"\nurl = "ws://127.0.0.1:{server.port}/graphql"\nsend = {texts}\n'
        'subprotocols = ["graphql-transport-ws"]\nreconnect = { initial = "50ms", max = "200ms" }\n'
    )
    return await home.record(config)


def named(events: tuple[Event, ...], name: str) -> list[Event]:
    """The events of that name."""
    return [event for event in events if event.name == name]


def ends(events: tuple[Event, ...], name: str) -> dict[str, str]:
    """How each operation of that name ended: by its id, the error type or ok."""
    return {event.ref: event.error_type or str(event.status) for event in named(events, name)}


async def test_operations_agree_with_the_server(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("graphql")
    recorder = await start(home, server, SAID)
    await server.until("complete", 3)
    await server.until("error", 2)
    await server.until("next", 20)
    await recorder.until_stored(2, "message.process.completed")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    await server.until("close")
    events = stored(recorder.store)
    assert [one["id"] for one in server.named("subscribe")] == [
        message["id"] for message in SAID if isinstance(message, dict) and "id" in message
    ]
    assert ends(events, "message.process.completed") == {"hello": "ok", "fails": "graphql", "unknown": "graphql"}
    assert ends(events, "subscription.subscribe.completed") == {"five": "ok", "ever": "ok", "other": "graphql"}
    assert ends(events, "subscription.unsubscribe.completed") == {"five": "ok"}
    assert {event.topic for event in named(events, "subscription.subscribe.started")} == {"Five", "Ever", "Other"}
    results = [json.loads(event.payload or b"") for event in named(events, "message.received")]
    for id_ in ("hello", "five", "ever"):
        told = sum(one["id"] == id_ for one in server.named("next"))
        ours = [one["payload"]["data"] for one in results if one["type"] == "next" and one["id"] == id_]
        if id_ == "ever":  # the server goes on until it hears of our end
            assert ours == [{"count": number} for number in range(1, len(ours) + 1)]
            assert 0 < len(ours) <= told
        else:
            assert len(ours) == told
    assert [event.status for event in named(events, "auth.completed")] == ["ok"]
    assert server.values("auth", "ok") == [True]
    assert PASSWORD.encode() not in recorder.store.read_bytes()


async def test_heartbeats_of_both_levels_are_told_apart(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("graphql")
    recorder = await start(home, server, SAID)
    await server.until("pong.received", 3)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    await server.until("close")
    events = stored(recorder.store)
    frames = [event.opcode for event in named(events, "heartbeat.received") if event.opcode]
    answers = [event for event in named(events, "heartbeat.responded") if event.opcode and event.direction == "out"]
    assert 3 <= len(server.named("pong.received")) <= len(answers)  # it no longer hears what follows our close
    assert len(answers) == len(frames) <= len(server.named("ping.sent"))
    assert set(frames) == {"ping"}
    (pong,) = [event for event in named(events, "heartbeat.responded") if not event.opcode]
    assert pong.duration_ns is not None
    assert pong.duration_ns > 0


async def test_a_login_that_the_server_refuses_fails(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("graphql")
    recorder = await start(home, server, [{"type": "connection_init", "payload": {"password": "a wrong one"}}])
    await server.until("auth", 2)
    failed = await recorder.until_stored(2, "auth.failed")
    (lost, *_) = await recorder.until_stored(1, "connection.disconnected")
    assert not any(server.values("auth", "ok"))
    assert {event.error_type for event in failed} == {"disconnected"}
    assert (lost.close_code, lost.close_by, lost.reason) == (4403, "peer", "Forbidden")
    assert {one["code"] for one in server.named("close")} == {4403}


async def test_a_server_that_dies_and_comes_back_has_its_subscription_restored(
    home: Home, real_peers: RealPeers
) -> None:
    server = await real_peers.start("graphql")
    recorder = await start(home, server, [SAID[0], SAID[6]])
    await recorder.until_stored(1, "subscription.subscribe.completed")
    await server.kill()
    await recorder.until_stored(1, "connection.disconnected")
    again = await real_peers.start("graphql", server.port)
    (restored,) = await recorder.until_stored(1, "subscription.restored")
    assert restored.topic == "Ever"
    assert (await again.until("subscribe"))["id"] == "ever"
    code, out, _ = await home.run("stats", "--json", "--store", recorder.store)
    (connection,) = json.loads(out)["connections"]
    assert (code, connection["subscriptions"]) == (0, {"active": ["Ever"], "pending": [], "lost": []})
