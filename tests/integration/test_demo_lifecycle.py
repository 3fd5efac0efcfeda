"""Scripted servers from their start to their stop, one and all of the demonstration."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosedError,
    InvalidStatus,
)
from websockets.frames import Close
from websockets.typing import Subprotocol

from tests.support.clients import SOON_S, UPGRADE, dial, end_of
from tests.support.peers import scenario, script
from wsmon.clock import SystemClock
from wsmon.demo.demo import Demo
from wsmon.demo.peer import CloseReceived
from wsmon.demo.scenario import DEMO_SCENARIOS
from wsmon.demo.server import STOP_GRACE_S, ScenarioServer


class FixedClock:
    """Always the same instant."""

    def wall_ns(self) -> int:
        return 1_700_000_000_123_456_789

    def mono_ns(self) -> int:
        return 5


async def test_a_server_that_stops_says_so_to_its_clients() -> None:
    async with ScenarioServer(scenario("echo"), SystemClock()) as server, asyncio.timeout(SOON_S):
        client = await dial(server)
        await server.stop()
        _, closed = await end_of(client)
    assert closed.rcvd == Close(1001, "server stops")
    assert server.tallies[0].close_received == CloseReceived(1001, "server stops")


@pytest.mark.parametrize("name", ["flood", "freeze", "hang", "ignores_pings"])
async def test_a_server_stops_soon_whatever_its_clients_do(name: str) -> None:
    async with ScenarioServer(scenario(name), SystemClock()) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(UPGRADE)
        await server.until(lambda: bool(server.handshakes))
        before_s = asyncio.get_running_loop().time()
        await server.stop()
        assert asyncio.get_running_loop().time() - before_s < 2 * STOP_GRACE_S
    writer.transport.abort()
    assert not any(tally.is_open for tally in server.tallies)
    assert reader is not None


async def test_clients_that_are_just_connecting_are_not_left_behind_by_a_stop() -> None:
    async with ScenarioServer(scenario("echo"), SystemClock()) as server:
        writers = [(await asyncio.open_connection(server.host, server.port)) for _ in range(20)]
    async with asyncio.timeout(SOON_S):
        for reader, writer in writers:
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()


async def test_a_mistake_in_a_session_is_raised_at_the_end() -> None:
    class BrokenClock(FixedClock):
        def wall_ns(self) -> int:
            raise ArithmeticError("no time")

    broken = script('[[step]]\ndo = "send"\ntext = "$time_ms"')
    with pytest.raises(ExceptionGroup, match="scripts of inline failed") as caught:
        async with ScenarioServer(broken, BrokenClock()) as server, dial(server) as client:
            await end_of(client)
    assert [repr(error) for error in caught.value.exceptions] == ["ArithmeticError('no time')"]


async def test_the_demonstration_is_alive_on_every_connection() -> None:
    async with Demo(SystemClock()) as demo, asyncio.timeout(SOON_S):
        servers = {server.scenario.name: server for server in demo.servers}

        async def meet(name: str) -> str:
            connection = next(spec for spec in demo.configuration.connections if spec.name == name)
            offered = [Subprotocol(text.reveal()) for text in connection.subprotocols] or None
            try:
                async with connect(connection.url.reveal(), subprotocols=offered, proxy=None) as client:
                    for text in connection.send:
                        await client.send(text.reveal())
                    return type(await client.recv()).__name__
            except ConnectionClosedError as closed:
                return str(closed.rcvd)
            except InvalidStatus as refused:
                return str(refused.response.status_code)

        met = dict(zip(DEMO_SCENARIOS, await asyncio.gather(*map(meet, DEMO_SCENARIOS)), strict=True))
    assert met == {
        "ticker": "str",
        "chat": "str",
        "binary": "bytes",
        "slow": "str",
        "orderbook": "str",
        "silent": "str",
        "dropper": "str",
        "bouncer": "1008 (policy violation) policy violation: token expired",
        "login": "str",
        "forbidden": "403",
    }
    assert {name: server.connections for name, server in servers.items()} == dict.fromkeys(DEMO_SCENARIOS, 1)


async def test_the_demonstrations_configuration_names_its_servers() -> None:
    async with Demo(SystemClock()) as demo:
        configuration = demo.configuration
        urls = [(server.scenario.name, server.url) for server in demo.servers]
    assert configuration.path is None
    assert [(spec.name, spec.url.reveal()) for spec in configuration.connections] == urls
    assert Counter(spec.group for spec in configuration.connections) == {"feeds": 3, "market": 4, "chat": 3}
    assert {spec.name: spec.expect_every_s for spec in configuration.connections}["silent"] == 2.0
    assert configuration.digest == Demo(SystemClock()).configuration.digest
    assert configuration.digest != Demo(SystemClock(), [scenario("echo")]).configuration.digest
