"""What another user could have made or changed is not believed; what is written is the user's alone."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.users import STRANGER, give_away, needs_root, stranger
from wsmon.control.ownership import (
    READ_LIMIT_BYTES,
    ForeignFileError,
    check_socket,
    fault_of,
    is_private_folder,
    make_private_folder,
    peer_uid,
    read_own,
    write_own,
)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_d11_a_file_is_the_users_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "recorder.otlp"
    path.write_bytes(b"old")
    path.chmod(0o666)
    with umask(mask):
        write_own(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_d11_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "entry.json"
    victim.write_bytes(b"precious")
    (tmp_path / f"entry.json.{os.getpid()}").symlink_to(victim)
    write_own(path, b"new")
    assert (victim.read_bytes(), path.read_bytes()) == (b"precious", b"new")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(OSError, match="irectory"):
        write_own(tmp_path / "taken", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_d11_a_file_that_others_can_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "entry.json"
    path.write_bytes(b"{}")
    path.chmod(mode)
    with pytest.raises(ForeignFileError, match="is writable by other users"):
        read_own(path)


@needs_root
def test_d11_a_file_of_another_user_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    path.write_bytes(b"{}")
    path.chmod(0o644)
    assert read_own(path) == b"{}"
    give_away(path)
    with pytest.raises(ForeignFileError, match=f"belongs to another user \\(uid {STRANGER}\\)"):
        read_own(path)


def test_d11_neither_a_link_nor_a_pipe_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="symbolic links"):
        read_own(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ForeignFileError, match="is not a regular file"):
        read_own(tmp_path / "pipe")


def test_a_huge_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(bytes(10 * READ_LIMIT_BYTES))
    (tmp_path / "huge").chmod(0o600)
    assert len(read_own(tmp_path / "huge")) == READ_LIMIT_BYTES


def test_files_of_root_are_believed_by_every_user() -> None:
    of_root = os.stat_result((0o100644, 1, 1, 1, 0, 0, 0, 0, 0, 0))
    of_user = os.stat_result((0o100644, 1, 1, 1, 1000, 1000, 0, 0, 0, 0))
    assert (fault_of(of_root, 1000), fault_of(of_user, 1000)) == ("", "")
    assert fault_of(of_user, 1001) == "belongs to another user (uid 1000)"
    assert fault_of(of_user, 1001, 1000) == ""
    # Root, too, believes no file of another user
    assert fault_of(of_user, 0) == "belongs to another user (uid 1000)"


def test_a_private_folder_is_no_link_and_open_to_none(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(folder)
    assert is_private_folder(folder, os.geteuid())
    assert not is_private_folder(folder, os.geteuid() + 1)
    assert not is_private_folder(tmp_path / "link", os.geteuid())
    assert not is_private_folder(tmp_path / "none", os.geteuid())
    folder.chmod(0o710)
    assert not is_private_folder(folder, os.geteuid())


def test_d11_a_socket_that_others_could_replace_is_not_dialled(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o600)
        check_socket(path)
        path.chmod(0o666)
        with pytest.raises(ForeignFileError, match="is writable by other users"):
            check_socket(path)
    (tmp_path / "file.sock").touch(0o600)
    with pytest.raises(ForeignFileError, match="is not a socket"):
        check_socket(tmp_path / "file.sock")


@needs_root
def test_d11_the_other_end_of_a_socket_tells_its_user(public_folder: Path) -> None:
    path = public_folder / "r.sock"
    script = (
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('ready', flush=True); time.sleep(60)"
    )
    with stranger(script, path), socket.socket(socket.AF_UNIX) as dialled:
        dialled.connect(str(path))
        assert peer_uid(dialled) == STRANGER


def test_d11_folders_above_a_new_one_are_the_users_alone_as_well(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    folder = tmp_path / "there" / "state" / "wsmon" / "store"
    with umask(0o022):
        make_private_folder(folder)
        make_private_folder(folder)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.parents[:3])]
    assert modes == [0o700, 0o700, 0o700, 0o755]
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_private_folder(tmp_path / "file" / "below")
