"""Where an export goes: a file that is there whole or not at all, or a stream."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from wsmon.errors import WsmonError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to write, which takes its place when the block ends well; nothing is left of it when it does not.

    Raises ``FileExistsError`` for a file that is there already, unless told to overwrite; ``WsmonError`` when the disk
    is full. A device or pipe is written as it is.
    """
    target = Path(os.path.realpath(target))
    if target.exists() and not target.is_file() and not target.is_dir():
        with target.open("wb") as stream:
            yield stream
        return
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(target))
    if target.exists() and not overwrite:
        raise _there_already(target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _place(part, target, overwrite=overwrite)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise WsmonError(
                f"no space left for {target}", "nothing of it was kept: free some space, or name another place"
            ) from error
        raise
    finally:
        with suppress(FileNotFoundError):  # it has taken its place
            part.unlink()


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
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _there_already(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "is there already", str(target))
