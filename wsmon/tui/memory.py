"""The file that remembers how the screen was left: written whole, beside itself, and put in place at once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from wsmon.errors import WsmonError
from wsmon.tui.session_state import LIMIT_BYTES, NOTHING_REMEMBERED, Remembered, decoded, encoded

FILE_MODE, FOLDER_MODE = 0o600, 0o700
# a search may name what nobody else should see


class Memory:
    """One file; a screen that has none remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> tuple[Remembered, str]:
        """What was remembered, and a sentence where it cannot be used: the screen then begins as at first."""
        if self._path is None:
            return NOTHING_REMEMBERED, ""
        try:
            with self._path.open("rb") as file:
                octets = file.read(LIMIT_BYTES + 1)
            if len(octets) > LIMIT_BYTES:
                raise WsmonError(f"is longer than {LIMIT_BYTES // 1024} KiB")
            return decoded(octets), ""
        except FileNotFoundError:
            return NOTHING_REMEMBERED, ""
        except OSError as error:
            trouble = f"cannot be read: {error.strerror}"
        except WsmonError as error:
            trouble = str(error)
        return NOTHING_REMEMBERED, f"how the screen was left is forgotten: {self._path} {trouble}"

    def write(self, remembered: Remembered) -> None:
        """Keep it; may wait for the disk. Raises ``WsmonError`` where that cannot be."""
        if self._path is None:
            return
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                with os.fdopen(opened, "wb") as file:
                    file.write(encoded(remembered))
                beside.replace(self._path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise WsmonError(f"how the screen is left cannot be kept in {self._path}: {error.strerror}") from error
