"""OpenTelemetry (OTLP/JSON): logs, metrics and the encoding, for exports and for the recorder's push to a collector.

Logs are a record for each event, with the session's span as context; traces are in ``otlp_spans``. Attributes have the
names of OpenTelemetry's semantic conventions where there is one, else ``websocket.*``. Encoding: OTLP 1.x, "JSON
Protobuf Encoding", https://opentelemetry.io/docs/specs/otlp/: ids in hex, 64-bit integers as text, attributes as a
list.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

import wsmon
from wsmon.model.ends import why
from wsmon.model.events import Event, Json, Source
from wsmon.model.metrics import DistributionPoint, Labels, MetricFamily, NumberPoint
from wsmon.model.spans import is_span_id
from wsmon.model.units import MS_NS

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_INT64 = range(-(2**63), 2**63)

# Name of an attribute -> value; None = absent
Fields = Mapping[str, Json]
NOTHING: Fields = MappingProxyType({})
RecordKind = Literal["spans", "logRecords", "metrics"]
# The two lists around the records of each kind
_FRAMES: Mapping[RecordKind, tuple[str, str]] = MappingProxyType(
    {
        "spans": ("resourceSpans", "scopeSpans"),
        "logRecords": ("resourceLogs", "scopeLogs"),
        "metrics": ("resourceMetrics", "scopeMetrics"),
    }
)

# SeverityNumber
DEBUG, INFO, WARN, SEVERITY_ERROR = 5, 9, 13, 17
_TEXTS = {DEBUG: "DEBUG", INFO: "INFO", WARN: "WARN", SEVERITY_ERROR: "ERROR"}
# Categories of events that are as frequent as messages
_FREQUENT = ("message", "heartbeat", "trace")


def otlp_logs(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """Write the log records of events; a piece for each page."""
    return document("logRecords", (b",\n".join(log_record(event) for event in page) for page in pages))


def log_record(event: Event) -> bytes:
    """Return the log record of an event."""
    severity = _severity(event)
    record: dict[str, Json] = {
        "timeUnixNano": str(event.ts_ns),
        "observedTimeUnixNano": str(event.ts_ns),
        "severityNumber": severity,
        "severityText": _TEXTS[severity],
        "eventName": event.name,
        "body": _body(event),
        "attributes": attributes(_fields(event)),
    }
    if event.source.connection:
        record["traceId"] = trace_id(event.source)
        if own_id := span_id(event.span_id or event.source.connection_id):
            record["spanId"] = own_id
    return msgspec.json.encode(record)


def _severity(event: Event) -> int:
    if event.error_type:
        return SEVERITY_ERROR
    if event.is_problem:
        return WARN
    return DEBUG if event.category in _FREQUENT else INFO


def _body(event: Event) -> Json:
    """The payload of a message, as bytes if it is not text; for all other events a sentence."""
    if event.payload is None:
        return {"stringValue": why(event) or event.error or event.reason or event.name}
    try:
        return {"stringValue": event.payload.decode()}
    except UnicodeDecodeError:
        return {"bytesValue": base64.b64encode(event.payload).decode()}


def _fields(event: Event) -> Fields:
    """The attributes of an event: everything that is not in the record itself."""
    source = event.source
    return {
        "websocket.event.id": event.id,
        "websocket.event.mono_ns": event.mono_ns,
        "websocket.connection": source.connection,
        "websocket.group": source.group,
        "websocket.connection_id": source.connection_id,
        "websocket.trace_id": source.trace_id,
        "websocket.run": source.run or None,
        "websocket.parent_id": event.parent_id,
        "websocket.direction": event.direction,
        "websocket.opcode": event.opcode,
        "websocket.from_status": event.from_status,
        "websocket.to_status": event.to_status,
        "websocket.type": event.type,
        "websocket.topic": event.topic,
        "websocket.ref": event.ref,
        "websocket.size": event.size,
        "websocket.wire_size": event.wire_size,
        "websocket.duration_ms": None if event.duration_ns is None else event.duration_ns / MS_NS,
        "websocket.status": event.http_status,
        "websocket.outcome": event.outcome,
        "websocket.close.code": event.close_code,
        "websocket.close.by": event.close_by,
        "websocket.close.reason": event.reason,
        "websocket.truncated": event.truncated or None,
        "websocket.redacted": event.redacted or None,
        "error.type": event.error_type,
        "error.message": event.error,
        "websocket.meta": event.meta,
    }


# AggregationTemporality
CUMULATIVE: Final = 2
# Unit of a family -> UCUM code
_UNITS: Final[Mapping[str, str]] = MappingProxyType({"seconds": "s", "bytes": "By", "": "1"})
_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "client_id": "websocket.connection",
        "group": "websocket.group",
        "uri": "url.full",
        "type": "websocket.type",
        "channel": "websocket.topic",
        "code": "websocket.close.code",
        "error_type": "error.type",
    }
)


def metric_records(families: Iterable[MetricFamily], begun_ns: int, at_ns: int) -> Iterator[bytes]:
    """Iterate over the metrics of families that have series; counters began at ``begun_ns``, both are wall times."""
    times: Mapping[str, Json] = {"startTimeUnixNano": str(begun_ns), "timeUnixNano": str(at_ns)}
    for family in families:
        if family.points:
            metric: dict[str, Json] = {
                "name": family.name,
                "description": family.help,
                "unit": _UNITS[family.unit],
                **_values(family, times),
            }
            yield msgspec.json.encode(metric)


def point_count(families: Iterable[MetricFamily]) -> int:
    """Return the number of points in the metrics of families."""
    return sum(len(family.points) for family in families)


def _values(family: MetricFamily, times: Mapping[str, Json]) -> dict[str, Json]:
    points: list[Json] = [
        _number(point, times) if isinstance(point, NumberPoint) else _distribution(point, times)
        for point in family.points
    ]
    match family.kind:
        case "counter":
            return {"sum": {"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": True}}
        case "gauge":
            return {"gauge": {"dataPoints": points}}
        case "histogram":
            return {"histogram": {"dataPoints": points, "aggregationTemporality": CUMULATIVE}}
        case "summary":
            return {"summary": {"dataPoints": points}}


def _number(point: NumberPoint, times: Mapping[str, Json]) -> dict[str, Json]:
    value: dict[str, Json] = {"asDouble": point.value}
    if isinstance(point.value, int):
        value = {"asInt": str(int(point.value))}
    return {"attributes": _attributes(point.labels), **times, **value}


def _distribution(point: DistributionPoint, times: Mapping[str, Json]) -> dict[str, Json]:
    point_json: dict[str, Json] = {
        "attributes": _attributes(point.labels), **times, "count": str(point.count), "sum": point.sum,
    }  # fmt: skip
    if point.counts:
        point_json["explicitBounds"] = list(point.bounds)
        point_json["bucketCounts"] = [str(count) for count in point.counts]
    return point_json


def _attributes(labels: Labels) -> list[Json]:
    return attributes({_ATTRIBUTES.get(name, name): value for name, value in labels})


def any_value(value: Json) -> Json:
    """Return a value as an AnyValue message; ``None`` is the empty one."""
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
    """Return fields as KeyValue messages; ``None`` and empty texts are left out, unless ``keeps_none``."""
    return [
        {"key": key, "value": any_value(value)}
        for key, value in fields.items()
        if keeps_none or (value is not None and value != "")
    ]


def trace_id(source: Source) -> str:
    """Return 32 hex digits: the trace id itself, or a digest of a correlation id that is not a trace id."""
    if _TRACE_ID.fullmatch(source.trace_id):
        return source.trace_id
    return _digest(16, source.trace_id or f"{source.run} {source.connection}")


def span_id(text: str) -> str:
    """Return 16 hex digits: the span id itself, or a digest of a text that is not one; empty for the empty text."""
    return text if not text or is_span_id(text) else _digest(8, text)


def document(kind: RecordKind, records: Iterator[bytes], resource: Fields = NOTHING) -> Iterator[bytes]:
    """Write a file around pieces of records, which have no comma at their ends; ``resource`` adds attributes to it."""
    outer, scope = _FRAMES[kind]
    service: Fields = {"service.name": "wsmon", "service.version": wsmon.__version__, **resource}
    attributes_json = msgspec.json.encode({"attributes": attributes(service)})
    about = msgspec.json.encode({"name": "wsmon", "version": wsmon.__version__})
    yield (
        f'{{"{outer}":[{{"resource":'.encode() + attributes_json + f',"{scope}":[{{"scope":'.encode() + about
        + f',"{kind}":['.encode()
    )  # fmt: skip
    separator = b"\n"
    for record in records:
        yield separator + record if record else b""
        separator = b",\n" if record else separator
    yield b"]}]}]}\n"


def _digest(size: int, text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
