"""A store that other programs open, link, overwrite or truncate while it is recorded."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, POLL_S, Home, Recorder, stored
from wsmon.control.losses import read_note
from wsmon.errors import StoreError
from wsmon.model.events import Event

STEADY = """
[[step]]
do = "send"
text = '{"seq":$seq}'
rate = 200
"""
# A reader as any program is one: it opens, reads, closes, and would clean up after the last writer
READ = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM run').fetchone(); c.close()"


def numbers(events: tuple[Event, ...]) -> list[int]:
    """The numbers that the server gave the messages."""
    return [int((event.payload or b"")[7:-1]) for event in events if event.name == "message.received"]


def log_of(store: Path) -> Path:
    return store.with_name(f"{store.name}-wal")


async def test_s2_readers_that_come_and_go_take_no_lock_of_the_recorder(home: Home, peers: Peers) -> None:
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    await recorder.until_stored(50)
    log = log_of(recorder.store).stat().st_ino
    for _ in range(5):
        reader = await asyncio.create_subprocess_exec(sys.executable, "-c", READ, str(recorder.store))
        assert await reader.wait() == 0
        assert log_of(recorder.store).stat().st_ino == log
        # A lock of the recorder's own SQLite: bytes of the file that it holds as long as it has it open
        assert f":{recorder.store.stat().st_ino} " in _posix_locks(recorder.pid)
        await recorder.until_stored(len(stored(recorder.store)) + 20)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    received = numbers(stored(recorder.store))
    assert received == list(range(1, len(received) + 1))


def _posix_locks(pid: int) -> str:
    lines = Path("/proc/locks").read_text().splitlines()
    return "\n".join(line for line in lines if "POSIX" in line and f" {pid} " in line)


async def test_s2_a_recorder_on_a_hard_link_is_refused_and_the_first_one_named(home: Home, peers: Peers) -> None:
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    await recorder.until_stored(1)
    other = home.folder / "other.db"
    other.hardlink_to(recorder.store)
    code, _, said = await home.run("record", server.url, "--store", other)
    assert code == 1
    assert f"another recorder (pid {recorder.pid}, {server.url}" in said
    assert f"is using the store {other} as {recorder.store}" in said
    assert (await home.run("stop", recorder.store))[0] == 0
    code, _, said = await home.run("record", server.url, "--store", other)
    assert (code, f"the store {other} has 2 hard links" in said) == (1, True)


def overwrite(store: Path) -> None:
    """Copy another database over it, in place."""
    other = store.with_name("another.db")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    shutil.copyfile(other, store)


def truncate(store: Path) -> None:
    # Until the first checkpoint there is one page: to that size nothing would be taken
    os.truncate(store, 0)


def truncate_log(store: Path) -> None:
    os.truncate(log_of(store), 0)


def write_into(store: Path) -> None:
    """Change bytes, and nothing else."""
    with store.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)


# What is changed while the recorder itself writes is not told from what it writes: there is a pause for it
PAUSING = f"""
{STEADY}
count = 60

[[step]]
do = "wait"
for = "5s"
{STEADY}
"""


async def _until_at_rest(store: Path) -> None:
    """Return when the recorder has written nothing for a while."""
    while True:
        before = log_of(store).stat().st_mtime_ns
        await asyncio.sleep(10 * POLL_S)  # it tells nobody that it rests
        if log_of(store).stat().st_mtime_ns == before:
            return


@pytest.mark.parametrize("tamper", [overwrite, truncate, truncate_log, write_into])
async def test_s3_a_store_that_is_changed_is_set_aside_and_the_recording_goes_on(
    home: Home, peers: Peers, tamper: Callable[[Path], None]
) -> None:
    server = await peers.start(script(PAUSING))
    recorder = await home.record(server.url)
    await recorder.until_stored(60)
    await _until_at_rest(recorder.store)
    tamper(recorder.store)
    (told,) = await _until_told(recorder)
    await recorder.until_stored(100)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = stored(recorder.store)
    meta = dict(told.meta or {})
    assert [event.id for event in events] == list(range(events[0].id, events[0].id + len(events)))
    assert events[0].id == int(str(meta["last_id"])) + 1 > 60
    received = numbers(events)
    assert received == list(range(received[0], received[0] + len(received)))
    aside = Path(str(meta["tampered"]))
    assert aside in sorted(recorder.store.parent.glob("store.db.tampered-*"))
    assert meta["store"] == str(recorder.store)
    code, _, _ = await home.run("doctor", recorder.store)
    assert code == 0
    assert (await home.run("stats", "--store", recorder.store))[0] == 0


async def _until_told(recorder: Recorder) -> tuple[Event, ...]:
    while True:
        # What lies there is no store, until a new one is complete
        with suppress(StoreError):
            return await recorder.until_stored(1, "self.store.tampered")
        await asyncio.sleep(POLL_S)


async def test_s3_where_no_new_store_can_be_begun_the_recorder_ends_and_says_why(home: Home, peers: Peers) -> None:
    server = await peers.start(script(STEADY))
    # A file system takes this name, and none that is longer by what a store set aside is called
    store = home.folder / f"{'s' * 230}.db"
    async with asyncio.TaskGroup() as group:
        recording = group.create_task(home.run("record", server.url, "--store", store))
        async with asyncio.timeout(DEADLINE_S):
            while not _messages(store):
                await asyncio.sleep(POLL_S)
        truncate(store)
    code, _, said = recording.result()
    assert (code, "Traceback" in said) == (1, False)
    (last,) = [line for line in said.splitlines() if line.startswith("wsmon: recording ended: ")]
    assert "events lost: " in last
    assert "and no new one could be created: " in last
    assert "File name too long" in last
    note = read_note(store, None)
    assert note is not None
    assert note.count > 0


def _messages(store: Path) -> int:
    """How many are stored; 0 where there is no store yet."""
    with suppress(StoreError):
        return len(numbers(stored(store)))
    return 0
