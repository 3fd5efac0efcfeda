"""A thousand applications that report nothing cost a recorder nearly nothing, and delay no other."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.applications import RawApplication
from tests.support.not_run import not_run
from tests.support.processes import DEADLINE_S, Home, Recorder, socket_in, stored
from wsmon.recorder.descriptors import raised_limit

WRITERS = 1_000
LINES = 2_000
# Files that the other recorder may open
LIMIT = 40
# Of the recorder, for one idle writer: 6 KB were measured
MOST_BYTES = 32 * 1024
# CPU time of the recorder in so many seconds: 0.01 s were measured, as without writers
IDLE_S = 3.0
MOST_CPU_S = 0.3
TICKS_S = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many as the writers need in this process."""
    with raised_limit():
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * WRITERS:
            not_run(f"the limit on open files is below {2 * WRITERS:,}")
        yield


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


async def greeted(home: Home, recorder: Recorder, number: int) -> RawApplication:
    writer = await RawApplication.dialled(socket_in(home, recorder.store))
    writer.greet(f"{number:016x}", connection=f"w{number % 10}")
    await writer.until_acked(0)
    return writer


@pytest.mark.usefixtures("descriptors")
async def test_a_thousand_idle_writers_cost_little_and_delay_no_busy_one(home: Home) -> None:
    recorder = await home.record(home.write("[wsmon]\n"))
    busy = await greeted(home, recorder, WRITERS)
    files, size = open_files(recorder.pid), resident_bytes(recorder.pid)
    idle = [await greeted(home, recorder, number) for number in range(WRITERS)]
    assert open_files(recorder.pid) - files == WRITERS
    assert resident_bytes(recorder.pid) - size < WRITERS * MOST_BYTES
    used_s = cpu_s(recorder.pid)
    await asyncio.sleep(IDLE_S)  # what is measured is that nothing happens
    assert cpu_s(recorder.pid) - used_s < MOST_CPU_S
    busy.send(*({"seq": number, "name": f"tick-{number}"} for number in range(1, LINES + 1)))
    await busy.until_acked(LINES)
    # Each of them is served when it has something to say
    for each in (idle[0], idle[-1]):
        each.send({"seq": 1, "name": "awake"})
        await each.until_acked(1)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    for each in (busy, *idle):
        each.hang_up()
    names = [event.type for event in stored(recorder.store) if event.name == "trace.log"]
    assert names == [*(f"tick-{number}" for number in range(1, LINES + 1)), "awake", "awake"]


async def test_where_descriptors_run_out_it_says_so_and_serves_those_that_it_has_then_the_others(home: Home) -> None:
    recorder = await home.record_with_files(home.write("[wsmon]\n"), LIMIT)
    socket = str(socket_in(home, recorder.store))
    told = f"it cannot accept a client: too many open files: wsmon may open {LIMIT}"
    # Linux takes all connections: the last ones wait for a descriptor of the recorder
    streams = [await asyncio.open_unix_connection(socket) for _ in range(LIMIT)]
    (failed,) = await recorder.until_stored(1, "self.sink.failed")
    assert failed.error == told
    served = [RawApplication(*streams[number]) for number in range(LIMIT // 2)]
    # All before the first answer: on a busy machine those would take longer than a client has for its greeting
    for number, each in enumerate(served):
        each.greet(f"{number:016x}")
    for each in served:
        await each.until_acked(0)
    late, writer = streams[-1]
    writer.write(b'{"name": "late"}\n')
    writer.write_eof()
    served[-1].send(*({"seq": number, "name": f"tick-{number}"} for number in range(1, LINES + 1)))
    await served[-1].until_acked(LINES)
    for _, other in streams[:-1]:
        other.close()
    async with asyncio.timeout(DEADLINE_S):
        assert (await late.read()).count(b"\n") == 1
    writer.close()
    recorder.signal(signal.SIGTERM)
    out, err = await recorder.process.communicate()
    assert (recorder.process.returncode, out, err.decode()) == (0, b"", f"server failed: {told}\n")
    types = [event.type for event in stored(recorder.store) if event.name == "trace.log"]
    assert types == [*(f"tick-{number}" for number in range(1, LINES + 1)), "late"]
