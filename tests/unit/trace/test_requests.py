"""Requests of servers: ASGI scopes and websockets connections are bracketed, with status, duration and error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import connect as connect_in_thread
from websockets.sync.server import ServerConnection as ThreadConnection
from websockets.sync.server import serve as serve_in_threads

from tests.support.tracing import KeptSink, service, until
from wsmon.trace import TraceEvent
from wsmon.trace.requests import Message, Receive, RequestTracer, Scope, Send
from wsmon.trace.spans import current_span, record

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{CALLER}-01"


def scope(kind: str, *headers: tuple[bytes, bytes], path: str = "/orders/7") -> Scope:
    return {"type": kind, "method": "GET", "path": path, "headers": list(headers)}


async def served(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], of: Scope, *received: Message
) -> list[Message]:
    """Serve one scope: what was sent."""
    incoming, sent = list(received), list[Message]()

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(of, receive, send)
    return sent


def ended(sink: KeptSink) -> TraceEvent:
    """The end of the only request."""
    (event,) = (event for event in sink.events if event.name == "trace.request.end")
    return event


async def test_an_http_request_is_bracketed_with_status_and_duration() -> None:
    tracer, sink, clock = service()

    async def app(of: Scope, _receive: Receive, send: Send) -> None:
        clock.advance(0.25)
        record("db.get", 0.0)
        of["route"] = type("Route", (), {"path": "/orders/{id}"})
        await send({"type": "http.response.start", "status": 404})
        await send({"type": "http.response.body"})

    sent = await served(tracer.asgi(app), scope("http", (b"Traceparent", HEADER.encode())))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sink.said == [
        ("request.start", "GET /orders/7"), ("span.start", "db.get"), ("span.end", "db.get"),
        ("request.end", "GET /orders/{id}"),
    ]  # fmt: skip
    end = ended(sink)
    assert (end.status, end.duration_ms, end.trace_id, end.parent_id) == (404, 250.0, TRACE, CALLER)
    assert end.topic == "/orders/7"
    assert end.meta == {"transport": "http", "method": "GET", "path": "/orders/7", "remote": True}
    assert current_span() is None


@pytest.mark.parametrize("failure", [LookupError("no such order"), asyncio.CancelledError("gone")])
async def test_an_application_that_fails_answers_500_and_the_error_goes_on(failure: BaseException) -> None:
    tracer, sink, _ = service()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise failure

    with pytest.raises(type(failure)):
        await served(tracer.asgi(app), scope("http"))
    end = ended(sink)
    assert (end.status, end.error_type, end.error) == (500, type(failure).__name__, str(failure))


async def test_an_application_that_answers_nothing_fails() -> None:
    tracer, sink, _ = service()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pass

    await served(tracer.asgi(app), scope("http"))
    assert (ended(sink).status, ended(sink).error) == (500, "the application sent no answer")
    await served(tracer.asgi(app), scope("lifespan"))
    assert len(sink.events) == 2


@pytest.mark.parametrize(
    ("code", "error_type", "error"),
    [(1000, "", ""), (1001, "", ""), (1005, "", ""), (1006, "error", "the socket closed with 1006")],
)
async def test_a_websocket_ends_when_its_peer_closes_it_not_when_the_application_returns(
    code: int, error_type: str, error: str
) -> None:
    tracer, sink, clock = service()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        clock.advance(60)
        assert sink.said == [("request.start", "WS /feed")]
        await receive()
        clock.advance(60)

    received = ({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": code})
    await served(tracer.asgi(app), scope("websocket", path="/feed"), *received)
    end = ended(sink)
    assert (end.status, end.duration_ms, end.error_type, end.error) == (101, 60_000.0, error_type, error)
    assert end.meta == {"transport": "websocket", "path": "/feed", "close_code": code}


@pytest.mark.parametrize(
    ("sent", "status", "code", "has_failed"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.close"}], 101, 1000, False),
        ([{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1011}], 101, 1011, True),
        ([{"type": "websocket.accept"}], 101, None, False),
        ([{"type": "websocket.close", "code": 1000}], 403, None, False),
        ([{"type": "websocket.http.response.start", "status": 429}], 429, None, False),
    ],
)
async def test_a_websocket_that_the_application_closes_or_refuses_ends_then(
    sent: list[Message], status: int, code: int | None, has_failed: bool
) -> None:
    tracer, sink, _ = service()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in sent:
            await send(message)

    await served(tracer.asgi(app), scope("websocket"))
    end = ended(sink)
    assert (end.status, (end.meta or {}).get("close_code"), bool(end.error)) == (status, code, has_failed)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        record("handled", 0.0)
        if message == "fail":
            raise LookupError("no such order")
        await connection.send(message)


def refuse(request: Any) -> Response | None:
    return Response(429, "Too Many Requests", Headers(), b"") if request.path == "/busy" else None


async def until_ended(sink: KeptSink) -> TraceEvent:
    async with asyncio.timeout(20):
        while not any(event.name == "trace.request.end" for event in sink.events):
            await asyncio.sleep(0)
    return ended(sink)


async def test_a_connection_of_websockets_is_bracketed_until_its_socket_closes() -> None:
    tracer, sink, clock = service()
    async with (
        serve(tracer.handler(echo), "127.0.0.1", 0, process_request=tracer.process_request,
              process_response=tracer.process_response) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed?token=1",
                additional_headers={"traceparent": HEADER}) as client,
    ):  # fmt: skip
        await client.send("hello")
        assert await client.recv() == "hello"
        clock.advance(2)
        assert sink.said == [("request.start", "WS /feed"), ("span.start", "handled"), ("span.end", "handled")]
        await client.close(1001)
        end = await until_ended(sink)
    assert (end.status, end.error, end.trace_id, end.parent_id) == (101, "", TRACE, CALLER)
    assert end.meta == {"transport": "websocket", "path": "/feed", "remote": True, "close_code": 1001}
    assert end.duration_ms == 2_000.0


async def test_a_handler_that_fails_is_the_error_of_its_connection() -> None:
    tracer, sink, _ = service()
    async with (
        serve(tracer.handler(echo), "127.0.0.1", 0) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as client,
    ):
        await client.send("fail")
        await client.wait_closed()
        end = await until_ended(sink)
    assert (client.close_code, end.error_type, end.error) == (1011, "LookupError", "no such order")


async def test_a_peer_that_is_cut_off_is_an_error_also_where_the_handler_sees_it() -> None:
    tracer, sink, _ = service()

    async def once(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.recv()

    async with serve(tracer.handler(once), "127.0.0.1", 0) as server:
        client = await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await client.send("x")
        client.transport.abort()
        end = await until_ended(sink)
    assert (end.error, (end.meta or {})["close_code"]) == ("the socket closed with 1006", 1006)


async def test_a_handshake_that_is_refused_is_a_request_with_its_status() -> None:
    tracer, sink, _ = service()

    def intercept(connection: ServerConnection, request: Any) -> Response | None:
        tracer.process_request(connection, request)
        return refuse(request)

    async with serve(
        tracer.handler(echo), "127.0.0.1", 0, process_request=intercept, process_response=tracer.process_response
    ) as server:
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/busy")
    assert sink.said == [("request.start", "WS /busy"), ("request.end", "WS /busy")]
    assert ended(sink).status == 429


def test_a_server_of_threads_is_bracketed_too() -> None:
    tracer, sink, _ = service()

    def shout(connection: ThreadConnection) -> None:
        for message in connection:
            record("handled", 0.0)
            connection.send(message)

    with serve_in_threads(tracer.handler(shout), "127.0.0.1", 0) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        with connect_in_thread(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/feed") as client:
            client.send("hello")
            assert client.recv() == "hello"
        until(lambda: sink.said[-1][0] == "request.end")
        server.shutdown()
        serving.join()
    assert sink.said == [
        ("request.start", "WS /feed"), ("span.start", "handled"), ("span.end", "handled"), ("request.end", "WS /feed"),
    ]  # fmt: skip
    assert (ended(sink).status, ended(sink).meta) == (
        101, {"transport": "websocket", "path": "/feed", "close_code": 1000}
    )  # fmt: skip


def test_a_service_reports_to_the_store_that_it_names(tmp_path: Path) -> None:
    tracer = RequestTracer("shop", store=tmp_path / "store.db", own=True)
    with tracer.span("job"):
        pass
    assert tracer.flush(20)
