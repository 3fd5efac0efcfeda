"""Where a row of the event table has what a field of a query is about, and what its codes stand for."""

from __future__ import annotations

from collections.abc import Mapping

from wsmon.model.events import PROBLEM_NAMES
from wsmon.query.ast import FieldName
from wsmon.query.fields import FLAGS, UNANSWERED
from wsmon.store.codec import (
    CLOSE_BY_CODES,
    DIRECTION_FLAGS,
    FLAG_ILLEGAL,
    FLAG_IN,
    FLAG_OUT,
    FLAG_REDACTED,
    FLAG_TRUNCATED,
    NAME_CODES,
    OPCODE_CODES,
    STATUS_CODES,
)

RECORDER_ID = 0
# stands for the connection of the recorder's own events, which have none

_SOURCE = "(SELECT {column} FROM source WHERE source.id = event.source)"
CONNECTION = f"coalesce({_SOURCE.format(column='connection')}, {RECORDER_ID})"
_META_NUMBER = """
CASE WHEN json_type(meta, '$.{key}') IN ('integer', 'real') THEN json_extract(meta, '$.{key}') END
""".strip()
_META_URL = "CASE json_type(meta, '$.url') WHEN 'text' THEN json_extract(meta, '$.url') END"

TEXTS: Mapping[FieldName, str] = {
    "session": f"nullif({_SOURCE.format(column='connection_id')}, '')",
    "trace": f"nullif({_SOURCE.format(column='trace_id')}, '')",
    "span": "span_id",
    "parent": "parent_id",
    "reason": "reason",
    "type": "type",
    "topic": "topic",
    "ref": "ref",
    "text": "payload",
    "error_type": "error_type",
    "error": "error",
    "meta": "meta",
    "url": _META_URL,
}
NUMBERS: Mapping[FieldName, str] = {
    "run": _SOURCE.format(column="run"),
    "id": "id",
    "ts": "ts_ns",
    "code": "close_code",
    "size": "size",
    "wire": "wire_size",
    "duration": "duration_ns",
    "latency": _META_NUMBER.format(key="latency_ms"),
    "seq": _META_NUMBER.format(key="seq"),
    "gap": _META_NUMBER.format(key="missing"),
}
_STATUSES = (("", 0), *STATUS_CODES.items())
CHOICES: Mapping[FieldName, tuple[str, tuple[tuple[str, int | None], ...]]] = {
    "direction": (f"flags & {FLAG_IN | FLAG_OUT}", tuple(DIRECTION_FLAGS.items())),
    "opcode": ("coalesce(opcode, 0)", tuple(OPCODE_CODES.items())),
    "from": ("coalesce(from_status, 0)", _STATUSES),
    "to": ("coalesce(to_status, 0)", _STATUSES),
    "by": ("coalesce(close_by, 0)", tuple(CLOSE_BY_CODES.items())),
}
# the column, and what its codes stand for
_PROBLEM_CODES = ", ".join(str(NAME_CODES[name]) for name in sorted(PROBLEM_NAMES))
FACTS: Mapping[str, str] = {
    "redacted": f"flags & {FLAG_REDACTED} <> 0",
    "truncated": f"flags & {FLAG_TRUNCATED} <> 0",
    "illegal": f"flags & {FLAG_ILLEGAL} <> 0",
    "problem": f"(error_type IS NOT NULL OR name IN ({_PROBLEM_CODES}))",
    "unanswered": f"coalesce(error_type IN ({', '.join(repr(word) for word in UNANSWERED)}), 0)",
}
assert FACTS.keys() == FLAGS.keys()
