"""Values of OpenTelemetry's protocol in its JSON encoding: ids in hex, 64-bit integers as text, attributes as a list.

OTLP 1.x, "JSON Protobuf Encoding": https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

import wsmon
from wsmon.model.events import Json, Source
from wsmon.model.spans import is_span_id

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_INT64 = range(-(2**63), 2**63)

Fields = Mapping[str, Json]
# attributes by name; None = absent
NOTHING: Fields = MappingProxyType({})
RecordKind = Literal["spans", "logRecords", "metrics"]
_FRAMES: Mapping[RecordKind, tuple[str, str]] = MappingProxyType(
    {
        "spans": ("resourceSpans", "scopeSpans"),
        "logRecords": ("resourceLogs", "scopeLogs"),
        "metrics": ("resourceMetrics", "scopeMetrics"),
    }
)
# what stands around the records of a kind


def any_value(value: Json) -> Json:
    """A value with its type; ``None`` is the empty one."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() if value in _INT64:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [any_value(each) for each in value]}}
        case Mapping():
            return {"kvlistValue": {"values": attributes(value, keeps_none=True)}}
        case _:
            return {"stringValue": str(value)}


def attributes(fields: Fields, *, keeps_none: bool = False) -> list[Json]:
    """The attributes that have a value; an empty text is none."""
    return [
        {"key": key, "value": any_value(value)}
        for key, value in fields.items()
        if keeps_none or (value is not None and value != "")
    ]


def trace_id(source: Source) -> str:
    """32 hex digits: the trace's own, or made of a correlation id that is none, the same each time."""
    if _TRACE_ID.fullmatch(source.trace_id):
        return source.trace_id
    return _digest(16, source.trace_id or f"{source.run} {source.connection}")


def span_id(text: str) -> str:
    """16 hex digits, likewise; empty where there is none."""
    return text if not text or is_span_id(text) else _digest(8, text)


def document(kind: RecordKind, records: Iterator[bytes], resource: Fields = NOTHING) -> Iterator[bytes]:
    """One file of records, around pieces of records without their commas; ``resource`` says more of who tells."""
    outer, scope = _FRAMES[kind]
    service: Fields = {"service.name": "wsmon", "service.version": wsmon.__version__, **resource}
    told = msgspec.json.encode({"attributes": attributes(service)})
    about = msgspec.json.encode({"name": "wsmon", "version": wsmon.__version__})
    yield (
        f'{{"{outer}":[{{"resource":'.encode() + told + f',"{scope}":[{{"scope":'.encode() + about
        + f',"{kind}":['.encode()
    )  # fmt: skip
    separator = b"\n"
    for record in records:
        yield separator + record if record else b""
        separator = b",\n" if record else separator
    yield b"]}]}]}\n"


def _digest(size: int, text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
