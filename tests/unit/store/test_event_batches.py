"""Event batches: what is made of committed events in memory is what is read of their rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tests.support.builders import loss, message, source
from tests.support.recordings import Recording
from wsmon.model.block import Block, PlainColumns
from wsmon.query.ast import FieldName
from wsmon.query.batch_predicate import ColumnField
from wsmon.store import event_batches
from wsmon.store.event_batches import CommittedBatches, EventBatch, StoredBatches

FIELDS: tuple[FieldName, ...] = tuple(sorted(set(get_args(ColumnField)) - {"id"}))
TEXTS = ('{"a":1}', "é\0", "")
COLUMNS = PlainColumns(("a", "b", ""), ("room", "", ""), ("", "7", ""))
META = {"seq": 2**64, "latency_ms": 1.5, "missing": 3, "url": "wss://a", "other": ["\ud800"]}
MADE = (
    Block(source("a"), 5, 6, (7, 3, 0), (9, 5, 2), TEXTS, COLUMNS, 1_000),
    Block(source("b"), 7, 8, (7, 3, 0), (9, 5, 2), TEXTS),
    Block(source("b"), 7, 8, (7, 3, 0), (9, 5, 2), ()),
    loss(1, connection="a", reason="rate limit"),
    message(b"\xff", connection="a", direction="out"),
    msgspec.structs.replace(message("", connection="a"), payload=None, type="\ud800", topic="t\ud800", ref="1"),
    msgspec.structs.replace(message("x", connection="a"), redacted=True, duration_ns=4, meta=META),
    msgspec.structs.replace(message("x", connection="a"), meta={"missing": "3", "url": 5}),
    msgspec.structs.replace(message("x", connection="a"), error_type="decode", error="no JSON"),
)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_columns_of_what_was_committed_are_those_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(event_batches, "BATCH_EVENTS", size)
    monkeypatch.setattr(event_batches, "FETCHED_AT_ONCE", 1)
    with Recording(tmp_path / "store.db", "a", "b") as recording:
        for each in MADE:
            recording.write([each])
        reader = sqlite3.connect(recording.path)
        stored = StoredBatches(reader, FIELDS)
        made = CommittedBatches(FIELDS)
        for committed in recording.committed:
            (batch,) = [each for each in made.make([committed]) if each.ids or each.others]
            ids = sorted((*batch.ids, *batch.others))
            found = list(stored.read(ids[0], ids[-1]))
            assert [row for each in found for row in rows(each)] == rows(batch)
        assert sum(len(batch.ids) for batch in made.make(recording.committed)) == 13
        assert [each for batch in made.make(recording.committed) for each in batch.others] == [10, 15]
        assert len(list(made.make(recording.committed))) == {1: 12, 3: 6, 100: 1}[size]
        reader.close()


def rows(batch: EventBatch) -> list[object]:
    """What a batch has of each event; empty texts are not told from none, which no query does."""
    found: list[object] = list(batch.others)
    for place, (event_id, payload, kind) in enumerate(zip(batch.ids, batch.payloads, batch.kinds, strict=True)):
        fields = {name: values[place] or None for name, values in batch.fields.items()}
        found.append((event_id, payload, tuple(part or None for part in kind), fields))
    return found
