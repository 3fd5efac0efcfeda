"""Targets of exports: files that are complete or do not exist, streams, devices and pipes."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj, rmtree
from typing import BinaryIO

from wsmon.errors import StoreError, WsmonError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_KEPT_NOTHING = "nothing of it was kept: free up space, or choose another location"
# Of the files that SQLite leaves beside a database that was not closed
_SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")


@contextmanager
def whole_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a file to write, which becomes the target when the block ends well; otherwise nothing of it is kept.

    Raises ``FileExistsError`` where the target exists, unless ``overwrite``; ``WsmonError`` where the disk is full. A
    device or a pipe is written directly.
    """
    if _is_special(target):
        with target.open("wb") as stream:
            yield stream
        return
    with whole_path(target, overwrite=overwrite) as part, part.open("wb") as stream:
        yield stream


@contextmanager
def whole_database(target: Path | BinaryIO, *, overwrite: bool) -> Iterator[Path]:
    """Yield the path of an empty file, which becomes the target when the block ends well; see ``whole_file``.

    A stream, a device or a pipe gets the bytes of a temporary file when it is complete.
    """
    if isinstance(target, Path) and not _is_special(target):
        with whole_path(target, overwrite=overwrite) as part:
            yield part
        return
    with tempfile.TemporaryDirectory(prefix="wsmon-export-") as folder:
        part = Path(folder) / "export"
        yield part
        with part.open("rb") as complete:
            if isinstance(target, Path):
                with target.open("wb") as stream:
                    copyfileobj(complete, stream)
            else:
                copyfileobj(complete, target)


@contextmanager
def whole_path(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty file beside the target, to be written and closed in the block; see ``whole_file``."""
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(target))
    if target.exists() and not overwrite:
        raise _there_already(target)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _fault_of(target, error) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _sync(part, os.O_RDONLY)
        _place(part, target, overwrite=overwrite)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise WsmonError(f"no space left for {target}", _KEPT_NOTHING) from error
        if str(error.filename).startswith(name):
            raise _fault_of(target, error) from error
        raise
    except StoreError as error:
        # Its sentence has the name of the part
        raise StoreError(error.what.replace(str(part), str(target)), _KEPT_NOTHING) from error
    finally:
        for left in (part, *(part.with_name(part.name + suffix) for suffix in _SQLITE_SUFFIXES)):
            left.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside the target, which becomes the target when the block ends well.

    Raises ``FileExistsError`` where the target is a file, or a folder that is not empty: it is never replaced.
    """
    target = Path(os.path.realpath(target))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise _there_already(target)
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise _fault_of(target, error) from error
    try:
        yield part
        for path in part.rglob("*"):
            _sync(path, os.O_RDONLY)
        # It takes the place of an empty folder
        part.rename(target)
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise WsmonError(f"no space left for {target}", _KEPT_NOTHING) from error
        if error.errno == errno.ENOTEMPTY:
            raise _there_already(target) from error
        raise
    finally:
        rmtree(part, ignore_errors=True)


def _is_special(target: Path) -> bool:
    """Whether the target is a device or a pipe, which is written directly."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _place(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give the file its name, durably; without ``overwrite``, a file that was created meanwhile is kept."""
    if overwrite:
        part.replace(target)
    else:
        try:
            target.hardlink_to(part)
        except FileExistsError as error:
            raise _there_already(target) from error
        except OSError:
            # A file system without hard links
            if target.exists():
                raise _there_already(target) from None
            part.replace(target)
    _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault_of(target: Path, error: OSError) -> OSError | WsmonError:
    """The fault of a part as that of its target, whose name the user knows."""
    if error.errno in _DISK_FULL:
        return WsmonError(f"no space left for {target}", _KEPT_NOTHING)
    return OSError(error.errno, error.strerror, str(target))


def _there_already(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "is there already", str(target))
