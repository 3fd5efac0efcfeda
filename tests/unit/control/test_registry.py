"""Recorders are found, dead ones are cleaned away, foreign folders refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.support.users import give_away, needs_root
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.registry import ensure_runtime_folder, known_stores, register, running, unregister
from wsmon.errors import WsmonError


def info(folder: Path, name: str, started_ns: int) -> LockInfo:
    store = folder / name / "store.db"
    store.parent.mkdir()
    return LockInfo(1, "0.1", 1, 1, f"/{name}.toml", str(store), str(folder / f"{name}.sock"), started_ns, "boot")


def test_running_recorders_come_oldest_first_and_dead_entries_go(tmp_path: Path) -> None:
    young, old, dead = info(tmp_path, "young", 30), info(tmp_path, "old", 10), info(tmp_path, "dead", 20)
    for one in (young, old, dead):
        register(one)
    Path(dead.socket).touch()
    with StoreLock(Path(young.store), young), StoreLock(Path(old.store), old):
        assert running(tmp_path) == (old, young)
    assert not Path(dead.socket).exists()
    assert not Path(dead.socket).with_suffix(".json").exists()


def test_an_entry_that_is_garbage_goes(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    assert running(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_unregistering_removes_entry_and_socket(tmp_path: Path) -> None:
    one = info(tmp_path, "one", 1)
    register(one)
    Path(one.socket).touch()
    assert known_stores(tmp_path) == (Path(one.store),)
    unregister(one)
    assert known_stores(tmp_path) == ()
    assert not Path(one.socket).exists()


def test_no_folder_means_no_recorders(tmp_path: Path) -> None:
    assert running(tmp_path / "none") == ()
    assert known_stores(tmp_path / "none") == ()


def test_the_runtime_folder_is_ours_alone(tmp_path: Path) -> None:
    folder = ensure_runtime_folder(tmp_path / "a" / "b")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(WsmonError, match="is not private"):
        ensure_runtime_folder(folder)


def test_a_link_is_no_runtime_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(WsmonError, match="is not private"):
        ensure_runtime_folder(tmp_path / "link")


def test_d11_an_entry_is_the_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        register(one := info(tmp_path, "one", 1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(one.socket).with_suffix(".json").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o1777])
def test_d11_nothing_is_read_from_a_folder_that_others_can_enter(tmp_path: Path, mode: int) -> None:
    register(info(tmp_path, "one", 1))
    tmp_path.chmod(mode)
    for read in (running, known_stores):
        with pytest.raises(WsmonError, match="is not private"):
            read(tmp_path)
    assert (tmp_path / "one.json").exists()
    tmp_path.chmod(0o700)


@needs_root
def test_d11_nothing_is_read_from_a_folder_of_another_user(tmp_path: Path) -> None:
    register(info(tmp_path, "one", 1))
    give_away(tmp_path)
    for read in (running, known_stores):
        with pytest.raises(WsmonError, match="is not private"):
            read(tmp_path)


def test_d11_an_entry_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    register(one := info(tmp_path, "one", 1))
    (tmp_path / "one.json").chmod(0o666)
    assert known_stores(tmp_path) == ()
    with StoreLock(Path(one.store), one):
        assert running(tmp_path) == ()


def test_an_entry_nested_without_end_goes(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[" * 60_000)
    (tmp_path / "y.json").write_text('{"pid":' + "9" * 5_000 + "}")
    assert running(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []
