"""Scripted servers for tests: started by name or scenario, stopped when the test ends.

``async def test(peers: Peers): server = await peers.start("http_401")``
"""

from __future__ import annotations

import ssl as tls
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from wsmon.clock import SystemClock
from wsmon.demo.scenario import Scenario, demo_scenarios, load_scenario, parse_scenario
from wsmon.demo.server import ScenarioServer
from wsmon.ports import Clock

SCENARIOS = Path(__file__).parent.parent / "scenarios"


def scenario(name: str) -> Scenario:
    """The scenario of that name: one of the tests' own, else one of the demonstration."""
    own = SCENARIOS / f"{name}.toml"
    if own.exists():
        return load_scenario(own)
    return next(shipped for shipped in demo_scenarios() if shipped.name == name)


def script(text: str) -> Scenario:
    """A scenario written in the test itself."""
    return parse_scenario("inline", text)


class Peers:
    """Starts servers; ``running`` has them in the order of their start."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.running: list[ScenarioServer] = []
        self._stack = stack

    async def start(
        self, which: str | Scenario, *, ssl: tls.SSLContext | None = None, port: int = 0, clock: Clock | None = None
    ) -> ScenarioServer:
        """A running server of the scenario."""
        chosen = scenario(which) if isinstance(which, str) else which
        server = ScenarioServer(chosen, clock or SystemClock(), ssl=ssl, port=port)
        self.running.append(await self._stack.enter_async_context(server))
        return server


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    """Scripted servers that end with the test."""
    async with AsyncExitStack() as stack:
        yield Peers(stack)
