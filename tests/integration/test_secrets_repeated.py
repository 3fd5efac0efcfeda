"""Credentials of an application's own connections are masked, also where its server repeats them under any name."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as library_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.support.peers import Peers
from tests.support.processes import Home
from tests.support.relay_processes import relaying
from wsmon.trace import Sink, Telemetry, connect

CREDENTIALS = {
    "path": "cAnArY7Q9zz4kP2mX8vL1nB6tR3wS5yD0f",
    "query": "cAnArY-query-x7Q9zz",
    "password": "cAnArY-password-x7Q9zz",
    "basic": base64.b64encode(b"me:cAnArY-password-x7Q9zz").decode(),
    "cookie": "cAnArY-cookie-x7Q9zz",
    "header": "cAnArY-header-x7Q9zz",
    "subprotocol": "token.cAnArY-subprotocol-x7Q9zz",
}
HEADERS = {
    "Authorization": f"Basic {CREDENTIALS['basic']}",
    "Cookie": f"lang=en; sid={CREDENTIALS['cookie']}",
    "X-Api-Key": CREDENTIALS["header"],
}
OFFERED = [Subprotocol(CREDENTIALS["subprotocol"])]
ADDRESS = f"/{CREDENTIALS['path']}?token={CREDENTIALS['query']}"
WAYS = ("repeat", "redirect", "refuse")


def found_in(octets: bytes) -> set[str]:
    """The credentials in some bytes."""
    return {name for name, value in CREDENTIALS.items() if value.encode() in octets}


def found_below(folder: Path) -> dict[str, set[str]]:
    """The files with a credential."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {path.name: found for path in files if (found := found_in(path.read_bytes()))}


async def repeat(connection: ServerConnection) -> None:
    """Say all credentials, alone, in JSON and in the path; and some in the reason of the close."""
    assert connection.request is not None
    for value in CREDENTIALS.values():
        await connection.send(json.dumps({"got": value}))
    await connection.send(f"{connection.request.path} {' '.join(CREDENTIALS.values())}")
    await connection.recv()
    await connection.close(4001, f"no {CREDENTIALS['path']}, {CREDENTIALS['query']}")


def answer(connection: ServerConnection, request: Request) -> Response | None:
    """Redirect or refuse, and say what was asked for."""
    if "/redirect" in request.path:
        target = request.path.replace("/redirect", "/repeat")
        return Response(302, "Found", Headers([("Location", target), ("Content-Length", "0")]))
    if "/refuse" in request.path:
        said = f"Cannot GET {request.path} with {' '.join(CREDENTIALS.values())}"
        return connection.respond(HTTPStatus.NOT_FOUND, said)
    return None


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that repeats what it gets."""
    async with serve(repeat, "127.0.0.1", 0, process_request=answer, subprotocols=OFFERED) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def talk(connecting: library_connect) -> None:
    """Hear what the server has to say; some of them do not get so far."""
    with suppress(Exception):
        async with connecting as connection:
            for _ in range(len(CREDENTIALS) + 1):
                await connection.recv()
            await connection.send(ADDRESS)
            await connection.wait_closed()


async def found(home: Home, store: Path) -> str:
    """All events, as ``wsmon search`` prints them."""
    code, out, err = await home.run("search", "--store", store, "--json")
    assert code == 0, err
    return out


async def test_credentials_of_a_relayed_application(home: Home, url: str) -> None:
    async with relaying(home, url) as relay:
        for way in WAYS:
            asked = f"ws://127.0.0.1:{relay.port}/{way}{ADDRESS}"
            await talk(library_connect(asked, additional_headers=HEADERS, subprotocols=OFFERED))
        assert await relay.stop() == 0
    out = await found(home, relay.store)
    assert out.count('"close_code":4001') == 2
    assert '{\\"got\\": \\"[FILTERED]\\"}' in out
    assert "Cannot GET" in out
    assert found_in(out.encode()) == set()
    assert found_below(home.folder) == {}


async def test_credentials_of_a_traced_application(home: Home, peers: Peers, url: str) -> None:
    server = await peers.start("echo")
    recorder = await home.record(home.write(f'[[connection]]\nname = "orders"\nurl = "{server.url}"\n'))
    sink = Sink(recorder.store)
    for way in WAYS:
        await talk(
            connect(
                f"{url}/{way}{ADDRESS}",
                connection=way,
                sink=sink,
                additional_headers=HEADERS,
                subprotocols=OFFERED,
            )
        )
    addresses = {"url.full": f"wss://h{ADDRESS}", "url.path": f"/{CREDENTIALS['path']}", "http.target": ADDRESS}
    Telemetry(sink).execute("request.sent", metadata=addresses)
    assert await asyncio.to_thread(sink.flush, 20)
    sink.close()
    out = await found(home, recorder.store)
    assert out.count('"close_code":4001') == 2
    assert '"url.full":"wss://h/[FILTERED]?token=[FILTERED]"' in out
    assert "Cannot GET" in out
    assert found_in(out.encode()) == set()
    assert found_below(home.folder) == {}
