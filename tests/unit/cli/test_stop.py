"""``wsmon stop``: recorders are ended cleanly, the right one, and one that hangs is named."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.support.processes import Home
from tests.support.users import STRANGER, give_away, needs_root
from wsmon.cli.stop import end_recorder
from wsmon.control.lock import NAMELESS, LockInfo, StoreLock, holder
from wsmon.errors import WsmonError

# Nothing listens there.
NOWHERE = "ws://127.0.0.1:1"


async def test_the_recorder_of_a_store_is_ended_and_its_store_free(home: Home) -> None:
    recorder = await home.record(NOWHERE)
    code, out, err = await home.run("stop", recorder.store)
    assert (code, out) == (0, "")
    assert err == f"stopped recorder of {recorder.store} (pid {recorder.pid})\n"
    assert (await recorder.ended(), holder(recorder.store)) == (0, None)


async def test_of_several_recorders_none_is_ended_unless_all_are_meant(home: Home) -> None:
    recorders = [await home.record(NOWHERE, store=home.folder / name) for name in ("one.db", "two.db")]
    code, _, err = await home.run("stop")
    assert (code, err.partition("\n")[0]) == (2, "wsmon: 2 recorders are running. specify one, or --all:")
    assert [line.split()[0] for line in err.splitlines()[1:]] == ["two", "one"]
    code, _, err = await home.run("stop", "--all")
    assert (code, err.count("stopped recorder of")) == (0, 2)
    assert [await recorder.ended() for recorder in recorders] == [0, 0]


async def test_where_none_runs_there_is_nothing_to_stop(home: Home) -> None:
    assert await home.run("stop", "--all") == (0, "", "no recorder is running\n")
    code, _, err = await home.run("stop")
    assert (code, "no recorder is running" in err) == (1, True)


async def test_a_recorder_that_hangs_is_named_with_the_way_to_end_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsmon.control.client.ANSWER_S", 0.2)
    monkeypatch.setattr("wsmon.cli.stop.STOP_S", 0.2)
    recorder = await home.record(NOWHERE)
    held = holder(recorder.store)
    assert held is not None
    recorder.signal(signal.SIGSTOP)
    with pytest.raises(WsmonError, match=f"force it with `kill -9 {recorder.pid}`"):
        await asyncio.to_thread(end_recorder, held)
    recorder.signal(signal.SIGCONT)
    assert await recorder.ended() == 0


def test_a_lock_without_a_name_makes_nobody_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process 0 is, to kill(2), everybody in the sender's group."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _number: killed.append(pid))
    with pytest.raises(WsmonError, match="has not reported its process id yet"):
        end_recorder(NAMELESS)
    assert killed == []


@needs_root
async def test_d11_a_lock_that_another_user_left_ends_no_process_of_mine(home: Home) -> None:
    """Whoever owns a folder may name any process in a lock: one of this user's recorders, too."""
    recorder = await home.record(NOWHERE)
    theirs = home.folder / "theirs"
    theirs.mkdir()
    store = theirs / "store.db"
    info = LockInfo(recorder.pid, "0.1", 1, 1, "x", str(store), str(theirs / "none.sock"), 1, "boot")
    store.touch()
    with StoreLock(store, info) as lock:
        for path in (store, lock.path, theirs):
            give_away(path)
        code, _, err = await home.run("stop", store)
    assert (code, f"named in the lock file: it belongs to uid 0, but the lock file to uid {STRANGER}" in err) == (
        1,
        True,
    ), err
    assert recorder.process.returncode is None


async def test_d11_a_lock_ends_no_process_that_is_no_recorder(home: Home) -> None:
    store = home.folder / "store.db"
    bystander = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    try:
        info = LockInfo(bystander.pid, "0.1", 1, 1, "x", str(store), str(home.folder / "none.sock"), 1, "boot")
        store.touch()
        with StoreLock(store, info):
            code, _, err = await home.run("stop", store)
        assert (
            code,
            f"process {bystander.pid} named in the lock file: it is not a recorder" in err,
        ) == (1, True), err
        assert bystander.returncode is None
    finally:
        bystander.kill()
        await bystander.wait()
