"""One recorder a store."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.users import STRANGER, give_away, needs_root
from wsmon.control.lock import NAMELESS, NO_LOCKS, LockInfo, StoreLock, holder, lock_owner, read_lock
from wsmon.errors import StoreError, StoreHeldError
from wsmon.store.database import open_for_writing


def info(store: Path, pid: int = 4711) -> LockInfo:
    return LockInfo(pid, "0.1", 1, 1, "/etc/orders.toml", str(store), "/run/x.sock", 1_700_000_000_000_000_000, "boot")


def test_a_held_store_names_its_holder(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with StoreLock(store, info(store)):
        assert holder(store) == info(store)
        with pytest.raises(StoreHeldError) as refused:
            StoreLock(store, info(store, pid=99))
    assert refused.value.pid == 4711
    assert "pid 4711, /etc/orders.toml" in str(refused.value)


def test_a_refused_lock_leaves_the_word_of_the_holder(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with StoreLock(store, info(store)):
        with pytest.raises(StoreHeldError):
            StoreLock(store, info(store, pid=99))
        assert read_lock(store) == info(store)


def test_nobody_holds_a_store_that_was_released(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    StoreLock(store, info(store)).release()
    assert holder(store) is None
    assert read_lock(store) == info(store)


def test_nobody_holds_a_store_that_never_was(tmp_path: Path) -> None:
    assert holder(tmp_path / "store.db") is None


def test_the_kernel_frees_the_lock_of_a_killed_recorder(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    script = (
        "import os, sys; from pathlib import Path; from wsmon.control.lock import *;"
        "store = Path(sys.argv[1]);"
        "lock = StoreLock(store, LockInfo(os.getpid(), '', 1, 1, '', str(store), '', 0, ''));"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        held = holder(store)
        assert held is not None
        assert held.pid == process.pid
        process.kill()
        process.wait()
        assert holder(store) is None


def test_a_lock_without_a_word_is_still_a_lock(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with StoreLock(store, info(store)) as lock:
        lock.path.write_bytes(b"")
        assert holder(store) == NAMELESS


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(tmp_path: Path) -> None:
    store = tmp_path / "missing" / "store.db"
    with pytest.raises(StoreError, match="--store"):
        StoreLock(store, info(store))


def test_a_lock_that_is_a_link_is_neither_taken_nor_read(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    other = tmp_path / "other.lock"
    other.touch(0o600)
    (tmp_path / "recorder.lock").symlink_to(other)
    with pytest.raises(StoreError, match="cannot lock the store"):
        StoreLock(store, info(store))
    with pytest.raises(StoreError, match="cannot read the lock"):
        holder(store)
    assert (read_lock(store), other.read_bytes()) == (None, b"")


def test_d11_a_lock_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with StoreLock(store, info(store)) as lock:
        lock.path.chmod(0o666)
        with pytest.raises(StoreError, match=r"ignoring the lock file of .*: .* is writable by other users"):
            holder(store)
        assert read_lock(store) is None


@needs_root
def test_d11_a_lock_of_another_user_is_not_believed_unless_the_store_is_theirs(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    store.touch()
    with StoreLock(store, info(store)) as lock:
        give_away(lock.path)
        with pytest.raises(StoreError, match="belongs to another user"):
            holder(store)
        give_away(store)
        assert (holder(store), lock_owner(store)) == (info(store), STRANGER)


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b"[" * 60_000, b'{"pid":' + b"9" * 5_000 + b"}", b'{"pid":1}', b"null"]
)
def test_a_lock_with_garbage_names_no_recorder(tmp_path: Path, content: bytes) -> None:
    store = tmp_path / "store.db"
    with StoreLock(store, info(store)) as lock:
        lock.path.write_bytes(content)
        assert (holder(store), read_lock(store)) == (NAMELESS, None)


def test_s2_the_file_is_locked_under_every_name_it_has(tmp_path: Path) -> None:
    store, other = tmp_path / "store.db", tmp_path / "other.db"
    with StoreLock(store, info(store)):
        other.hardlink_to(store)
        with pytest.raises(StoreHeldError) as refused:
            StoreLock(other, info(other, pid=99), lambda: [info(tmp_path / "gone.db", pid=1), info(store)])
        assert refused.value.pid == 4711
        assert f"(pid 4711, /etc/orders.toml) is using the store {other} as {store}" in str(refused.value)
    with pytest.raises(StoreError, match=r"has 2 hard links"):
        StoreLock(store, info(store))
    other.unlink()
    StoreLock(store, info(store)).release()


def test_a_symbolic_link_in_the_place_of_the_store_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "store.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a symbolic link"):
        StoreLock(tmp_path / "store.db", info(tmp_path / "store.db"))
    assert holder(tmp_path / "store.db") is None


def test_a_lock_file_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "recorder.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="cannot lock the store"):
        StoreLock(tmp_path / "store.db", info(tmp_path / "store.db"))
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("number", sorted(NO_LOCKS))
def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(_fd: int, _operation: int, *_range: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)
    store = tmp_path / "store.db"
    sentence = re.escape(f"the file system of the store {store} does not support file locks ({os.strerror(number)})")
    with pytest.raises(StoreError, match=sentence):
        StoreLock(store, info(store))
    with pytest.raises(StoreError, match=sentence):
        open_for_writing(store)


def test_a_file_system_whose_locks_hold_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda _fd, _operation: None)
    with pytest.raises(StoreError, match=r"does not support file locks \(a lock can be acquired twice\)"):
        StoreLock(tmp_path / "store.db", info(tmp_path / "store.db"))


def test_the_lock_goes_over_to_a_new_file_at_the_same_path(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with StoreLock(store, info(store)) as lock:
        store.rename(tmp_path / "aside.db")
        lock.move_to_new_file(store)
        (tmp_path / "other.db").hardlink_to(store)
        with pytest.raises(StoreHeldError):
            StoreLock(tmp_path / "other.db", info(tmp_path / "other.db"), lambda: [info(store)])
