"""Scripted servers as the library's own client meets them: the handshake."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
)
from websockets.typing import Subprotocol

from tests.support.clients import SOON_S, UPGRADE, dial, receive
from tests.support.peers import Peers, script
from wsmon.demo.server import ScenarioServer


async def refusal_of(server: ScenarioServer, **options: object) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        async with dial(server, **options):
            pass
    return refused.value


async def test_the_handshake_is_seen_with_headers_and_path(peers: Peers) -> None:
    server = await peers.start("subprotocols")
    offered = [Subprotocol("v1.feed"), Subprotocol("v2.feed")]
    headers = {"Authorization": "Bearer x", "X-Twice": "a"}
    async with dial(server, subprotocols=offered, additional_headers=headers, origin="https://o.example") as client:
        assert client.subprotocol == "v2.feed"
        assert client.response is not None
        assert client.response.headers["X-Served-By"] == "tests"
    (seen,) = server.handshakes
    assert (seen.path, seen.status) == ("/subprotocols", 101)
    asked = ("Authorization", "x-twice", "Origin", "Sec-WebSocket-Protocol", "X-Absent")
    assert [seen.header(name) for name in asked] == ["Bearer x", "a", "https://o.example", "v1.feed, v2.feed", None]
    assert server.tallies[0].subprotocol == "v2.feed"


@pytest.mark.parametrize("offered", [None, [Subprotocol("other")]])
async def test_a_client_without_a_common_subprotocol_is_accepted(
    peers: Peers, offered: list[Subprotocol] | None
) -> None:
    server = await peers.start("subprotocols")
    async with dial(server, subprotocols=offered) as client:
        assert client.subprotocol is None


@pytest.mark.parametrize(
    ("name", "status", "phrase", "header", "body"),
    [
        ("http_401", 401, "Unauthorized", ("WWW-Authenticate", 'Bearer realm="tests"'), b'{"error":"unauthorized"}'),
        ("http_503", 503, "Down For Maintenance", ("Content-Length", "38"), b"<html><body>maintenance</body></html>\n"),
        (
            "forbidden",
            403,
            "Forbidden",
            ("Content-Type", "application/json"),
            b'{"error":"forbidden","detail":"this key may not read /forbidden"}',
        ),
    ],
)
async def test_a_refusal_has_its_status_headers_and_body(
    peers: Peers, name: str, status: int, phrase: str, header: tuple[str, str], body: bytes
) -> None:
    server = await peers.start(name)
    response = (await refusal_of(server)).response
    assert (response.status_code, response.reason_phrase, bytes(response.body)) == (status, phrase, body)
    assert response.headers[header[0]] == header[1]
    assert (server.connections, server.sessions, server.handshakes[0].status) == (1, 0, status)


async def test_handshakes_are_taken_in_turn_and_the_last_one_stays(peers: Peers) -> None:
    server = await peers.start("http_429")
    for _ in range(2):
        response = (await refusal_of(server)).response
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    for _ in range(2):
        async with dial(server):
            pass
    assert [seen.status for seen in server.handshakes] == [429, 429, 101, 101]


async def test_a_redirect_is_followed_within_the_origin(peers: Peers) -> None:
    server = await peers.start("redirect")
    async with dial(server) as client:
        assert await receive(client, 1) == ["arrived"]
    assert [(seen.path, seen.status) for seen in server.handshakes] == [("/redirect", 307), ("/elsewhere?moved=1", 101)]


@pytest.mark.parametrize("name", ["garbage_handshake", "bad_accept"])
async def test_a_broken_answer_fails_the_handshake(peers: Peers, name: str) -> None:
    server = await peers.start(name)
    with pytest.raises(InvalidMessage if name == "garbage_handshake" else InvalidHandshake):
        async with dial(server):
            pass
    assert server.connections == 1


async def test_a_server_that_hangs_never_answers(peers: Peers) -> None:
    server = await peers.start("hang")
    with pytest.raises(TimeoutError):
        async with dial(server, open_timeout=0.1):
            pass
    assert [seen.status for seen in server.handshakes] == [0]


async def test_a_handshake_is_answered_after_its_delay(peers: Peers) -> None:
    server = await peers.start(script('[[handshake]]\ndelay = "150ms"'))
    before_s = asyncio.get_running_loop().time()
    async with dial(server):
        assert asyncio.get_running_loop().time() - before_s >= 0.15


async def test_something_that_is_no_upgrade_is_refused_by_the_library(peers: Peers) -> None:
    server = await peers.start("echo")
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(SOON_S):
        assert (await reader.read()).startswith(b"HTTP/1.1 426 ")
    writer.close()
    await writer.wait_closed()
    assert (server.connections, server.sessions) == (1, 0)


async def test_something_that_is_no_http_is_hung_up_on(peers: Peers) -> None:
    server = await peers.start("echo")
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
    async with asyncio.timeout(SOON_S):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert server.handshakes == ()


async def test_a_hostile_refusal_arrives_as_it_is(peers: Peers) -> None:
    response = (await refusal_of(await peers.start("hostile_refusal"))).response
    assert bytes(response.body) == b"[/b]\x1b[31m\xed\xa0\x80\xff\xe2\x80\xaegnp\n"
    assert response.reason_phrase.encode("latin-1").decode() == "[/b] Bad \u202e Request"
    assert [(name, value.encode("latin-1").decode()) for name, value in response.headers.raw_items()] == [
        ("Connection", "close"),
        ("Content-Length", "20"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Markup", "[/b][bold]"),
        ("X-Bidi", "\u202egnp.exe"),
        ("X-C1", "\x9b31m"),
    ]


async def test_headers_with_control_characters_leave_as_they_are(peers: Peers) -> None:
    server = await peers.start("hostile_headers")
    assert await answer_of(server) == (
        b"HTTP/1.1 403 No\x1b[31m\r\nConnection: close\r\nContent-Length: 0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nX-Escape: \x1b]0;title\x07\x1b[2J\r\n\r\n"
    )
    with pytest.raises(InvalidMessage):
        async with dial(server):
            pass
    assert [seen.status for seen in server.handshakes] == [403, 101]


async def answer_of(server: ScenarioServer) -> bytes:
    """All that the server writes after a request for an upgrade, until it hangs up."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(UPGRADE)
    async with asyncio.timeout(SOON_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_server_speaks_tls(peers: Peers) -> None:
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    server = await peers.start("echo", ssl=ours)
    assert server.url.startswith("wss://127.0.0.1:")
    async with dial(server, ssl=theirs) as client:
        await client.send("secret")
        assert await receive(client, 1) == ["secret"]
