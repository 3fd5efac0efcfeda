"""The history of what was sent by hand, kept from one run to the next: masked as the recording, for its user alone."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wsmon.tui.session_state import write_private

# Texts that are kept
LIMIT = 200
# Of the file: the oldest texts go first
LIMIT_BYTES = 256 * 1024

_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class SentHistory:
    """Texts that were sent by hand, newest first; without a path they last as long as the screen."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._texts: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them, those of other screens too; a file that cannot be read is an empty one."""
        if self._path is not None:
            try:
                with self._path.open("rb") as file:
                    self._texts = _decode(file.read(LIMIT_BYTES))[:LIMIT]
            except (OSError, ValueError, RecursionError):
                pass
        return self._texts

    def add(self, text: str) -> str:
        """Note a text as the newest; each is kept once. Return why it could not be written; empty where it was."""
        texts = (text, *(each for each in self.texts if each != text))[:LIMIT]
        while len(octets := msgspec.json.encode(texts)) > LIMIT_BYTES:
            texts = texts[:-1]
        self._texts = texts
        if self._path is None:
            return ""
        try:
            write_private(self._path, octets)
        except OSError as error:
            return f"can't keep the history in {self._path}: {error.strerror}"
        return ""


def history_path(screen_state: Path | None) -> Path | None:
    """Return the file of the history beside that of the screen's state."""
    return None if screen_state is None else screen_state.with_suffix(".sent.json")
