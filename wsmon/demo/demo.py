"""The built-in demonstration: all of its servers, and the configuration that connects to them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Self

from wsmon.config.specs import AlertSpec, Configuration, ConnectionSpec
from wsmon.demo.scenario import Scenario, demo_scenarios
from wsmon.demo.server import ScenarioServer
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import Clock


class Demo:
    """Scripted servers on loopback that run while the ``async with`` lasts."""

    def __init__(self, clock: Clock, scenarios: Iterable[Scenario] | None = None, *, seed: int = 1) -> None:
        chosen = demo_scenarios() if scenarios is None else tuple(scenarios)
        self.servers = tuple(
            ScenarioServer(scenario, clock, rng=Random(f"{seed} {scenario.name}")) for scenario in chosen
        )

    @property
    def configuration(self) -> Configuration:
        """One connection for each server, named like its scenario; valid while the servers run."""
        return demo_configuration(self.servers)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:
            for server in self.servers:
                await started.enter_async_context(server)
            started.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with asyncio.TaskGroup() as stopping:
            for server in self.servers:
                stopping.create_task(server.stop(), name=f"stop {server.scenario.name}")


def demo_configuration(servers: Iterable[ScenarioServer]) -> Configuration:
    """Return the configuration of running servers: without a file, with a digest of the scenarios' texts."""
    running = tuple(servers)
    digest = hashlib.sha256("\n".join(server.scenario.digest for server in running).encode())
    return Configuration(
        path=None,
        digest=digest.hexdigest(),
        connections=demo_connections(running),
        # The demonstration is full of trouble on purpose: it must not ring all the time.
        alerts=AlertSpec(bell=False),
    )


def demo_connections(servers: Iterable[ScenarioServer]) -> tuple[ConnectionSpec, ...]:
    """Return a connection for each of the running servers."""
    return tuple(
        replace(server.scenario.connection, name=server.scenario.name, url=Sensitive(server.url)) for server in servers
    )
