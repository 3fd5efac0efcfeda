"""Disks that are full, fail or become read-only while a recorder writes: stored + shed = sent, and it goes on."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.faults import (
    BIG,
    STEADY,
    Viewer,
    accounted,
    configuration,
    is_whole,
    newest_id,
    numbers,
    until_accounted,
    until_grown,
)
from tests.support.faulty_libc import FaultyLibc
from tests.support.not_run import needs_root, needs_success
from tests.support.peers import Peers, script
from tests.support.processes import Home
from tests.support.thoroughness import times

SMALL_DISK_KIB = 16 * 1024
# Of 256 KiB, stored in 40 to 60: at most 400 fit on the disk, and 128 into memory
MESSAGES = 800


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that is full soon."""
    needs_root("a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    needs_success("a small file system", "mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_KIB}k", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def remount(disk: Path, options: str) -> None:
    """Change the options of a file system in use."""
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


@pytest.mark.timeout(600)
async def test_a_file_system_that_is_full_and_freed_loses_only_what_it_says(
    home: Home, peers: Peers, small_disk: Path
) -> None:
    """As others fill it: the space goes at once, and comes back at once."""
    server = await peers.start(script(BIG + f"count = {MESSAGES}"))
    config = home.write(configuration({"feed": server}, 'ping = { interval = "100ms", timeout = "30s" }'))
    recorder = await home.record(config, store=small_disk / "store.db")
    viewer = Viewer(home, recorder)
    # The recording fills the disk, and then its memory, by itself
    await viewer.until(lambda health: health.events_shed > 20)
    remount(small_disk, f"size={SMALL_DISK_KIB * 32}k")
    await viewer.until(lambda health: not health.warning)
    await until_accounted(recorder, MESSAGES)
    await viewer.leave()
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert accounted(is_whole(recorder.store)) == {"feed": MESSAGES}
    assert server.sessions == 1


def _writes(libc: FaultyLibc, number: int) -> None:
    libc.fail_writes(number)


def _syncs(libc: FaultyLibc, number: int) -> None:
    libc.fail_syncs(number)


def _reads(libc: FaultyLibc, number: int) -> None:
    libc.fail_reads(number)


@pytest.mark.parametrize(
    ("fail", "number"),
    [
        pytest.param(_writes, errno.EIO, id="writes-EIO"),
        pytest.param(_writes, errno.ENOSPC, id="writes-ENOSPC"),
        pytest.param(_writes, errno.EROFS, id="writes-EROFS"),
        pytest.param(_syncs, errno.EIO, id="syncs-EIO"),
    ],
)
@pytest.mark.timeout(300 + 60 * times(1))
async def test_a_disk_that_fails_for_a_while_costs_only_what_is_said(
    home: Home,
    peers: Peers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fail: Callable[[FaultyLibc, int], None],
    number: int,
) -> None:
    libc = FaultyLibc(tmp_path)
    libc.use(monkeypatch)
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    viewer = Viewer(home, recorder)
    for _ in range(times(1)):
        await until_grown(recorder.store, newest_id(recorder.store) + 50)
        fail(libc, number)
        health = await viewer.until(lambda health: bool(health.warning))
        assert str(recorder.store) in health.warning
        fail(libc, 0)
        await viewer.until(lambda health: not health.warning)
    await until_grown(recorder.store, newest_id(recorder.store) + 100)
    await viewer.leave()
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = is_whole(recorder.store)
    # A failure of moments fits into memory: nothing had to be shed
    (received,) = numbers(events).values()
    assert received == list(range(1, len(received) + 1))
    assert server.sessions == 1


async def test_reads_that_fail_do_not_end_the_recording(
    home: Home, peers: Peers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = FaultyLibc(tmp_path)
    libc.use(monkeypatch)
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    await until_grown(recorder.store, 200)
    count = server.sent.messages
    _reads(libc, errno.EIO)
    await server.until(lambda: server.sent.messages > count + 200, 30)
    _reads(libc, 0)
    await until_grown(recorder.store, count + 300)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    (received,) = numbers(is_whole(recorder.store)).values()
    assert received == list(range(1, len(received) + 1))


async def test_a_store_in_a_folder_that_cannot_be_written_is_refused(home: Home, small_disk: Path) -> None:
    """Read-only also for root, whom permissions do not stop."""
    remount(small_disk, "ro")
    code, _, said = await home.run("record", "ws://127.0.0.1:9/", "--store", small_disk / "store.db", "--for", "1s")
    assert (code, os.strerror(errno.EROFS) in said) == (1, True)
    assert "--store" in said
