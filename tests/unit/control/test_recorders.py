"""Commands to the recorders of several recordings, and their health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.background import background
from tests.support.fake_ports import FakeControl
from wsmon.control.recorders import RecorderClients
from wsmon.errors import WsmonError
from wsmon.model.snapshot import Health


class ConnectedFake(FakeControl):
    """One that commits once."""

    async def run(self, on_change: Callable[[], None]) -> None:
        on_change()
        await asyncio.Event().wait()


async def test_a_command_goes_to_the_recorder_of_its_connection_by_its_own_name() -> None:
    eu, us = ConnectedFake(), ConnectedFake()
    both = RecorderClients({"eu": eu, "us": us})
    await both.reconnect("eu/orders")
    await both.disable("us/orders")
    await both.enable("us/orders")
    assert (await both.send("us/orders", "hi")).sentence == "sent to orders"
    assert (eu.commands, us.commands) == (
        ["reconnect orders"],
        ["disable orders", "enable orders", "send orders hi"],
    )


async def test_what_is_meant_for_one_recorder_is_refused() -> None:
    both = RecorderClients({"eu": ConnectedFake(), "us": ConnectedFake()})
    with pytest.raises(WsmonError, match="open one recording alone"):
        await both.reload()
    with pytest.raises(WsmonError, match="none was stopped"):
        await both.stop()
    with pytest.raises(WsmonError, match="incident has no recorder"):
        await both.reconnect("incident/orders")


def test_health_is_that_of_those_that_answer() -> None:
    eu, us = ConnectedFake(), ConnectedFake()
    both = RecorderClients({"eu": eu, "us": us})
    found = [both.health]
    eu.health_now = Health(1, 10, 2.0, 3)
    found.append(both.health)
    us.health_now = Health(4, 20, 5.0, 6, is_paused=True, warning="disk full", rings=True)
    found.append(both.health)
    assert found == [
        None,
        Health(1, 10, 2.0, 3),
        Health(5, 30, 5.0, 9, is_paused=True, warning="us: disk full", rings=True),
    ]


async def test_the_commits_of_each_are_told() -> None:
    calls: list[None] = []
    both = RecorderClients({"eu": ConnectedFake(), "us": ConnectedFake()})
    async with background(both.run(lambda: calls.append(None)), "recorders"):
        async with asyncio.timeout(10):
            while len(calls) < 2:
                await asyncio.sleep(0)
