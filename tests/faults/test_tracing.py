"""Applications and recorders are killed, disks are full: every event is stored once, or counted as lost."""

from __future__ import annotations

import asyncio
import errno
import random
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.faults import is_whole
from tests.support.faulty_libc import FaultyLibc
from tests.support.processes import Home, Recorder
from tests.support.thoroughness import times
from tests.support.tracing import spool_files
from wsmon.model.events import Event

CHILD = Path(__file__).with_name("tracing_child.py")
KILLS = times(3)
APPLICATIONS = times(3)
LONG_S = 120.0
LOOK_S = 0.05
# Applications alone report
CONFIGURATION = """
[[connection]]
name = "off"
url = "ws://127.0.0.1:9/"
enabled = false
"""


class Application:
    """A program that emits events, and says how far they are settled."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.settled = 0

    @property
    def connection(self) -> str:
        """What it calls its connection."""
        return f"p{self.process.pid}"

    async def until_settled(self, number: int) -> None:
        """Read until so many of its events are stored or spooled."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LONG_S):
            while self.settled < number:
                self.settled = int(await self.process.stdout.readline())

    async def until_lost(self) -> None:
        """Read until it has lost an event."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LONG_S):
            while await self.process.stdout.readline() != b"-1\n":
                pass

    async def kill(self) -> None:
        """End it without warning, and take in what it said."""
        self.process.kill()
        out, _ = await self.process.communicate()
        self.settled = max([self.settled, *(int(line) for line in out.split(b"\n")[:-1])])

    async def end(self) -> tuple[int, int]:
        """Let it end; how many events it emitted, and how many were lost."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(LONG_S):
            out, _ = await self.process.communicate()
        found = re.search(rb"emitted (\d+) lost (\d+) waiting (\d+)", out)
        assert found, out
        emitted, lost, waiting = map(int, found.groups())
        assert waiting == 0
        return emitted, lost


async def started(home: Home, store: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Application:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(store), *arguments,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ or home.environ,
    )  # fmt: skip
    home.own(process)
    return Application(process)


def numbers(events: tuple[Event, ...]) -> dict[str, list[int]]:
    """The numbers of the events of each application, in the order of the store."""
    found: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event.name == "trace.log":
            found[event.source.connection].append(int(event.type[1:]))
    return found


async def recorded(home: Home, store: Path) -> Recorder:
    return await home.record(home.write(CONFIGURATION), store=store)


async def until_taken_in(store: Path) -> None:
    """Until a recorder has all that waited."""
    async with asyncio.timeout(LONG_S):
        while spool_files(store):
            await asyncio.sleep(LOOK_S)


async def stopped(recorder: Recorder) -> None:
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "recording" / "store.db"


@pytest.mark.timeout(120 + 60 * KILLS)
async def test_recorders_are_killed_and_an_application_has_each_of_its_events_once(home: Home, store: Path) -> None:
    roll = random.Random(KILLS)
    application = await started(home, store)
    for _ in range(KILLS):
        recorder = await recorded(home, store)
        await asyncio.sleep(roll.uniform(0.0, 1.0))
        recorder.signal(signal.SIGKILL)
        await recorder.ended()
        await asyncio.sleep(roll.uniform(0.0, 0.5))
    recorder = await recorded(home, store)
    emitted, lost = await application.end()
    await until_taken_in(store)
    await stopped(recorder)
    assert lost == 0
    assert numbers(is_whole(store)) == {application.connection: list(range(1, emitted + 1))}


@pytest.mark.timeout(120 + 60 * APPLICATIONS)
async def test_applications_are_killed_and_what_they_had_settled_is_stored_once(home: Home, store: Path) -> None:
    roll = random.Random(APPLICATIONS)
    recorder = await recorded(home, store)
    applications = [await started(home, store) for _ in range(APPLICATIONS)]
    for number, application in enumerate(applications):
        await application.until_settled(roll.randint(1, 2_000))
        if number == APPLICATIONS // 3:
            # The others are killed while no recorder runs, or the next one has just begun
            recorder.signal(signal.SIGKILL)
            await recorder.ended()
        if number == 2 * APPLICATIONS // 3:
            recorder = await recorded(home, store)
        await application.kill()
    await until_taken_in(store)
    await stopped(recorder)
    found = numbers(is_whole(store))
    for application in applications:
        of_application = found[application.connection]
        assert of_application == list(range(1, len(of_application) + 1))
        assert len(of_application) >= application.settled


@pytest.mark.timeout(300)
async def test_a_recorder_whose_disk_is_full_takes_all_events_later(
    home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = FaultyLibc(tmp_path)
    libc.use(monkeypatch)
    recorder = await recorded(home, store)
    monkeypatch.undo()
    application = await started(home, store)
    await application.until_settled(400)
    libc.fail_writes(errno.ENOSPC)
    await asyncio.sleep(2.0)
    libc.fail_writes(0)
    before = application.settled
    await application.until_settled(before + 400)
    emitted, lost = await application.end()
    await until_taken_in(store)
    await stopped(recorder)
    assert lost == 0
    assert numbers(is_whole(store)) == {application.connection: list(range(1, emitted + 1))}


@pytest.mark.timeout(300)
async def test_an_application_whose_disk_is_full_counts_what_it_loses(home: Home, store: Path) -> None:
    application = await started(home, store, "300000")
    await application.until_lost()
    recorder = await recorded(home, store)
    before = application.settled
    await application.until_settled(before + 1)
    emitted, lost = await application.end()
    await until_taken_in(store)
    await stopped(recorder)
    events = is_whole(store)
    (found,) = numbers(events).values()
    assert found == sorted(set(found))
    reported = [event.meta["count"] for event in events if event.name == "trace.lost" and event.meta]
    assert (len(found) + lost, sum(int(str(count)) for count in reported)) == (emitted, lost)
    assert lost > 0


BURST = """
import sys
from wsmon.trace import Sink, TraceEvent

sink = Sink(sys.argv[1], connection="burst", buffer_bytes=400_000, spool_bytes=1_000_000)
for number in range(1, 50_001):
    sink.emit(TraceEvent(name=f"n{number}"))
"""


async def run_to_its_end(home: Home, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=home.environ)
    home.own(process)
    async with asyncio.timeout(LONG_S):
        assert await process.wait() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", ["running", "stopped", "absent"])
async def test_a_burst_beyond_all_room_is_stored_or_counted_to_the_last_event(
    home: Home, store: Path, state: str
) -> None:
    """The program ends at once: what it could not store or spool is counted in the recording all the same."""
    recorder = None if state == "absent" else await recorded(home, store)
    if recorder is not None and state == "stopped":
        recorder.signal(signal.SIGSTOP)
    else:
        store.parent.mkdir(parents=True, exist_ok=True)
    await run_to_its_end(home, "-c", BURST, str(store))
    if recorder is not None:
        recorder.signal(signal.SIGCONT)
    else:
        recorder = await recorded(home, store)
    await until_taken_in(store)
    await stopped(recorder)
    events = is_whole(store)
    found = numbers(events)["burst"]
    counted = sum(int(str((event.meta or {})["count"])) for event in events if event.name == "trace.lost")
    assert found == sorted(set(found))
    # What was on its way to the recorder at the end may be counted although it arrived; nothing is in neither
    assert len(found) + counted >= 50_000
    assert state == "running" or len(found) + counted == 50_000


WORKING = """
import sys, time
from wsmon.trace import RequestTracer, span

tracer = RequestTracer("shop", store=sys.argv[1])
with tracer.request("GET /slow", transport="http"), span("step"):
    tracer.flush(20)
    print("under way", flush=True)
    time.sleep(600)
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_recorded", [True, False])
async def test_what_an_application_has_under_way_ends_with_it(home: Home, store: Path, is_recorded: bool) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    recorder = await recorded(home, store) if is_recorded else None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKING, str(store), stdout=subprocess.PIPE, env=home.environ
    )
    home.own(process)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"under way\n"
    process.kill()
    await process.wait()
    recorder = recorder or await recorded(home, store)
    ended = await recorder.until_stored(1, "trace.request.end")
    await until_taken_in(store)
    await stopped(recorder)
    (step,) = (event for event in is_whole(store) if event.name == "trace.span.end")
    reason = f"the application (process {process.pid}) ended"
    assert [(each.type, each.error_type, each.error) for each in (*ended, step)] == [
        ("GET /slow", "application_ended", reason),
        ("step", "application_ended", reason),
    ]
