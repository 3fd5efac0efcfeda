"""What a supervisor does without a network: names, changes of the configuration, and its end.

Connections over sockets are in tests/integration/test_engine_supervisor.py.
"""

from __future__ import annotations

import asyncio
import random
import threading
from dataclasses import replace

import pytest

from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from wsmon.config.specs import ConnectionSpec
from wsmon.engine.supervisor import Changes, Supervisor
from wsmon.errors import UsageError


def disabled(name: str, **fields: object) -> ConnectionSpec:
    """A connection that dials nothing."""
    return replace(spec(1, enabled=False, **fields), name=name)


def supervisor(*specs: ConnectionSpec, sink: RecordingSink | None = None) -> Supervisor:
    return Supervisor(specs, (), sink or RecordingSink(), FakeClock(), random.Random(7))


@pytest.mark.parametrize("command", ["reconnect", "disable", "enable"])
async def test_a_command_for_an_unknown_name_lists_the_names(command: str) -> None:
    engine = supervisor(disabled("orders"), disabled("quotes"))
    with pytest.raises(UsageError, match=r"no connection named 'trades'. connections: orders, quotes"):
        getattr(engine, command)("trades")


async def test_without_connections_the_error_says_so() -> None:
    with pytest.raises(UsageError, match="connections: none"):
        supervisor().reconnect("trades")


async def test_a_new_configuration_names_what_it_changes() -> None:
    before = [disabled(name) for name in ("kept", "moved", "quieter", "gone")]
    kept, moved, quieter, _ = before
    engine = supervisor(*before)
    after = (
        kept,
        replace(moved, group="other"),
        replace(quieter, profile="standard"),
        disabled("new"),
    )
    assert engine.apply(after, ()) == Changes(
        added=("new",),
        removed=("gone",),
        changed=("moved",),
        unchanged=("kept",),
        adjusted=(("quieter", "profile detailed → standard"),),
    )
    assert engine.apply(after, ()) == Changes(unchanged=("kept", "moved", "quieter", "new"))
    with pytest.raises(UsageError):
        engine.enable("gone")


async def test_a_disabled_connection_emits_nothing_from_start_to_stop() -> None:
    sink = RecordingSink()
    engine = supervisor(disabled("orders"), sink=sink)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run(), name="supervisor")
        await asyncio.sleep(0)
        await engine.stop()
    assert running.done()
    assert sink.events == []


async def test_a_stop_before_the_run_ends_it_at_once() -> None:
    engine = supervisor(disabled("orders"))
    await engine.stop()
    async with asyncio.timeout(5):
        await engine.run()


async def test_another_thread_may_resume_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = supervisor(disabled("orders"))
    resumed: list[threading.Thread] = []
    done = asyncio.Event()

    def resume(_connection: object) -> None:
        resumed.append(threading.current_thread())
        done.set()

    monkeypatch.setattr("wsmon.engine.connection.Connection.resume_reading", resume)
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run(), name="supervisor")
        await asyncio.sleep(0)
        await asyncio.to_thread(engine.resume_reading)
        async with asyncio.timeout(5):
            await done.wait()
        await engine.stop()
    assert resumed == [threading.main_thread()]
