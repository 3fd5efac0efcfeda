"""A recorder that stands still, or whose store is slow: nothing of that is blamed on a peer. Real processes."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.engines import CLOSE, PING, PONG, TEXT, accept, close_frame, frame, raw_server, read_frame
from tests.support.faulty_libc import FaultyLibc
from tests.support.processes import POLL_S, Home, Recorder, stored
from wsmon.model.events import Event

# How long a recorder is stopped, and its store locked
STOPPED_S = 3.0
LOCKED_S = 14.0


class Feed:
    """A peer that sends ``burst`` messages each ``every_s`` and answers pings after ``pong_s``."""

    def __init__(self, every_s: float, size_bytes: int = 100, *, burst: int = 1, pong_s: float = 0.0) -> None:
        self._every_s = every_s
        self._burst = burst
        self._payload = b"x" * size_bytes
        self._pong_s = pong_s

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client to its end."""
        await accept(reader, writer)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(writer))
            while (received := await read_frame(reader))[0] != CLOSE:
                if received[0] == PING:
                    group.create_task(self._answer(writer, received[1]))
            sending.cancel()
        writer.write(close_frame(1000))

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            for _ in range(self._burst):
                number += 1
                writer.write(frame(TEXT, b'{"n":%d,"t":%d,"pad":"%s"}' % (number, time.time_ns(), self._payload)))
            await asyncio.sleep(self._every_s)

    async def _answer(self, writer: asyncio.StreamWriter, payload: bytes) -> None:
        await asyncio.sleep(self._pong_s)
        writer.write(frame(PONG, payload))


def named(events: Sequence[Event], *names: str) -> list[Event]:
    """The events with one of these names."""
    return [event for event in events if event.name in names]


async def until(recorder: Recorder, count: int, name: str, after_id: int = 0) -> None:
    """Wait for so many events of a name after an id."""
    async with asyncio.timeout(15):
        while len([each for each in named(stored(recorder.store), name) if each.id > after_id]) < count:
            await asyncio.sleep(POLL_S)


async def stop_for(recorder: Recorder, seconds: float) -> int:
    """Stop the process for a time; return the id of the newest event before."""
    newest_id = stored(recorder.store)[-1].id
    recorder.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    recorder.signal(signal.SIGCONT)
    return newest_id


@pytest.mark.parametrize(("every_s", "size_bytes"), [(0.2, 100), (0.05, 60_000)])
async def test_d2_a_stopped_recorder_blames_no_peer(home: Home, every_s: float, size_bytes: int) -> None:
    async with raw_server(Feed(every_s, size_bytes, pong_s=0.5)) as port:
        config = home.write(
            f'[[connection]]\nname = "feed"\nurl = "ws://127.0.0.1:{port}/"\nexpect_every = "2s"\n'
            'ping = { interval = "1s", timeout = "2s" }\n'
        )
        recorder = await home.record(config)
        await until(recorder, 1, "heartbeat.responded")
        await until(recorder, 2, "heartbeat.sent")
        before_id = await stop_for(recorder, STOPPED_S)
        await until(recorder, 4, "heartbeat.responded", before_id)
        recorder.signal(signal.SIGTERM)
        await recorder.ended()
    events = stored(recorder.store)
    wrong = named(events, "incident.opened", "heartbeat.timeout", "connection.reconnect.attempt")
    assert [(event.name, event.reason) for event in wrong] == []
    (suspended,) = named(events, "self.suspended")
    assert suspended.duration_ns is not None
    assert STOPPED_S - 0.5 <= suspended.duration_ns / 1e9 <= STOPPED_S + 1
    assert suspended.reason.startswith("wsmon was stalled for ")
    rtts_s = [event.duration_ns / 1e9 for event in named(events, "heartbeat.responded") if event.duration_ns]
    assert max(rtts_s) < 2.0


async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ping twice a second, and close with 1011 when no pong came for a second."""
    await accept(reader, writer)
    with suppress(TimeoutError):
        while True:
            writer.write(frame(PING, b"there?"))
            async with asyncio.timeout(1.0):
                while (await read_frame(reader))[0] != PONG:
                    pass
            await asyncio.sleep(0.5)
    writer.write(close_frame(1011, "keepalive ping timeout"))


async def test_d2_a_peer_that_was_not_answered_meanwhile_is_told_as_that(home: Home) -> None:
    async with raw_server(impatient) as port:
        recorder = await home.record(f"ws://127.0.0.1:{port}/")
        await until(recorder, 2, "heartbeat.received")
        await stop_for(recorder, STOPPED_S)
        await until(recorder, 1, "connection.disconnected")
    (ended,) = named(stored(recorder.store), "connection.disconnected")[:1]
    assert ended.verdict is not None
    assert "keepalive ping timeout" in ended.verdict.cause
    assert "wsmon itself was stalled for " in ended.verdict.cause
    assert ended.meta is not None
    suspended_ms, resumed_ms = ended.meta["suspended_ms"], ended.meta["resumed_ms"]
    assert isinstance(suspended_ms, float)
    assert isinstance(resumed_ms, float)
    assert suspended_ms >= (STOPPED_S - 0.5) * 1000
    assert resumed_ms >= 0


async def test_d1_a_locked_store_opens_no_stall_and_runs_no_alert_command(home: Home, tmp_path: Path) -> None:
    alerted = tmp_path / "alerted"
    async with raw_server(Feed(0.1, burst=100)) as fast, raw_server(Feed(0.5)) as slow:
        entries = (
            f'[[connection]]\nname = "{name}"\nurl = "ws://127.0.0.1:{port}/"\nexpect_every = "3s"\n'
            for name, port in (("fast", fast), ("slow", slow))
        )
        config = home.write(f'[wsmon]\nalerts.command = ["touch", "{alerted}"]\n{"".join(entries)}')
        recorder = await home.record(config)
        await until(recorder, 100, "message.received")
        with sqlite3.connect(recorder.store, isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(LOCKED_S)
            database.execute("ROLLBACK")
        database.close()
        before_id = stored(recorder.store)[-1].id
        # Nothing of what waited was judged before it was stored
        await until(recorder, 5_000, "message.received", before_id)
        recorder.signal(signal.SIGTERM)
        await recorder.ended()
    assert [(event.type, event.reason) for event in named(stored(recorder.store), "incident.opened")] == []
    assert not alerted.exists()


@pytest.mark.parametrize(("delay_ms", "syncs", "per_s"), [(20, 60, 300), (4_000, 3, 1_500)])
async def test_d1_a_disk_that_syncs_slowly_opens_no_stall_and_runs_no_alert_command(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delay_ms: int, syncs: int, per_s: int
) -> None:
    alerted = tmp_path / "alerted"
    libc = FaultyLibc(tmp_path)
    libc.use(monkeypatch)
    async with raw_server(Feed(0.1, burst=per_s // 10)) as port:
        recorder = await home.record(
            home.write(
                f'[wsmon]\nalerts.command = ["touch", "{alerted}"]\n'
                f'[[connection]]\nname = "feed"\nurl = "ws://127.0.0.1:{port}/"\nexpect_every = "3s"\n'
            )
        )
        await until(recorder, 30, "message.received")
        libc.delay_syncs(delay_ms)
        async with asyncio.timeout(60):
            while libc.syncs_delayed < syncs:
                await asyncio.sleep(POLL_S)
        libc.delay_syncs(0)
        # What waited is stored and judged
        await until(recorder, 600, "message.received", stored(recorder.store)[-1].id)
        recorder.signal(signal.SIGTERM)
        await recorder.ended()
    events = stored(recorder.store)
    assert [(event.type, event.reason) for event in named(events, "incident.opened")] == []
    assert not alerted.exists()
    # Nothing was lost for it
    assert named(events, "self.shed") == []


async def test_d2_messages_that_waited_while_the_recorder_stood_still_are_no_feed_latency(home: Home) -> None:
    async with raw_server(Feed(0.05)) as port:
        latency = 'latency = { path = "$.t", unit = "ns" }\n'
        config = home.write(f'[[connection]]\nname = "feed"\nurl = "ws://127.0.0.1:{port}/"\n{latency}')
        recorder = await home.record(config)
        await until(recorder, 10, "message.received")
        before_id = await stop_for(recorder, STOPPED_S)
        await until(recorder, 100, "message.received", before_id)
        recorder.signal(signal.SIGTERM)
        await recorder.ended()
    events = named(stored(recorder.store), "message.received")
    late = [event for event in events if event.meta == {"read_late": True}]
    # Sixty waited, and some came while these were read
    assert len(late) >= STOPPED_S / 0.05 * 0.8
    assert all(event.id > before_id for event in late)
    assert [event.meta for event in events if event not in late and (event.meta or {}).keys() != {"latency_ms"}] == []
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json")
    assert code == 0
    (of_feed,) = json.loads(out)["connections"]
    # The longest that waited did so for three seconds
    assert of_feed["feed_latency_ms"]["max"] < 1_500
    assert of_feed["feed_latency_ms"]["count"] == len(events) - len(late)
