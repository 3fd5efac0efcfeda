"""A wall clock that is set while a recorder runs: forwards, backwards, again and again."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.support.engines import meta_of
from tests.support.faults import STEADY, is_whole, newest_id, numbers, until_grown
from tests.support.faulty_libc import FaultyLibc
from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, POLL_S, Home, stored
from tests.support.thoroughness import times

HOUR_S = 3_600


@pytest.mark.timeout(60 + 30 * times(1))
async def test_clock_steps_are_recorded_and_confuse_no_duration(
    home: Home, peers: Peers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = FaultyLibc(tmp_path)
    libc.use(monkeypatch)
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    await until_grown(recorder.store, 100)
    steps = [-HOUR_S, 2 * HOUR_S, -HOUR_S] * times(1)
    for number, step_s in enumerate(steps, 1):
        libc.step_clock(sum(steps[:number]))
        async with asyncio.timeout(DEADLINE_S):
            while len([each for each in stored(recorder.store) if each.name == "self.clock.stepped"]) < number:
                await asyncio.sleep(POLL_S)
        told = [each for each in stored(recorder.store) if each.name == "self.clock.stepped"][-1]
        step_ns = meta_of(told)["step_ns"]
        # To the second: the clock of the machine may be set beside
        assert round(step_ns / 1e9) == step_s
        await until_grown(recorder.store, newest_id(recorder.store) + 20)
    libc.step_clock(0)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = is_whole(recorder.store)
    (received,) = numbers(events).values()
    assert received == list(range(1, len(received) + 1))
    arrived_ns = [each.mono_ns for each in events if each.name == "message.received"]
    assert arrived_ns == sorted(arrived_ns)
    (closed,) = [each for each in events if each.to_status == "closed"]
    assert closed.duration_ns is not None
    assert 0 < closed.duration_ns < HOUR_S * 1_000_000_000 // 2
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json")
    assert (code, len(json.loads(out)["connections"])) == (0, 1)
