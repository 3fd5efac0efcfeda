"""Where an export goes: a file that is there whole or not at all, or a stream."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from wsmon.errors import StoreError, WsmonError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_KEPT_NOTHING = "nothing of it was kept: free some space, or name another place"
# Of the files beside a database that was not closed well
_SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")


@contextmanager
def whole_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to write, which takes its place when the block ends well; nothing is left of it when it does not.

    Raises ``FileExistsError`` for a file that is there already, unless told to overwrite; ``WsmonError`` when the disk
    is full. A device or pipe is written as it is.
    """
    if _is_special(target):
        with target.open("wb") as stream:
            yield stream
        return
    with whole_path(target, overwrite=overwrite) as part, part.open("wb") as stream:
        yield stream


@contextmanager
def whole_database(target: Path | BinaryIO, *, overwrite: bool) -> Iterator[Path]:
    """The same for what is written by its path: an empty file beside the target, which takes its place.

    A stream, device or pipe gets the bytes of a temporary file when it is complete.
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
    """An empty file beside the target, to be written and closed in the block; see ``whole_file`` for the rest."""
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(target))
    if target.exists() and not overwrite:
        raise _there_already(target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _sync(part, os.O_RDONLY)
        _place(part, target, overwrite=overwrite)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise WsmonError(f"no space left for {target}", _KEPT_NOTHING) from error
        raise
    except StoreError as error:  # it knows the part's name only
        raise StoreError(error.what.replace(str(part), str(target)), _KEPT_NOTHING) from error
    finally:
        for left in (part, *(part.with_name(part.name + suffix) for suffix in _SQLITE_SUFFIXES)):
            left.unlink(missing_ok=True)


def _is_special(target: Path) -> bool:
    """A device or a pipe: it is written as it is."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _place(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give the file its name, for good; a file that came meanwhile is not overwritten by mistake."""
    if overwrite:
        part.replace(target)
    else:
        try:
            target.hardlink_to(part)
        except FileExistsError as error:
            raise _there_already(target) from error
        except OSError:  # a file system without hard links
            if target.exists():
                raise _there_already(target) from None
            part.replace(target)
    _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    """See that what was written is on the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _there_already(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "is there already", str(target))
