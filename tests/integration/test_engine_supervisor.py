"""Many connections at once: retries, commands, new configurations, and the end."""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import replace

import pytest

from tests.support.engines import (
    CLOSE,
    SOON_AGAIN,
    SOON_S,
    TEXT,
    RecordingSink,
    accept,
    against,
    close_frame,
    frame,
    hang_up_when_closed,
    meta_of,
    raw_server,
    read_frame,
    read_head,
    running,
    spec,
)
from wsmon.clock import SystemClock
from wsmon.config.specs import ReconnectSpec
from wsmon.engine.supervisor import Changes, Supervisor
from wsmon.errors import UsageError
from wsmon.model.ends import why
from wsmon.model.redact.masking import Sensitive


async def staying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and closes when the engine does."""
    await accept(reader, writer)
    await hang_up_when_closed(reader, writer)


async def rejecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and closes at once."""
    await accept(reader, writer)
    writer.write(close_frame(1008, "not you"))
    await read_frame(reader)


def flags(sink: RecordingSink) -> list[object]:
    return [event.name for event in sink.events if event.to_status and meta_of(event).get("illegal")]


# retries


async def test_accept_then_close_backs_off_and_counts_on() -> None:
    retry = ReconnectSpec(initial_s=0.004, max_s=0.05, factor=2.0, jitter=0.0, stable_after_s=SOON_S)
    async with against(rejecting, reconnect=retry) as engine:
        await engine.sink.wait("connection.disconnected", 5)
        attempts = [meta_of(event) for event in engine.sink.named("connection.reconnect.attempt")[:4]]
        assert [(meta["attempt"], meta["delay_ms"]) for meta in attempts] == [(2, 4.0), (3, 8.0), (4, 16.0), (5, 32.0)]
        assert [meta_of(event)["attempts"] for event in engine.sink.named("connection.reconnect.success")[:3]] == [
            1,
            1,
            1,
        ]
        assert engine.sink.path()[:7] == [
            "connecting",
            "connected",
            "websocket_connected",
            "disconnected",
            "reconnecting",
            "connecting",
            "connected",
        ]
        assert flags(engine.sink) == []


async def test_a_stable_session_starts_a_new_series() -> None:
    retry = ReconnectSpec(initial_s=0.001, max_s=1.0, factor=3.0, jitter=0.0, stable_after_s=0.0)
    async with against(rejecting, reconnect=retry) as engine:
        await engine.sink.wait("connection.disconnected", 4)
        attempts = [meta_of(event) for event in engine.sink.named("connection.reconnect.attempt")[:3]]
        assert [(meta["attempt"], meta["delay_ms"]) for meta in attempts] == [(2, 1.0)] * 3


async def test_failed_attempts_are_told_and_then_the_success() -> None:
    left = 3

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            await read_head(reader)
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        else:
            await staying(reader, writer)

    async with against(handle, reconnect=SOON_AGAIN) as engine:
        success = await engine.sink.wait("connection.reconnect.success")
        names = [name for name in engine.sink.names() if name != "connection.open"]
        assert names == [
            "connection.started",
            "connection.disconnected",
            "connection.reconnect.attempt",
            "connection.started",
            "connection.reconnect.failed",
            "connection.reconnect.attempt",
            "connection.started",
            "connection.reconnect.failed",
            "connection.reconnect.attempt",
            "connection.started",
            "connection.completed",
            "connection.reconnect.success",
        ]
        assert (meta_of(success), success.duration_ns, success.to_status) == ({"attempts": 4}, None, None)


async def test_outage_is_measured_from_the_last_usable_moment() -> None:
    served = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        await (rejecting if served == 1 else staying)(reader, writer)

    async with against(handle, reconnect=SOON_AGAIN) as engine:
        success = await engine.sink.wait("connection.reconnect.success")
        lost = engine.sink.named("connection.disconnected")[0]
        assert success.duration_ns == pytest.approx(success.mono_ns - lost.mono_ns, abs=50_000_000)
        assert success.duration_ns is not None
        assert success.duration_ns >= 10_000_000


async def test_retries_end_where_they_are_limited() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with running(spec(port, reconnect=replace(SOON_AGAIN, max_attempts=2))) as engine:
        gave_up = await engine.sink.wait("connection.transition")
        assert (gave_up.from_status, gave_up.to_status) == ("disconnected", "error")
        assert (gave_up.error_type, gave_up.error) == ("retries_exhausted", "gave up after 2 retries")
        assert meta_of(gave_up) == {"attempts": 3}
        assert len(engine.sink.named("connection.started")) == 3

        engine.supervisor.reconnect("feed")
        again = await engine.sink.wait("connection.started", 4)
        assert (again.from_status, meta_of(again)["attempt"]) == ("error", 1)
        assert flags(engine.sink) == []


async def test_a_failing_connection_delays_no_other() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with raw_server(hang) as deaf, raw_server(staying) as port:
        stuck = [spec(deaf, name=f"stuck{number}") for number in range(20)]
        async with running(*stuck, spec(port)) as engine:
            await engine.sink.wait("connection.completed", connection="feed")
            assert len(engine.sink.named("connection.started")) == 21
            assert engine.sink.named("connection.disconnected") == []


async def test_a_mistake_in_one_connection_is_an_event_and_ends_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise ZeroDivisionError("a mistake")

    async with raw_server(rejecting) as bad, raw_server(staying) as good:
        monkeypatch.setattr("wsmon.engine.connection.next_delay_s", fail)
        async with running(spec(bad, name="bad"), spec(good)) as engine:
            told = await engine.sink.wait("connection.transition", connection="bad")
            await engine.sink.wait("connection.completed", connection="feed")
            assert (told.to_status, told.error_type) == ("error", "internal")

            monkeypatch.undo()
            engine.supervisor.reconnect("bad")
            await engine.sink.wait("connection.reconnect.attempt", connection="bad")


# commands


async def test_four_reconnects_at_once_are_one() -> None:
    async with against(staying) as engine:
        await engine.sink.wait("connection.completed")
        for _ in range(4):
            engine.supervisor.reconnect("feed")
        await engine.sink.wait("connection.completed", 2)
        for _ in range(4):
            engine.supervisor.reconnect("feed")
        await engine.sink.wait("connection.completed", 3)
        ends = engine.sink.named("connection.disconnected")
        assert [(event.to_status, event.close_code, event.close_by, event.reason) for event in ends] == [
            ("closed", 1000, "us", "reconnect requested")
        ] * 2
        assert [meta_of(event)["attempt"] for event in engine.sink.named("connection.started")] == [1, 1, 1]
        assert flags(engine.sink) == []


async def test_reconnect_cuts_the_wait_short() -> None:
    async with against(rejecting) as engine:
        await engine.sink.wait("connection.reconnect.attempt")
        engine.supervisor.reconnect("feed")
        again = await engine.sink.wait("connection.started", 2)
        assert (again.from_status, meta_of(again)["attempt"]) == ("reconnecting", 1)


async def test_reconnect_during_a_dial_changes_nothing() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with against(hang) as engine:
        await engine.sink.wait("connection.open")
        engine.supervisor.reconnect("feed")
        await asyncio.sleep(0)
        assert engine.sink.names() == ["connection.started", "connection.open"]


async def test_disable_closes_and_enable_opens_again() -> None:
    async with against(staying) as engine:
        await engine.sink.wait("connection.completed")
        engine.supervisor.disable("feed")
        ended = await engine.ended()
        assert (ended.to_status, ended.close_by, ended.reason) == ("closed", "us", "disabled")
        engine.supervisor.enable("feed")
        started = await engine.sink.wait("connection.started", 2)
        assert started.from_status == "closed"
        await engine.sink.wait("connection.completed", 2)
        assert "connection.reconnect.success" not in engine.sink.names()


async def test_disable_while_waiting_is_a_transition() -> None:
    async with against(rejecting) as engine:
        await engine.sink.wait("connection.reconnect.attempt")
        engine.supervisor.disable("feed")
        told = await engine.sink.wait("connection.transition")
        assert (told.from_status, told.to_status, told.source.connection_id) == ("reconnecting", "closed", "")
        assert why(told) == "closed by wsmon: disabled"


async def test_what_is_disabled_from_the_start_does_nothing_until_enabled() -> None:
    async with against(staying, enabled=False) as engine:
        await asyncio.sleep(0)
        assert engine.sink.events == []
        engine.supervisor.enable("feed")
        await engine.sink.wait("connection.completed")


async def test_enable_disable_enable_in_one_breath_is_one_new_session() -> None:
    async with against(staying) as engine:
        await engine.sink.wait("connection.completed")
        engine.supervisor.disable("feed")
        engine.supervisor.enable("feed")
        engine.supervisor.disable("feed")
        engine.supervisor.enable("feed")
        await engine.sink.wait("connection.completed", 2)
        assert len(engine.sink.named("connection.started")) == 2


async def test_a_command_for_a_name_that_is_none() -> None:
    async with against(staying) as engine:
        for command in (engine.supervisor.reconnect, engine.supervisor.disable, engine.supervisor.enable):
            with pytest.raises(UsageError, match="no connection named 'feeed'"):
                command("feeed")


# new configurations


async def test_a_new_configuration_restarts_only_what_changed() -> None:
    async with raw_server(staying) as port:
        same, other, gone = spec(port, name="same"), spec(port, name="other"), spec(port, name="gone")
        async with running(same, other, gone) as engine:
            await engine.sink.wait("connection.completed", 3)
            changed = replace(other, headers=(("X-New", Sensitive("1")),))
            changes = engine.supervisor.apply((same, changed, spec(port, name="new")), ())
            assert changes == Changes(added=("new",), removed=("gone",), changed=("other",), unchanged=("same",))
            await engine.sink.wait("connection.completed", 5)
            await engine.sink.wait("connection.disconnected", connection="gone")
            assert {
                name: [event.reason for event in engine.sink.named("connection.disconnected", name)]
                for name in ("same", "other", "gone", "new")
            } == {
                "same": [],
                "other": ["configuration changed"],
                "gone": ["removed from the configuration"],
                "new": [],
            }
            restarted = engine.sink.named("connection.completed", "other")
            assert restarted[0].source.trace_id == restarted[1].source.trace_id
            assert restarted[0].source.connection_id != restarted[1].source.connection_id


async def test_what_is_kept_changes_within_a_session() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        for text in (b"before", b"after"):
            await read_frame(reader)
            writer.write(frame(TEXT, text))
        await read_frame(reader)

    async with raw_server(handle) as port:
        wanted = spec(port, protocol="raw", send=(Sensitive("go"),), ping=replace(spec(port).ping, interval_s=0.3))
        async with running(wanted) as engine:
            await engine.sink.wait("message.received")
            changes = engine.supervisor.apply((replace(wanted, profile="standard"),), ())
            assert changes == Changes(adjusted=(("feed", "profile detailed → standard"),))
            await engine.sink.wait("message.received", 2)
            said = [(event.name, event.payload or event.reason) for event in engine.sink.events]
            assert [each for each in said if each[0] in ("message.received", "self.config.reloaded")] == [
                ("message.received", b"before"),
                ("self.config.reloaded", "profile detailed → standard"),
                ("message.received", ""),
            ]
            (told,) = engine.sink.named("self.config.reloaded")
            assert told.source == engine.sink.named("message.received")[0].source
            assert told.meta == {"profile": "standard", "before": "detailed"}


async def test_a_profile_that_changes_with_the_rest_is_told_before_the_session_ends() -> None:
    async with raw_server(staying) as port, running(spec(port)) as engine:
        await engine.sink.wait("connection.completed")
        changes = engine.supervisor.apply((spec(port, profile="lightweight", open_timeout_s=9.0),), ())
        assert changes == Changes(changed=("feed",))
        await engine.ended()
        names = engine.sink.names()
        assert names.index("self.config.reloaded") < names.index("connection.disconnected")


async def test_new_secrets_are_masked_in_sessions_that_go_on() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await read_frame(reader)
        writer.write(frame(TEXT, b"the code is hunter2hunter2") + close_frame(1000, "hunter2hunter2"))
        await read_frame(reader)

    async with raw_server(handle) as port:
        wanted = spec(port, ping=replace(spec(port).ping, interval_s=0.05))
        async with running(wanted) as engine:
            await engine.sink.wait("connection.completed")
            assert engine.supervisor.apply((wanted,), ("hunter2hunter2",)).unchanged == ("feed",)
            await engine.ended()
            assert "hunter2" not in engine.sink.text()


async def test_a_configuration_can_switch_a_connection_off() -> None:
    async with raw_server(staying) as port, running(spec(port)) as engine:
        await engine.sink.wait("connection.completed")
        engine.supervisor.apply((spec(port, enabled=False),), ())
        assert (await engine.ended()).to_status == "closed"
        engine.supervisor.apply((spec(port),), ())
        await engine.sink.wait("connection.completed", 2)


# the end


async def test_stop_closes_all_together_and_says_so() -> None:
    closes: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        opcode, payload = await read_frame(reader)
        assert opcode == CLOSE
        closes.append(payload)
        writer.write(close_frame(1000))

    async with raw_server(handle) as port:
        async with running(*[spec(port, name=f"c{number}") for number in range(10)]) as engine:
            await engine.sink.wait("connection.completed", 10)
        ends = engine.sink.named("connection.disconnected")
        assert closes == [(1000).to_bytes(2, "big") + b"wsmon stopped"] * 10
        assert [(event.to_status, event.close_code, event.close_by) for event in ends] == [("closed", 1000, "us")] * 10
        assert engine.sink.events[-1].name == "connection.disconnected"


async def test_stop_waits_no_longer_than_a_second_for_peers_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.engine.tap.STOP_S", 0.05)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await reader.read()

    async with raw_server(deaf) as port:
        async with running(*[spec(port, name=f"c{number}", close_timeout_s=3600.0) for number in range(5)]) as engine:
            await engine.sink.wait("connection.completed", 5)
        ends = engine.sink.named("connection.disconnected")
        assert [(event.to_status, event.close_code, event.close_by, event.reason) for event in ends] == [
            ("closed", 1000, "us", "wsmon stopped")
        ] * 5


async def test_stop_ends_dials_and_waits() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with raw_server(hang) as deaf, raw_server(rejecting) as port:
        async with running(spec(deaf, name="dialling"), spec(port, name="waiting")) as engine:
            await engine.sink.wait("connection.open", connection="dialling")
            await engine.sink.wait("connection.reconnect.attempt", connection="waiting")
        assert [engine.sink.path(name)[-1] for name in ("dialling", "waiting")] == ["closed", "closed"]
        assert flags(engine.sink) == []


async def test_cancelling_tells_the_end_of_sessions() -> None:
    async with raw_server(staying) as port:
        sink = RecordingSink()
        supervisor = Supervisor((spec(port),), (), sink, SystemClock(), random.Random(1))
        async with asyncio.TaskGroup() as group:
            running_supervisor = group.create_task(supervisor.run())
            await sink.wait("connection.completed")
            running_supervisor.cancel()
        last = sink.events[-1]
        assert (last.name, last.to_status, last.close_by, last.reason) == (
            "connection.disconnected",
            "closed",
            "us",
            "wsmon stopped",
        )


async def test_a_new_session_by_command_after_a_failure_is_a_success() -> None:
    served = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        await (rejecting if served == 1 else staying)(reader, writer)

    async with against(handle) as engine:
        await engine.sink.wait("connection.reconnect.attempt")
        engine.supervisor.reconnect("feed")
        success = await engine.sink.wait("connection.reconnect.success")
        assert meta_of(success) == {"attempts": 1}
