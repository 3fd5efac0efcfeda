"""``wsmon relay`` and ``[[relay]]`` with a real recorder, and clients and servers of websockets.

What passes, byte by byte: tests/unit/relay/test_path.py.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.processes import DEADLINE_S, Home, socket_in, stored
from tests.support.relay_processes import relaying
from wsmon.clock import SystemClock
from wsmon.model.snapshot import RelayedRoute
from wsmon.store.reader import Reader

V2 = (Subprotocol("v2"),)


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """The URL of a server that returns messages, and says first what it was asked for."""

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(f"{connection.request.path} {connection.request.headers.get('X-Key', '')}")
        async for message in connection:
            await connection.send(message)

    async with serve(handle, "127.0.0.1", 0, subprotocols=V2, ping_interval=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_an_application_that_uses_the_printed_url_is_recorded(home: Home, echo: str) -> None:
    store = home.folder / "app.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsmon", "relay", f"{echo}/base?k=1", "--name", "app", "--store", store, "-H", "X-Key: 7",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=home.environ,
    )  # fmt: skip
    home.own(process)
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        url = (await process.stdout.readline()).decode().strip()
        offered = [Subprotocol("v1"), *V2]
        async with (
            connect(f"{url}x?y=2", subprotocols=offered, proxy=None) as client,
            connect(url, subprotocols=offered, proxy=None) as other,
        ):
            assert await client.recv() == "/base/x?k=1&y=2 7"
            assert client.subprotocol == "v2"
            assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
            await client.send("x" * 100_000)
            assert await client.recv() == "x" * 100_000
            await client.close(1000, "done")
            process.send_signal(signal.SIGTERM)
            await other.recv()
            with pytest.raises(ConnectionClosed) as closed:
                await other.recv()
        out, err = await process.communicate()
    # Known afterwards, too: where the applications connected to
    with closing(Reader(store, SystemClock())) as view:
        found = view.statistics(None, None).connections
    routes = (RelayedRoute(url, f"{echo}/base?k=1"),)
    assert {one.name: one.relay for one in found} == {"app": routes, "app-2": routes}
    # No byte is added to what the server sends: there is no close frame
    assert (closed.value.rcvd, closed.value.sent) == (None, None)
    assert (process.returncode, out) == (0, b"")
    assert f"recording to {store}" in err.decode()
    assert f"app: applications connect to {url} instead of {echo}/base?k=1\n" in err.decode()
    events = stored(store)
    paths = {name: [event.to_status for event in events if event.to_status and event.source.connection == name]
             for name in ("app", "app-2")}  # fmt: skip
    assert paths["app"] == ["connecting", "connected", "websocket_connected", "closed"]
    assert paths["app-2"][:3] == paths["app"][:3]


async def test_after_a_killed_recorder_the_next_one_says_which_connections_were_open(home: Home, echo: str) -> None:
    async with (
        relaying(home, echo, "--name", "app") as relay,
        connect(relay.url, subprotocols=V2, proxy=None),
        connect(relay.url, subprotocols=V2, proxy=None),
        asyncio.timeout(DEADLINE_S),
    ):
        while sum(event.name == "connection.completed" for event in stored(relay.store)) < 2:
            await asyncio.sleep(0.02)  # another process's commit tells nobody
        relay.process.kill()
        await relay.process.wait()
    async with relaying(home, echo, "--name", "app") as relay:
        await relay.stop()
    _, started = (event for event in stored(relay.store) if event.name == "self.run.started")
    said, _, names = started.reason.partition(": ")
    assert said == "the last recorder did not record its end; open then, unknown since"
    assert sorted(names.split(", ")) == ["app", "app-2"]
    assert (started.meta or {})["open_at_cut_off"] == 2


async def test_bytes_pass_on_where_nothing_can_be_stored_any_more(home: Home, echo: str) -> None:
    port = free_port()
    config = home.write(
        f'[[relay]]\nname = "app"\nlisten = "127.0.0.1:{port}"\nroutes = [{{ path = "/", upstream = "{echo}" }}]\n'
    )
    store = home.folder / "app.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsmon", "record", config, "--store", store, "--quiet",
        stderr=asyncio.subprocess.PIPE, env=home.environ,
    )  # fmt: skip
    home.own(process)
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        while not store.exists() or not socket_in(home, store).exists():
            await asyncio.sleep(0.02)  # another process's socket tells nobody
        async with connect(f"ws://127.0.0.1:{port}/", subprotocols=V2, proxy=None) as client:
            await client.recv()
            store.unlink()
            line = (await process.stderr.readline()).decode()
            assert f"relays pass bytes on without recording them: the store {store}" in line
            await client.send("still here")
            assert await client.recv() == "still here"
            async with connect(f"ws://127.0.0.1:{port}/", subprotocols=V2, proxy=None) as new:
                assert await new.recv() == "/ "
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    assert process.returncode == 1
    assert "recording ended: " in err.decode()


async def test_a_reload_ends_the_connections_of_relays_that_changed_and_no_others(home: Home, echo: str) -> None:
    ports = {name: free_port() for name in ("kept", "changed")}

    def write(key: str) -> Path:
        return home.write(
            "\n".join(
                f'[[relay]]\nname = "{name}"\nlisten = "127.0.0.1:{port}"\n'
                f'routes = [{{ path = "/", upstream = "{echo}" }}]\n'
                f'headers = {{ X-Key = "{key if name == "changed" else ""}" }}\n'
                for name, port in ports.items()
            )
        )

    recorder = await home.record(write("one"))
    urls = {name: f"ws://127.0.0.1:{port}/feed" for name, port in ports.items()}
    async with (
        asyncio.timeout(DEADLINE_S),
        connect(urls["kept"], subprotocols=V2, proxy=None) as kept,
        connect(urls["changed"], subprotocols=V2, proxy=None) as changed,
    ):
        assert (await kept.recv(), await changed.recv()) == ("/feed ", "/feed one")
        write("two")
        recorder.signal(signal.SIGHUP)
        with pytest.raises(ConnectionClosed):
            await changed.recv()
        async with connect(urls["changed"], subprotocols=V2, proxy=None) as again:
            assert await again.recv() == "/feed two"
        await kept.send("on")
        assert await kept.recv() == "on"
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    (reload,) = (event for event in stored(recorder.store) if event.name == "self.config.reloaded")
    assert reload.reason == "restarted changed; 1 went on"


async def test_a_reload_keeps_where_each_relay_listens_from_then_on(home: Home, echo: str) -> None:
    def write(**ports: int) -> Path:
        return home.write(
            "\n".join(
                f'[[relay]]\nname = "{name}"\nlisten = "127.0.0.1:{port}"\n'
                f'routes = [{{ path = "/", upstream = "{echo}" }}]\n'
                for name, port in ports.items()
            )
        )

    before, moved, new = free_port(), free_port(), free_port()
    recorder = await home.record(write(moved=before))
    write(moved=moved, new=new)
    recorder.signal(signal.SIGHUP)
    await recorder.until_stored(1, "self.config.reloaded")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    with closing(Reader(recorder.store, SystemClock())) as view:
        found = {one.name: one.relay for one in view.statistics(None, None).connections}
    assert found == {
        "moved": (RelayedRoute(f"ws://127.0.0.1:{moved}/", echo),),
        "new": (RelayedRoute(f"ws://127.0.0.1:{new}/", echo),),
    }
