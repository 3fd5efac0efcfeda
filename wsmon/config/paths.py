"""The kinds of values that name files; paths are absolute when they come here."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from wsmon.config.fault import FaultError, shown
from wsmon.config.kinds import mismatch


def absolute(text: str, folder: Path) -> str:
    """The path that ``text`` means in a file that lies in ``folder``; empty stays empty. Raises ``FaultError``."""
    if not text:
        return ""
    if "\0" in text:
        raise FaultError("contains a NUL character")
    try:
        return str(folder / Path(text).expanduser())
    except RuntimeError:
        raise FaultError("names the home folder of a user that is not known") from None


@dataclass(frozen=True, slots=True)
class ExistingFile:
    """The path of a file that can be read; empty for none."""

    takes_secrets = False
    expected = "the path of a file"

    def read(self, value: object) -> Path | None:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if not value:
            return None
        path = Path(value)
        try:
            status = path.stat()
        except (OSError, ValueError):
            raise FaultError("does not exist") from None
        if not stat.S_ISREG(status.st_mode):
            raise FaultError("is no regular file")
        if not os.access(path, os.R_OK):
            raise FaultError("cannot be read", "check its permissions")
        return path


@dataclass(frozen=True, slots=True)
class NewFile:
    """The path of a file that wsmon makes where it is not there yet; empty for the default place."""

    takes_secrets = False
    expected = "the path of a file"

    def read(self, value: object) -> Path | None:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if not value:
            return None
        path = Path(value)
        try:
            if path.is_dir():
                raise FaultError("is a folder", "name a file in it, such as store.db")
            above = next((parent for parent in path.parents if parent.exists()), None)
        except (OSError, ValueError):
            raise FaultError("is no possible path") from None
        if above is not None and not above.is_dir():
            raise FaultError("lies below something that is no folder", f"{shown(str(above), 200)} is a file")
        return path
