"""Each key of exported events has one type, in JSON and CSV, whatever the event."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from wsmon.export.csv import COLUMNS, csv_table
from wsmon.export.jsonl import EventDocument, event_json
from wsmon.model.events import EVENT_NAMES, CloseBy, Direction, Event, Opcode, Source, Verdict
from wsmon.model.statuses import STATUSES

COUNTS = st.none() | st.integers(0, 2**62)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VERDICTS = st.builds(Verdict, st.sampled_from(get_args(CloseBy)), TEXTS, TEXTS, TEXTS)
EVENTS = st.builds(
    Event,
    source=st.builds(Source, TEXTS, TEXTS, TEXTS, TEXTS, st.integers(0, 2**31)),
    name=st.sampled_from(EVENT_NAMES),
    ts_ns=st.integers(0, 2**62),
    mono_ns=st.integers(0, 2**62),
    direction=st.sampled_from(get_args(Direction)),
    opcode=st.sampled_from(get_args(Opcode)),
    size=COUNTS,
    wire_size=COUNTS,
    payload=st.none() | st.binary(max_size=8),
    truncated=st.booleans(),
    redacted=st.booleans(),
    type=TEXTS,
    topic=TEXTS,
    ref=TEXTS | st.integers().map(str),
    duration_ns=COUNTS,
    status=st.none() | st.integers(100, 599) | st.sampled_from(["ok", "error", "orphan", "404"]),
    from_status=st.none() | st.sampled_from(STATUSES),
    to_status=st.none() | st.sampled_from(STATUSES),
    close_code=st.none() | st.integers(0, 65535),
    close_by=st.sampled_from(get_args(CloseBy)),
    reason=TEXTS,
    error_type=TEXTS,
    error=TEXTS,
    span_id=TEXTS,
    parent_id=TEXTS,
    verdict=st.none() | VERDICTS,
    meta=st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2),
    id=st.integers(1, 2**62),
)
_TEXT_KEYS = (
    "ts", "connection", "group", "connection_id", "trace_id", "span_id", "parent_id", "name", "direction", "opcode",
    "from_status", "to_status", "type", "topic", "ref", "outcome", "close_by", "reason", "error_type", "error",
    "payload", "payload_base64", "recording",
)  # fmt: skip
TYPES: dict[str, type] = {
    **dict.fromkeys(_TEXT_KEYS, str),
    **dict.fromkeys(("id", "ts_ns", "mono_ns", "run", "size", "wire_size", "status", "close_code"), int),
    "duration_ms": float,
    **dict.fromkeys(("truncated", "redacted"), bool),
    **dict.fromkeys(("verdict", "meta"), dict),
}


def test_every_key_has_a_type() -> None:
    assert sorted(TYPES) == sorted(EventDocument.__struct_fields__)


@given(EVENTS)
def test_each_key_has_one_type_in_json(event: Event) -> None:
    found: dict[str, Any] = json.loads(event_json(event))
    assert {key: type(value) for key, value in found.items()} == {key: TYPES[key] for key in found}


@given(EVENTS)
def test_a_column_of_numbers_has_numbers_alone_in_csv(event: Event) -> None:
    (row,) = csv.DictReader(io.StringIO(b"".join(csv_table([(event,)])).decode(), newline=""))
    for key in COLUMNS:
        if row[key] and TYPES[key] in (int, float):
            TYPES[key](row[key])
        if TYPES[key] is bool:
            assert row[key] in ("", "true")
