"""A JSON-RPC server that other people wrote: what wsmon records agrees with what the server saw."""

from __future__ import annotations

import json
import signal

from tests.support.node_peers import RealPeer, RealPeers
from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event

PASSWORD = "correct horse"
# A bound for what the network and two busy processes add to a time
LATER_MS = 1_000.0


def call(id_: object, method: str, *params: object, **named: object) -> dict[str, object]:
    """A request."""
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": named or [*params]}


SAID: list[object] = [
    call(1, "echo", "hello"),
    call("slow", "slow", 150),
    call(3, "fail"),
    call(4, "nothing"),
    call(5, "secret"),
    call(6, "rpc.login", password="wrong"),
    call(7, "rpc.login", password=PASSWORD),
    call(8, "secret"),
    [call(9, "echo", 1), call("ten", "echo", 2), {"jsonrpc": "2.0", "method": "echo", "params": []}],
    call(11, "feed_subscribe", "ticks"),
    call(12, "feed_subscribe", "tocks"),
]


async def start(home: Home, server: RealPeer) -> Recorder:
    """Record the server."""
    texts = json.dumps([json.dumps(message) for message in SAID])
    config = home.write(
        f'[[connection]]\nname = "rpc"\nurl = "ws://127.0.0.1:{server.port}/"\nprotocol = "jsonrpc"\nsend = {texts}\n'
        'ping = { interval = "150ms", timeout = "5s" }\nreconnect = { initial = "50ms", max = "200ms" }\n'
    )
    return await home.record(config)


async def end(recorder: Recorder, server: RealPeer) -> tuple[Event, ...]:
    """Stop recording; everything that was recorded, once the server knows that it is over."""
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    await server.until("close")
    return stored(recorder.store)


def named(events: tuple[Event, ...], name: str, direction: str = "") -> list[Event]:
    """The events of that name."""
    return [event for event in events if event.name == name and direction in ("", event.direction)]


def payloads(events: list[Event]) -> list[str]:
    """What they carried."""
    return [(event.payload or b"").decode() for event in events]


async def test_every_request_is_paired_with_its_reply(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("jsonrpc")
    recorder = await start(home, server)
    await server.until("reply", 12)
    await recorder.until_stored(10, "message.process.completed")
    events = await end(recorder, server)
    done = named(events, "message.process.completed") + named(events, "subscription.subscribe.completed")
    asked = {str(one["id"]): one for one in server.named("request")}
    answered = {str(one["id"]): one for one in server.named("reply")}
    assert {event.ref for event in done} == set(asked) == set(answered)
    assert len(done) == len(answered) == 12
    for event in done:
        took_ms = answered[event.ref]["at_ms"] - asked[event.ref]["at_ms"]
        assert event.duration_ns is not None
        assert took_ms <= event.duration_ns / 1e6 <= took_ms + LATER_MS
    failed = {event.ref: event.error_type for event in done if event.status == "error"}
    codes = {str(one["id"]): one["error"] for one in server.named("reply") if "error" in one}
    assert failed == {
        "3": "rpc_4711", "4": "method_not_found", "5": "rpc_-32605", "12": "invalid_params",
    }  # fmt: skip
    assert set(failed) == set(codes)
    assert PASSWORD.encode() not in recorder.store.read_bytes()


async def test_heartbeats_agree_both_ways_and_messages_are_compressed(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("jsonrpc")
    recorder = await start(home, server)
    await server.until("pong.received", 3)
    await recorder.until_stored(6, "heartbeat.responded")
    events = await end(recorder, server)
    ours, theirs = named(events, "heartbeat.sent", "out"), named(events, "heartbeat.received", "in")
    assert payloads(ours) == server.values("ping.received", "payload")
    assert payloads(theirs) == server.values("ping.sent", "payload")[: len(theirs)]
    answered, heard = named(events, "heartbeat.responded", "out"), server.values("pong.received", "payload")
    assert payloads(answered)[: len(heard)] == heard  # the server no longer hears what follows our close
    responded = named(events, "heartbeat.responded", "in")
    assert payloads(responded) == server.values("pong.sent", "payload")[: len(responded)]
    assert all(event.duration_ns is not None and 0 < event.duration_ns < LATER_MS * 1e6 for event in responded)
    code, out, _ = await home.run("stats", "--json", "--store", recorder.store)
    (connection,) = json.loads(out)["connections"]
    assert (code, connection["heartbeats"]["sent"]) == (0, len(server.named("ping.received")))
    assert connection["heartbeats"]["answered"] == len(responded)
    assert "permessage-deflate" in server.named("connection")[0]["extensions"]
    assert json.loads(payloads(named(events, "message.sent"))[0]) == SAID[0]


async def test_a_server_that_dies_and_comes_back_has_its_subscription_restored(
    home: Home, real_peers: RealPeers
) -> None:
    server = await real_peers.start("jsonrpc")
    recorder = await start(home, server)
    await server.until("subscribe")
    await recorder.until_stored(2, "subscription.subscribe.completed")
    await server.order("tick", count=5)
    await recorder.until_stored(len(SAID) + 5)
    await server.kill()
    await recorder.until_stored(1, "connection.disconnected")
    again = await real_peers.start("jsonrpc", server.port)
    await recorder.until_stored(1, "subscription.restored")
    await recorder.until_stored(4, "subscription.subscribe.completed")
    code, out, _ = await home.run("stats", "--json", "--store", recorder.store)
    (connection,) = json.loads(out)["connections"]
    assert (code, connection["status"]) == (0, "websocket_connected")
    assert connection["subscriptions"] == {"active": ["ticks"], "pending": [], "lost": []}
    await again.order("tick", count=3)
    await recorder.until_stored(2 * len(SAID) + 8)
    events = await end(recorder, again)
    ticks = [event.topic for event in named(events, "message.received") if event.type == "feed_subscription"]
    # A notification carries the id that the server gave; its topic is the name that was subscribed to.
    ids = server.values("tick", "subscription") + again.values("tick", "subscription")
    assert set(ids) == {"sub-1"}
    assert ticks == ["ticks"] * len(ids)
    assert [event.topic for event in named(events, "subscription.restored")] == ["ticks"]
    (lost,) = [event for event in named(events, "connection.disconnected") if event.to_status == "disconnected"]
    assert (lost.close_code, lost.close_by) == (None, "network")
