"""Connections of an application: what the library does, and what is recorded of it."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect as library_connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as library_serve
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.http11 import Request, Response

from tests.support.peers import Peers
from tests.support.tracing import KeptSink, echo
from wsmon.trace import Telemetry, TraceEvent, connect, serve


async def until_ended(told: KeptSink, count: int) -> None:
    """Return once so many sessions have ended."""
    async with asyncio.timeout(20):
        while sum(event.name == "connection.disconnected" for event in told.events) < count:
            await asyncio.sleep(0)


async def test_sl_06_sl_20_a_reconnection_has_a_session_of_its_own_in_the_same_trace(told: KeptSink) -> None:
    async def restart(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.close(1012, "restart")

    async with library_serve(restart, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        codes = []
        async for connection in connect(f"ws://127.0.0.1:{port}", sink=told):
            assert await connection.recv() == "hello"
            with pytest.raises(ConnectionClosedError):
                await connection.recv()
            codes.append((connection.close_code, connection.close_reason))
            if len(codes) == 2:
                break
    assert codes == [(1012, "restart")] * 2
    lifecycle = [(event.name, event.to_status) for event in told.events if event.name.startswith("connection.")]
    session = [
        ("connection.started", "connecting"), ("connection.open", "connected"),
        ("connection.completed", "websocket_connected"),
    ]  # fmt: skip
    ended = ("connection.disconnected", "disconnected")
    again = ("connection.reconnect.attempt", "reconnecting")
    assert lifecycle == [*session, ended, again, *session, ("connection.reconnect.success", None), ended]
    assert len({event.connection_id for event in told.events}) == 2
    assert len({event.trace_id for event in told.events}) == 1
    ends = [event for event in told.events if event.name == "connection.disconnected"]
    assert [(event.close_code, event.reason, event.close_by) for event in ends] == [(1012, "restart", "peer")] * 2


async def test_sl_07_a_refused_upgrade_is_the_librarys_error_and_recorded(told: KeptSink, peers: Peers) -> None:
    server = await peers.start("http_401")
    with pytest.raises(InvalidStatus) as caught:
        await connect(server.url, additional_headers={"Authorization": "Bearer s3cret"}, sink=told)
    assert caught.value.response.status_code == 401
    ended, login = told.events[-2:]
    assert (ended.name, ended.status, ended.close_by) == ("connection.disconnected", 401, "refusal")
    assert (login.name, login.status) == ("auth.failed", 401)
    assert "s3cret" not in repr(told.events)


async def test_sl_19_a_server_closes_as_the_library_does_where_its_handler_raises(told: KeptSink) -> None:
    async def failing(connection: ServerConnection) -> None:
        async for _ in connection:
            raise LookupError("no such order")

    async with serve(failing, "127.0.0.1", 0, connection="shop", sink=told) as server:
        port = server.sockets[0].getsockname()[1]
        async with library_connect(f"ws://127.0.0.1:{port}/orders?token=s3cret") as connection:
            await connection.send("order")
            with pytest.raises(ConnectionClosedError) as closed:
                await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    assert [(event.name, event.to_status) for event in told.events if event.to_status] == [
        ("connection.started", "connecting"), ("connection.open", "connected"),
        ("connection.completed", "websocket_connected"), ("connection.disconnected", "closed"),
    ]  # fmt: skip
    received, begun, handled = told.events[3:6]
    assert (received.name, received.payload) == ("message.received", "order")
    assert (handled.error_type, handled.error) == ("LookupError", "no such order")
    assert received.span_id == begun.span_id == handled.span_id
    assert {(event.connection, event.trace_id) for event in told.events} == {("shop", received.trace_id)}
    assert "s3cret" not in repr(told.events)


async def test_clients_of_a_server_that_are_there_together_have_rows_of_their_own(told: KeptSink) -> None:
    async with serve(echo, "127.0.0.1", 0, connection="shop", sink=told) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with library_connect(address) as one, library_connect(address) as other:
            for connection in (one, other):
                await connection.send("hello")
                await connection.recv()
        await until_ended(told, 2)
        async with library_connect(address) as third:
            await (await third.ping())
    opened = [(event.connection, event.from_status) for event in told.events if event.to_status == "connecting"]
    assert opened == [
        ("shop", "initialized"),
        ("shop-2", "initialized"),
        ("shop", "disconnected"),
    ]


async def test_a_mistake_of_the_recording_does_not_reach_the_application(url: str) -> None:
    class Broken(KeptSink):
        def emit(self, event: object) -> None:
            raise RuntimeError("no sink")

    async with connect(url, sink=Broken()) as connection:
        await connection.send("hello")
        assert await connection.recv() == "hello"
    assert connection.close_code == 1000


TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def facts(event: TraceEvent) -> tuple[str, str, bool]:
    return event.trace_id, event.parent_id, (event.meta or {}).get("remote") is True


@pytest.mark.parametrize("header", [f"00-{TRACE}-{CALLER}-01", "", "00-nonsense", f"01-{TRACE}-{CALLER}-01"])
async def test_a_served_connection_belongs_to_the_trace_that_its_upgrade_request_names(
    told: KeptSink, header: str
) -> None:
    async with serve(echo, "127.0.0.1", 0, connection="shop", sink=told) as server:
        port = server.sockets[0].getsockname()[1]
        headers = {"traceparent": header} if header else {}
        async with library_connect(f"ws://127.0.0.1:{port}", additional_headers=headers) as connection:
            await connection.send("one")
            await connection.recv()
    started = told.events[0]
    assert started.name == "connection.started"
    is_joined = header.startswith(f"00-{TRACE}")
    assert facts(started)[1:] == ((CALLER, True) if is_joined else ("", False))
    assert (started.trace_id == TRACE) is is_joined
    # All of it: lifecycle, messages, and what handles them
    assert {event.trace_id for event in told.events} == {started.trace_id}
    assert [event.mono_ns for event in told.events[:3]] == sorted(event.mono_ns for event in told.events[:3])
    (handled,) = (event for event in told.events if event.name == "trace.span.start")
    assert handled.parent_id == started.connection_id


async def test_a_refused_upgrade_belongs_to_the_trace_that_it_names(told: KeptSink) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(403, "no")

    async with serve(echo, "127.0.0.1", 0, process_request=refuse, sink=told) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(InvalidStatus):
            await library_connect(address, additional_headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    assert {event.trace_id for event in told.events} == {TRACE}
    assert told.events[-1].error_type == "upgrade_refused"


async def test_a_client_that_leaves_without_a_request_is_reported_with_a_trace_of_its_own(told: KeptSink) -> None:
    async with serve(echo, "127.0.0.1", 0, sink=told) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.close()
        await writer.wait_closed()
    assert [event.name for event in told.events][:2] == ["connection.started", "connection.open"]
    assert told.events[-1].name == "connection.disconnected"
    assert len({event.trace_id for event in told.events}) == 1


async def test_a_connection_that_a_span_opens_is_its_child(told: KeptSink, url: str) -> None:
    with Telemetry(told).span("sync"):
        begun = told.events[0]
        async with connect(url, sink=told):
            pass
        async with connect(url, trace_id="another", sink=told):
            pass
    one, other = (event for event in told.events if event.name == "connection.started")
    assert facts(one) == (begun.trace_id, begun.span_id, False)
    assert facts(other) == ("another", "", False)
