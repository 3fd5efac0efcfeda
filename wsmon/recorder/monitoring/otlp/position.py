"""Up to where a collector has what a store holds: one small file beside the store, so that a restart goes on there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wsmon.control.lock import beside
from wsmon.recorder.monitoring.otlp.backlog import RowKind


class Position(msgspec.Struct, frozen=True):
    """The newest event, by kind of records, that was taken."""

    store_id: str
    spans: int | None = None
    logs: int | None = None
    # None: none was ever taken

    def of(self, kind: RowKind) -> int | None:
        """The one of a kind."""
        return self.spans if kind == "spans" else self.logs

    def moved(self, kind: RowKind, event_id: int) -> Position:
        """The position once records of that kind were taken."""
        return msgspec.structs.replace(self, **{"spans" if kind == "spans" else "logs": event_id})


def read_position(store: Path, store_id: str) -> Position:
    """Where a store is; an empty one where that is not known of this store."""
    try:
        position = msgspec.json.decode(_path(store).read_bytes(), type=Position)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return Position(store_id)
    return position if position.store_id == store_id else Position(store_id)


def write_position(store: Path, position: Position) -> None:
    """Write it down, whole or not at all; raises ``OSError``."""
    path = _path(store)
    written = path.with_name(f"{path.name}.new")
    written.write_bytes(msgspec.json.encode(position))
    written.replace(path)


def _path(store: Path) -> Path:
    return beside(store, "otlp")
