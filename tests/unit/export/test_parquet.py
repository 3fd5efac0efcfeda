"""Parquet: typed columns, row groups by the hour, one file or partitions, and the extra that it needs."""

from __future__ import annotations

import io
import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.support.builders import event, message
from tests.support.exports import full_event
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, recorded
from tests.support.session_events import story
from tests.support.stores import stored_events
from wsmon.errors import UsageError
from wsmon.export import parquet as parquet_module
from wsmon.export.jsonl import EventDocument, event_json
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.model.events import EVENT_NAMES
from wsmon.store.reader import Reader

HOUR_S = 3600


def exported(store: Path, target: Path | io.BytesIO, **fields: Any) -> ExportReport:
    reader = Reader(store, FixedClock(60))
    try:
        return run_export(ExportRequest("parquet", target, **fields), reader)
    finally:
        reader.close()


def test_rows_are_the_events_of_json(tmp_path: Path) -> None:
    events = [*story(), msgspec.structs.replace(full_event(), id=0)]
    events += [event(name, 20 + number, "nova") for number, name in enumerate(EVENT_NAMES)]
    events += [event("auth.completed", 200, "nova", status="ok")]
    store = recorded(tmp_path / "store.db", events, "nova", "b")
    report = exported(store, tmp_path / "x.parquet")
    assert report.size_bytes == (tmp_path / "x.parquet").stat().st_size
    found = pq.read_table(tmp_path / "x.parquet").to_pylist()
    expected = [json.loads(event_json(one)) for one in stored_events(store)]
    assert report.written == len(found) == len(expected)
    for row, document in zip(found, expected, strict=True):
        at = row.pop("ts").replace(tzinfo=UTC)
        assert at == datetime.fromisoformat(document.pop("ts"))
        row["payload_base64"] = row.pop("payload_bytes")
        if "payload_base64" in document:
            document["payload_base64"] = msgspec.convert(document["payload_base64"], bytes)
        row["meta"] = row["meta"] and json.loads(row["meta"])
        row["truncated"], row["redacted"] = row["truncated"] or None, row["redacted"] or None
        if row["verdict"]:
            row["verdict"] = {key: value for key, value in row["verdict"].items() if key in document["verdict"]}
        assert {key: value for key, value in row.items() if value is not None} == document


def test_columns_are_the_keys_of_json_with_types() -> None:
    names = [field.name for field in parquet_module.SCHEMA]
    # Of several recordings, the connection has the name of its own before it
    keys = [key for key in EventDocument.__struct_fields__ if key != "recording"]
    assert [name.replace("payload_bytes", "payload_base64") for name in names] == keys
    assert parquet_module.SCHEMA.field("ts").type == pa.timestamp("us", tz="UTC")
    assert parquet_module.SCHEMA.field("status").type == pa.int64()


def test_a_row_group_ends_with_the_hour_and_tells_its_times(tmp_path: Path) -> None:
    events = [message("x", at, "nova") for at in (1, 2, 2 * HOUR_S, 2 * HOUR_S + 1, 2 * HOUR_S + 2, 9 * HOUR_S)]
    store = recorded(tmp_path / "store.db", events, "nova", end_s=10 * HOUR_S)
    exported(store, tmp_path / "x.parquet")
    metadata = pq.ParquetFile(tmp_path / "x.parquet").metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [2, 3, 1]
    column = [field.name for field in parquet_module.SCHEMA].index("ts")
    times = [group.column(column).statistics for group in groups]
    assert all(before.max < after.min for before, after in itertools.pairwise(times))


def test_rows_are_written_when_they_are_many_or_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = recorded(tmp_path / "store.db", [message("x" * 500, at / 100, "nova") for at in range(10)], "nova")
    monkeypatch.setattr(parquet_module, "GROUP_ROWS", 4)
    exported(store, tmp_path / "rows.parquet")
    monkeypatch.setattr(parquet_module, "GROUP_ROWS", 100)
    monkeypatch.setattr(parquet_module, "BUDGET_BYTES", 1_500)
    exported(store, tmp_path / "bytes.parquet")
    exported(store, tmp_path / "parts", is_folder=True)
    groups = [pq.ParquetFile(tmp_path / f"{name}.parquet").num_row_groups for name in ("rows", "bytes")]
    assert groups == [3, 5]
    assert ds.dataset(tmp_path / "parts", partitioning="hive").count_rows() == 10


def test_a_folder_has_a_file_for_each_day_and_connection(tmp_path: Path) -> None:
    day_s = 24 * HOUR_S
    events = [
        event("self.run.started", connection=""),
        message("a", 1, "nova"),
        message("b", 2, "odd.-_name"),
        message("c", day_s, "nova"),
        # The clock was set back
        message("d", 3, "nova"),
    ]
    store = recorded(tmp_path / "store.db", events, "nova", "odd.-_name", end_s=2 * day_s)
    report = exported(store, tmp_path / "out", is_folder=True)
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.parquet"))
    assert files == [
        "day=2026-01-10/connection=__HIVE_DEFAULT_PARTITION__/part-0.parquet",
        "day=2026-01-10/connection=nova/part-0.parquet",
        "day=2026-01-10/connection=nova/part-1.parquet",
        "day=2026-01-10/connection=odd.-_name/part-0.parquet",
        "day=2026-01-11/connection=nova/part-0.parquet",
    ]
    assert (report.written, report.size_bytes) == (
        5,
        sum((tmp_path / "out" / name).stat().st_size for name in files),
    )
    rows = ds.dataset(tmp_path / "out", partitioning="hive").to_table().to_pylist()
    found = [(row["id"], row["connection"], str(row["day"]), row["payload"]) for row in rows]
    assert sorted(found) == [
        (1, None, "2026-01-10", None),
        (2, "nova", "2026-01-10", "a"),
        (3, "odd.-_name", "2026-01-10", "b"),
        (4, "nova", "2026-01-11", "c"),
        (5, "nova", "2026-01-10", "d"),
    ]


def test_a_folder_is_there_whole_or_not_at_all_and_is_never_replaced(view: Reader, tmp_path: Path) -> None:
    target = tmp_path / "out"
    request = ExportRequest("parquet", target, parse("conn:b"), is_folder=True, overwrite=True)
    with pytest.raises(InterruptedError):
        run_export(request, view, lambda _report: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
    target.mkdir()
    run_export(request, view)
    assert [path.name for path in target.iterdir()] == ["day=2026-01-10"]
    with pytest.raises(FileExistsError):
        run_export(request, view)
    with pytest.raises(UsageError, match="csv is one file"):
        run_export(ExportRequest("csv", tmp_path / "y", is_folder=True), view)


def test_a_stream_gets_a_whole_file(view: Reader) -> None:
    stream = io.BytesIO()
    run_export(ExportRequest("parquet", stream), view)
    assert pq.read_table(io.BytesIO(stream.getvalue())).num_rows == 15


def test_an_export_of_nothing_has_its_columns(view: Reader, tmp_path: Path) -> None:
    run_export(ExportRequest("parquet", tmp_path / "x.parquet", limit=0), view)
    found = pq.read_table(tmp_path / "x.parquet")
    assert (found.num_rows, found.schema) == (0, parquet_module.SCHEMA)


def test_without_pyarrow_it_names_the_extra(view: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "wsmon.export.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for request in (
        ExportRequest("parquet", tmp_path / "x.parquet"),
        ExportRequest("parquet", tmp_path / "x", is_folder=True),
    ):
        with pytest.raises(UsageError, match="pyarrow") as raised:
            run_export(request, view)
        assert "pip install 'wsmon[parquet]'" in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
