"""Parquet: events in typed columns, for DuckDB, ClickHouse, Spark and Athena; one file, or a folder of partitions.

Needs pyarrow, the extra ``wsmon[parquet]``. The columns are the keys of events in JSON; docs/parquet.md has them. A row
group ends with the hour, so that its statistics tell a reader which hours it may leave out. A folder has a file for
each day (UTC) and connection, named as Hive does (``day=2026-01-10/connection=orders/part-0.parquet``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from wsmon.export.selection import Selection
from wsmon.model.events import Event, Verdict
from wsmon.model.units import MS_NS, SECOND_NS, US_NS

HOUR_NS: Final = 3600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS
# Of a row group. DuckDB reads row groups in parallel, and its own writer's have 122,880 rows
GROUP_ROWS: Final = 50_000
# Of all rows that wait to be written: a payload has up to 64 KiB
BUDGET_BYTES: Final = 64 * 1024 * 1024
# Of a row without its texts
_ROW_BYTES: Final = 300
# The directory of events without a connection: Hive's name for NULL
NO_CONNECTION: Final = "__HIVE_DEFAULT_PARTITION__"
# Athena and Spark read zstd, and refuse nanoseconds: `ts` has microseconds, `ts_ns` is exact
_COMPRESSION: Final = "zstd"

SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("ts_ns", pa.int64(), nullable=False),
        pa.field("mono_ns", pa.int64(), nullable=False),
        pa.field("run", pa.int64()),
        pa.field("connection", pa.string()),
        pa.field("group", pa.string()),
        pa.field("connection_id", pa.string()),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        pa.field("parent_id", pa.string()),
        pa.field("name", pa.string(), nullable=False),
        pa.field("direction", pa.string()),
        pa.field("opcode", pa.string()),
        pa.field("from_status", pa.string()),
        pa.field("to_status", pa.string()),
        pa.field("type", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("ref", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("wire_size", pa.int64()),
        pa.field("duration_ms", pa.float64()),
        pa.field("status", pa.int64()),
        pa.field("outcome", pa.string()),
        pa.field("close_code", pa.int64()),
        pa.field("close_by", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("error_type", pa.string()),
        pa.field("error", pa.string()),
        pa.field(
            "verdict",
            pa.struct(
                [
                    pa.field("by", pa.string()),
                    pa.field("code", pa.string()),
                    pa.field("cause", pa.string()),
                    pa.field("next", pa.string()),
                    pa.field("evidence", pa.list_(pa.int64())),
                    pa.field("evidence_text", pa.string()),
                    pa.field("certainty", pa.string()),
                ]
            ),
        ),
        pa.field("payload", pa.string()),
        pa.field("payload_bytes", pa.binary()),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("redacted", pa.bool_(), nullable=False),
        # JSON: its keys depend on the event and the protocol
        pa.field("meta", pa.string()),
    ]
)
# In a folder, the directory has the connection
PARTITION_SCHEMA: Final = pa.schema([field for field in SCHEMA if field.name != "connection"])


def parquet(selection: Selection) -> Iterator[bytes]:
    """Write one file, a piece for each row group; an empty piece is for progress."""
    pieces = _Pieces()
    rows = _RowGroups(SCHEMA, pieces)
    for page in selection.pages():
        for event in page:
            rows.add(event)
        yield pieces.taken()
    rows.close()
    yield pieces.taken()


def parquet_folder(selection: Selection, folder: Path) -> Iterator[int]:
    """Write a folder of partitions; yields the bytes written since the last time, 0 for progress alone."""
    partitions = _Partitions(folder)
    for page in selection.pages():
        for event in page:
            partitions.add(event)
        partitions.bound()
        yield partitions.taken()
    partitions.close()
    yield partitions.taken()


class _Pieces(io.RawIOBase):
    """A stream that keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """It is written only."""
        return True

    def write(self, data: Any) -> int:
        """Keep a piece: bytes or a buffer."""
        piece = bytes(data)
        self._written.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return the place in the file, which its footer needs."""
        return self._size

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._written = self._written, []
        return b"".join(pieces)


class _RowGroups:
    """The rows of one file, written in groups."""

    def __init__(self, schema: pa.Schema, target: Path | _Pieces) -> None:
        where = str(target) if isinstance(target, Path) else pa.PythonFile(target, mode="w")
        self._schema = schema
        self._writer = pq.ParquetWriter(where, schema, compression=_COMPRESSION)
        self._rows: list[dict[str, Any]] = []
        self._hour = 0
        # Of the rows that wait
        self.waiting_bytes = 0

    def add(self, event: Event) -> None:
        """Add an event; writes the group before it where that is full, or its hour is over."""
        hour = event.ts_ns // HOUR_NS
        if hour != self._hour or len(self._rows) >= GROUP_ROWS or self.waiting_bytes >= BUDGET_BYTES:
            self.flush()
        self._hour = hour
        self._rows.append(_row(event))
        self.waiting_bytes += _ROW_BYTES + len(event.payload or b"")

    def flush(self) -> None:
        """Write the rows that wait as a row group."""
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []
        self.waiting_bytes = 0

    def close(self) -> None:
        """Write what waits, and the footer."""
        self.flush()
        self._writer.close()


class _Partitions:
    """The files of one day, by connection. A day that comes again after the clock was set back gets further files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day = 0
        # By connection
        self._open: dict[str, _RowGroups] = {}
        self._paths: list[Path] = []
        # Of the files that are complete, and of all when it was told last
        self._complete_bytes = 0
        self._told_bytes = 0

    def add(self, event: Event) -> None:
        """Add an event to the file of its day and connection."""
        if event.ts_ns // DAY_NS != self._day:
            self.close()
            self._day = event.ts_ns // DAY_NS
        name = event.source.connection
        rows = self._open.get(name)
        if rows is None:
            rows = self._open[name] = _RowGroups(PARTITION_SCHEMA, self._new_path(name))
        rows.add(event)

    def bound(self) -> None:
        """Write rows until what waits fits the budget; called between pages."""
        while sum(one.waiting_bytes for one in self._open.values()) >= BUDGET_BYTES:
            max(self._open.values(), key=lambda one: one.waiting_bytes).flush()

    def close(self) -> None:
        """Complete the files of the day."""
        for rows in self._open.values():
            rows.close()
        self._complete_bytes += sum(path.stat().st_size for path in self._paths)
        self._open, self._paths = {}, []

    def taken(self) -> int:
        """Return how many bytes were written since the last time."""
        size_bytes = self._complete_bytes + sum(path.stat().st_size for path in self._paths)
        taken, self._told_bytes = size_bytes - self._told_bytes, size_bytes
        return taken

    def _new_path(self, connection: str) -> Path:
        day = datetime.fromtimestamp(self._day * DAY_NS // SECOND_NS, UTC).date().isoformat()
        name = connection or NO_CONNECTION
        folder = self._folder / f"day={day}" / f"connection={name}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{sum(1 for _ in folder.iterdir())}.parquet"
        self._paths.append(path)
        return path


def _row(event: Event) -> dict[str, Any]:
    """An event as a row of ``SCHEMA``."""
    source = event.source
    text, data = _payload(event.payload)
    return {
        "id": event.id,
        "ts": event.ts_ns // US_NS,
        "ts_ns": event.ts_ns,
        "mono_ns": event.mono_ns,
        "run": source.run or None,
        "connection": source.connection or None,
        "group": source.group or None,
        "connection_id": source.connection_id or None,
        "trace_id": source.trace_id or None,
        "span_id": event.span_id or None,
        "parent_id": event.parent_id or None,
        "name": event.name,
        "direction": event.direction or None,
        "opcode": event.opcode or None,
        "from_status": event.from_status,
        "to_status": event.to_status,
        "type": event.type or None,
        "topic": event.topic or None,
        "ref": event.ref or None,
        "size": event.size,
        "wire_size": event.wire_size,
        "duration_ms": None if event.duration_ns is None else event.duration_ns / MS_NS,
        "status": event.http_status,
        "outcome": event.outcome or None,
        "close_code": event.close_code,
        "close_by": event.close_by or None,
        "reason": event.reason or None,
        "error_type": event.error_type or None,
        "error": event.error or None,
        "verdict": None if event.verdict is None else _verdict(event.verdict),
        "payload": text,
        "payload_bytes": data,
        "truncated": event.truncated,
        "redacted": event.redacted,
        "meta": None if event.meta is None else msgspec.json.encode(event.meta, enc_hook=str).decode(),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {**msgspec.structs.asdict(verdict), "evidence": list(verdict.evidence)}


def _payload(payload: bytes | None) -> tuple[str | None, bytes | None]:
    """A payload as text if it is valid UTF-8, else as bytes."""
    if payload is None:
        return None, None
    try:
        return payload.decode(), None
    except UnicodeDecodeError:
        return None, payload
