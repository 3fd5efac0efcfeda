"""Connections that an application opens and serves with ``wsmon.trace``, as search and statistics show them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as library_serve

from tests.support.peers import Peers
from tests.support.processes import Home, Recorder
from wsmon.trace import Sink, Telemetry, connect

CONFIGURATION = """
[[connection]]
name = "orders"
url = "{url}"
"""


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that wsmon does not trace."""
    async with library_serve(echo, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def recorded(home: Home, peers: Peers) -> Recorder:
    server = await peers.start("echo")
    return await home.record(home.write(CONFIGURATION.format(url=server.url)))


async def found(home: Home, recorder: Recorder, *query: str) -> list[dict[str, Any]]:
    """What ``wsmon search`` finds, oldest first."""
    code, out, err = await home.run("search", "--store", recorder.store, *query, "--json", "--order", "asc")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


async def test_sl_01_sl_02_sl_05_a_connection_is_recorded_as_one_of_wsmons_own(
    home: Home, peers: Peers, url: str
) -> None:
    recorder = await recorded(home, peers)
    sink = Sink(recorder.store)
    telemetry = Telemetry(sink)
    target = url.replace("127.0.0.1", "localhost") + "/feed?token=s3cret"
    async with connect(target, connection="feed", sink=sink) as connection:
        await connection.send('{"type":"order","password":"hunter2"}')
        await connection.send("second")
        await connection.recv()
        telemetry.execute("order.priced")
        with telemetry.span("store"):
            await connection.send("third")
        await connection.recv()
        await connection.recv()
        await (await connection.ping())
    assert await asyncio.to_thread(sink.flush, 20)
    assert (sink.state.refused, sink.state.problem) == (0, "")
    sink.close()
    events = await found(home, recorder, "conn:feed")
    names = [event["name"] for event in events]
    assert names[:3] == ["connection.started", "connection.open", "connection.completed"]
    assert names[-1] == "connection.disconnected"
    assert [name for name in names if name.startswith("heartbeat")] == ["heartbeat.sent", "heartbeat.responded"]
    started, opened, completed, ended = events[0], events[1], events[2], events[-1]
    # SL-01: a start, and an end with the duration of the session
    assert started["meta"]["url"].endswith("/feed?token=[FILTERED]")
    assert (ended["close_code"], ended["close_by"], ended["to_status"]) == (1000, "us", "closed")
    assert ended["duration_ms"] > 0
    # SL-02: the handshake, with its headers and phases
    assert (completed["status"], completed["to_status"]) == (101, "websocket_connected")
    assert {"dns_ms", "tcp_ms", "upgrade_ms", "response_headers"} <= set(completed["meta"])
    assert {"peer", "local"} <= set(opened["meta"])
    # SL-05: all of one socket share its ids, and each handling has its own
    handled = [event for event in events if event.get("type") == "handle"]
    assert [event["name"].rpartition(".")[2] for event in handled] == ["start", "end"] * 3
    assert len({event["span_id"] for event in handled}) == 3
    assert {(event["trace_id"], event["connection_id"]) for event in (*handled, started)} == {
        (started["trace_id"], started["connection_id"])
    }
    received = [event for event in events if event["name"] == "message.received"]
    assert [event["span_id"] for event in received] == [event["span_id"] for event in handled[::2]]
    assert "hunter2" not in json.dumps(events)
    # What the application did with the first message belongs to it
    first = received[0]["span_id"]
    inside = await found(home, recorder, f"trace:{started['trace_id']}")
    (span,) = (event for event in inside if (event["name"], event.get("type")) == ("trace.span.start", "store"))
    (priced,) = (event for event in inside if event.get("type") == "order.priced")
    third = next(event for event in inside if event["name"] == "message.sent" and event.get("payload") == "third")
    assert (priced["parent_id"], span["parent_id"], third["parent_id"]) == (first, first, span["span_id"])
    pong = next(event for event in events if event["name"] == "heartbeat.responded")
    assert pong["duration_ms"] > 0
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json", "--connection", "feed")
    (feed,) = json.loads(out)["connections"]
    assert (code, feed["status"], feed["messages"]["received"], feed["messages"]["sent"]) == (0, "closed", 3, 3)


async def test_sl_03_sl_04_a_join_and_a_push_of_phoenix_are_requests(home: Home, peers: Peers) -> None:
    async def phoenix(connection: ServerConnection) -> None:
        async for message in connection:
            join, ref, topic, *_ = json.loads(message)
            await connection.send(json.dumps([join, ref, topic, "phx_reply", {"status": "ok", "response": {}}]))

    recorder = await recorded(home, peers)
    sink = Sink(recorder.store)
    async with library_serve(phoenix, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        target = f"ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0"
        async with connect(target, connection="channels", protocol="phoenix", sink=sink) as connection:
            await connection.send('["1","1","room:1","phx_join",{"as":"me"}]')
            await connection.recv()
            await connection.send('["1","2","room:1","ping",{}]')
            await connection.recv()
    assert await asyncio.to_thread(sink.flush, 20)
    sink.close()
    events = await found(home, recorder, "conn:channels")
    joined = [event for event in events if event["name"].startswith("subscription.subscribe")]
    assert [(event["name"], event["topic"]) for event in joined] == [
        ("subscription.subscribe.started", "room:1"), ("subscription.subscribe.completed", "room:1"),
    ]  # fmt: skip
    assert joined[1]["duration_ms"] >= 0
    (answered,) = (event for event in events if event["name"] == "message.process.completed")
    assert (answered["type"], answered["outcome"], answered["duration_ms"] >= 0) == ("ping", "ok", True)
