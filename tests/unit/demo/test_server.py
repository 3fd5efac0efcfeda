"""Scripted servers on loopback: their URL, which handshake a connection gets, and how they end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from wsmon.clock import SystemClock
from wsmon.demo.peer import HandshakeSeen
from wsmon.demo.scenario import Scenario
from wsmon.demo.server import ScenarioServer
from wsmon.demo.steps import Accept, Garble, Handshake, Hang, Redirect, Refuse, Repeat, Send, Templates

REQUEST = (
    b"GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HEADERS = (
    ("Host", "a"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)


def server_of(*handshakes: Handshake, host: str = "127.0.0.1") -> ScenarioServer:
    return ScenarioServer(Scenario("s", handshakes), SystemClock(), host=host)


async def answered(server: ScenarioServer) -> bytes:
    """What the server answers to an upgrade request, up to the end of the connection."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(REQUEST)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "ws://127.0.0.1:0/s"), ("::1", "ws://[::1]:0/s")])
def test_the_path_of_the_url_is_the_scenarios_name(host: str, url: str) -> None:
    assert server_of(Accept(), host=host).url == url


async def test_each_connection_takes_the_next_handshake_and_all_further_ones_the_last() -> None:
    async with server_of(Garble("hello"), Refuse(418, "Teapot", body="no"), Redirect("/y")) as server:
        answers = [await answered(server) for _ in range(4)]
    refused = (
        b"HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 2\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nno"
    )
    redirected = (
        b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nLocation: /y\r\n\r\n"
    )
    assert answers == [b"hello", refused, redirected, redirected]
    assert server.handshakes == tuple(HandshakeSeen("/x", HEADERS, status) for status in (0, 418, 302, 302))
    assert (server.connections, server.sessions) == (4, 0)


async def test_a_request_that_is_never_answered_ends_with_the_server() -> None:
    async with server_of(Hang()) as server, asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(answered(server), name="client")
        await server.until(lambda: bool(server.handshakes))
        await server.stop()
    assert answer.result() == b""


async def test_a_server_that_stopped_listens_no_more() -> None:
    async with server_of(Accept()) as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(server.host, server.port)


async def test_an_error_in_a_script_is_raised_at_the_end() -> None:
    # The name is checked where a scenario is parsed; a scenario made in code can be wrong.
    broken = Scenario("s", (Accept(),), (Repeat((Send(Templates.parse("$nope")),)),))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScenarioServer(broken, SystemClock()))
        with pytest.raises(ConnectionResetError):
            await answered(server)
        with pytest.raises(BaseExceptionGroup) as caught:
            await stack.aclose()
    assert caught.group_contains(KeyError, match="nope")
