"""A recorder that is killed, or whose machine loses its power, loses next to nothing and nothing acknowledged."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.faults import FLOOD, is_whole, newest_id, numbers, until_grown
from tests.support.peers import Peers, script
from tests.support.processes import Home
from tests.support.stores import stored
from tests.support.thoroughness import times
from wsmon.bus import BATCH_DELAY_S, BATCH_EVENTS
from wsmon.model.events import Event
from wsmon.store.codec import SqlValue
from wsmon.store.database import open_for_writing
from wsmon.store.schema import META_ROLLED_S
from wsmon.store.writer import COMMIT_GAP_S

CHILD = Path(__file__).with_name("recording_child.py")
KILLS = times(5)
KILLS_OF_A_BUSY_RECORDER = times(3)
DEADLINE_S = 20.0
# What may be missing behind the newest message stored, on a machine that runs nothing else
TYPICAL_LOSS_S = 0.1


@dataclass(frozen=True)
class Death:
    """What a killed recorder left behind."""

    acknowledged: tuple[tuple[int, int], ...]
    """Of each commit: the newest id in it, and that of the newest message recorded by then, which may wait."""
    last_id: int


def record_and_kill(path: Path, after_s: float) -> Death:
    """Record for a while after the first commit, then kill without warning."""
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        watchdog = threading.Timer(DEADLINE_S, child.kill)
        watchdog.start()
        lines = [child.stdout.readline()]
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(after_s)
        child.kill()
        watchdog.cancel()
        lines += child.stdout.readlines()
        assert child.stderr.read() == ""
    whole = [line.split() for line in lines if line.endswith("\n")]
    # Read-only, so that what is left behind is the next recorder's to repair
    return Death(tuple((int(committed), int(recorded)) for committed, recorded in whole), newest_id(path))


@pytest.mark.timeout(120 + 20 * KILLS)
def test_a_killed_recorder_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    roll = random.Random(20_260_110)
    deaths = [record_and_kill(path, roll.uniform(0.0, 0.3)) for _ in range(KILLS)]
    for death in deaths:
        assert death.acknowledged[-1][0] <= death.last_id
        # A commit has all that waited when the one before was done: what is lost was recorded since that moment
        for (committed, recorded), (following, _) in pairwise(death.acknowledged):
            assert min(recorded, committed + BATCH_EVENTS) <= following, deaths
    # How long a message waits for its commit to begin
    assert BATCH_DELAY_S + COMMIT_GAP_S < TYPICAL_LOSS_S
    open_for_writing(path).close()  # and whoever comes next can write
    check_ids(path, deaths)
    check_rollups(path)


def check_ids(path: Path, deaths: list[Death]) -> None:
    last_id = deaths[-1].last_id
    assert stored(path, "PRAGMA integrity_check") == [("ok",)]
    assert stored(path, "SELECT min(id), max(id), count(*) FROM event") == [(1, last_id, last_id)]
    assert stored(path, "SELECT first_id FROM run ORDER BY id") == [
        (1,),
        *((death.last_id + 1,) for death in deaths[:-1]),
    ]
    numbers = stored(
        path,
        "SELECT DISTINCT CAST(payload AS INTEGER) - event.id + run.first_id "
        "FROM event JOIN source ON source.id = event.source JOIN run ON run.id = source.run",
    )
    assert numbers == [(0,)]  # of each run: from its first message on, none left out


def check_rollups(path: Path) -> None:
    """Every message is counted once: in seconds, and in hours with the seconds that are in no hour yet."""
    ((events,),) = stored(path, "SELECT count(*) FROM event")
    ((rolled_s,),) = stored(path, "SELECT value FROM meta WHERE key = ?", META_ROLLED_S)

    def messages(where: str, *parameters: SqlValue) -> SqlValue:
        return stored(path, f"SELECT coalesce(sum(messages_in), 0) FROM rollup WHERE {where}", *parameters)[0][0]

    assert messages("level = 1") == events
    for level in (60, 3600):
        assert messages("level = ? OR (level = 1 AND bucket >= ?)", level, rolled_s) == events


@pytest.mark.timeout(120 + 60 * KILLS_OF_A_BUSY_RECORDER)
async def test_killed_again_and_again_under_load_it_leaves_a_whole_store(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FLOOD))
    store = home.folder / "recording" / "store.db"
    roll = random.Random(KILLS_OF_A_BUSY_RECORDER)
    before: tuple[Event, ...] = ()
    for _ in range(KILLS_OF_A_BUSY_RECORDER):
        if len(before) > 200_000:
            # Each kill reads everything that is stored
            await asyncio.to_thread(shutil.rmtree, store.parent)
            before = ()
        recorder = await home.record(server.url, store=store)
        await until_grown(store, len(before) + roll.randint(1, 6_000))
        recorder.signal(signal.SIGKILL)
        await recorder.ended()
        events = is_whole(store)
        assert events[: len(before)] == before
        before = events
    for received in numbers(before).values():
        assert received == list(range(1, len(received) + 1))


@pytest.mark.timeout(180)
async def test_a_power_cut_leaves_a_whole_store_that_the_next_recorder_takes(
    home: Home, peers: Peers, tmp_path: Path
) -> None:
    """What a disk has of a store at a moment: the file, and the write-ahead log as far as it was written."""
    server = await peers.start(script(FLOOD))
    recorder = await home.record(server.url)
    await until_grown(recorder.store, 2_000)
    recorder.signal(signal.SIGSTOP)
    newest = newest_id(recorder.store)
    copies = tmp_path / "disk"
    copies.mkdir()
    for name in ("store.db", "store.db-wal"):
        await asyncio.to_thread(shutil.copyfile, recorder.store.with_name(name), copies / name)
    recorder.signal(signal.SIGKILL)
    await recorder.ended()
    log_bytes = (copies / "store.db-wal").stat().st_size
    roll = random.Random(times(1))
    # Cut anywhere: SQLite ends the log at its last whole transaction
    cuts = [log_bytes, *(roll.randint(0, log_bytes) for _ in range(times(8)))]
    found = [await asyncio.to_thread(after_power_cut, copies, tmp_path / "cut", cut) for cut in cuts]
    # Or the transaction that it was stopped in: written, and not announced to readers yet
    assert found[0] >= newest
    assert all(last_id <= found[0] for last_id in found)
    again = await home.record(server.url, store=tmp_path / "cut" / "store.db")
    await until_grown(again.store, found[-1] + 100)
    again.signal(signal.SIGTERM)
    assert await again.ended() == 0
    is_whole(again.store)


def after_power_cut(disk: Path, folder: Path, log_bytes: int) -> int:
    """The newest id of a store whose log ends after so many bytes; it opens, is whole, and has every id before."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(disk, folder)
    with (folder / "store.db-wal").open("r+b") as log:
        log.truncate(log_bytes)
    database = open_for_writing(folder / "store.db")
    last_id = database.last_id
    database.close()
    assert [event.id for event in is_whole(folder / "store.db")] == list(range(1, last_id + 1))
    return last_id
