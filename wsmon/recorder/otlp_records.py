"""OTLP records as lines of an application: a span is its start, its events and its end, a log record one line.

``service.name`` is the connection, ``service.namespace`` its group, and the ids are those of the trace. A span of a
server is a request. Requests are dictionaries of ``otlp_wire`` in which every value may be anything: what cannot be
read of a record is left out, and a record without what it needs (a time, the ids of a span) is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from wsmon.control.ingest import INGEST_LINE_BYTES
from wsmon.model.units import MS_NS
from wsmon.recorder.intake import ReportedLine
from wsmon.recorder.otlp_wire import MOST_DEPTH, OtlpFields, Signal, TooLargeError

# Lines of one record, all stored or none
OtlpRecord = tuple[ReportedLine, ...]
# Spans and their events, or log records, of one request; an SDK sends 512, a collector 8,192
MOST_RECORDS: Final = 20_000
# Attributes of a record; SDKs keep 128 by default
MOST_ATTRIBUTES: Final = 1_000
# Events of a span, which are stored in one turn of the event loop; SDKs keep 128 by default
MOST_EVENTS: Final = 256
# What a service says about itself in each event: the rest of a resource repeats on each, and may be a command line
_RESOURCE: Final = (
    "service.version",
    "service.instance.id",
    "deployment.environment.name",
    "host.name",
    "process.pid",
    "telemetry.sdk.language",
)
_KINDS: Final = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
# Writers of JSON other than those of OTLP write the names
_KIND_NAMES: Final = {f"SPAN_KIND_{name.upper()}": number for number, name in _KINDS.items()}
_STATUS_NAMES: Final = {"STATUS_CODE_ERROR": 2}
_SERVER: Final = 2
_STATUS_ERROR: Final = 2
_SEVERITIES: Final = ("trace", "debug", "info", "warn", "error", "fatal")
# SeverityNumber of the first of four levels of errors
_ERROR_NUMBER: Final = 17
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_INT64: Final = range(-(2**63), 2**63)


def records(signal: Signal, request: OtlpFields, own_instance: str = "") -> Iterator[OtlpRecord | str]:
    """Yield the records of a request; instead of one that cannot be stored, why.

    ``own_instance`` is the service.instance.id under which this recorder sends: what a collector sends back would go
    round for ever. Raises ``TooLargeError`` where there are too many: iterate to the end before the first is used.
    """
    many = 0
    for source, scope, record in _walk(signal, request):
        try:
            if own_instance and source["instance"] == own_instance:
                raise ValueError("service.instance.id: this recorder sent it")
            lines = _span(source, scope, record) if signal == "traces" else _log(source, scope, record)
            many += max(1, len(lines) - 1)
            yield lines
        # Every value may be anything
        except (ValueError, OverflowError, RecursionError) as error:
            many += 1
            yield str(error)
        if many > MOST_RECORDS:
            raise TooLargeError(f"a request has at most {MOST_RECORDS:,} records")


def _walk(signal: Signal, request: OtlpFields) -> Iterator[tuple[OtlpFields, OtlpFields, OtlpFields]]:
    """Iterate over records, each with the keys of its service and the name of its scope."""
    kind, scopes, leaf = (
        ("resourceSpans", "scopeSpans", "spans") if signal == "traces" else ("resourceLogs", "scopeLogs", "logRecords")
    )
    for group in _objects(request.get(kind)):
        source = _service(_object(group.get("resource")))
        for part in _objects(group.get(scopes)):
            name = _text(_object(part.get("scope")).get("name"))
            scope = {"scope": name} if name else {}
            for record in _objects(part.get(leaf)):
                yield source, scope, record


def _service(resource: OtlpFields) -> OtlpFields:
    """The keys of lines that a resource gives them, and in ``meta`` what it says about itself."""
    attributes = _attributes(resource)
    kept = {name: attributes[name] for name in _RESOURCE if name in attributes}
    return {
        "connection": _text(attributes.get("service.name")),
        "group": _text(attributes.get("service.namespace")),
        "instance": _text(attributes.get("service.instance.id")),
        "meta": {"resource": kept} if kept else {},
    }


def _span(source: OtlpFields, scope: OtlpFields, span: OtlpFields) -> OtlpRecord:
    trace_id, span_id = _trace_id(span), _text(span.get("spanId")).lower()
    if not _SPAN_ID.fullmatch(span_id):
        raise ValueError("spanId: must be 16 hex digits, not all zero")
    if not trace_id:
        raise ValueError("traceId: must be 32 hex digits, not all zero")
    parent_id = _text(span.get("parentSpanId")).lower()
    start_ns, end_ns = _time_ns(span, "startTimeUnixNano"), _time_ns(span, "endTimeUnixNano")
    if not start_ns or not end_ns:
        raise ValueError("endTimeUnixNano: a span needs a start and an end")
    kind = _enumerated(span.get("kind"), _KIND_NAMES)
    if len(_objects(span.get("events"))) > MOST_EVENTS:
        raise ValueError(f"events: a span has at most {MOST_EVENTS}")
    attributes = _attributes(span)
    whole: dict[str, Any] = {
        "connection": source["connection"],
        "group": source["group"],
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id if _SPAN_ID.fullmatch(parent_id) else "",
        "type": _text(span.get("name")),
    }
    about = {**source["meta"], **scope, "kind": _KINDS.get(kind or 1, "internal")}
    begin, end = (
        ("trace.request.start", "trace.request.end") if kind == _SERVER else ("trace.span.start", "trace.span.end")
    )
    events = [
        _line(
            {
                **whole,
                "name": "trace.log",
                "ts_ns": _time_ns(event, "timeUnixNano") or end_ns,
                "type": _text(event.get("name")),
                **_exception(inner := _attributes(event)),
                "meta": {"attributes": inner} if inner else None,
            }
        )
        for event in _objects(span.get("events"))
    ]
    # A wall clock may step backwards between the two
    took_ns = max(0, end_ns - start_ns)
    ending = {
        "duration_ms": Decimal(took_ns) / MS_NS,
        **_outcome(span, attributes, events),
        "meta": {**about, **({"attributes": attributes} if attributes else {})},
    }
    return (
        _line({**whole, "name": begin, "ts_ns": start_ns, "meta": about}),
        *events,
        _line({**whole, "name": end, "ts_ns": end_ns, **ending}),
    )


def _outcome(span: OtlpFields, attributes: OtlpFields, events: list[ReportedLine]) -> OtlpFields:
    """How a span ended. The HTTP status is that of a span that did not fail, or failed by it."""
    status = _object(span.get("status"))
    code = attributes.get("http.response.status_code", attributes.get("http.status_code"))
    http_status = None if code is None else _whole(code)
    if _enumerated(status.get("code"), _STATUS_NAMES) != _STATUS_ERROR:
        return {"status": http_status if http_status is not None else "ok"}
    thrown = next((each for each in reversed(events) if each.error_type), None)
    error_type = _text(attributes.get("error.type")) or (thrown.error_type if thrown else "") or "error"
    error = _text(status.get("message")) or (thrown.error if thrown else "")
    is_by_status = http_status is not None and http_status >= 400
    return {"status": http_status if is_by_status else "error", "error_type": error_type, "error": error}


def _log(source: OtlpFields, scope: OtlpFields, log: OtlpFields) -> OtlpRecord:
    number = _whole(log.get("severityNumber")) or 0
    severity = _SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else _text(log.get("severityText")).lower()
    attributes = _attributes(log)
    failed = _exception(attributes)
    if not failed and number >= _ERROR_NUMBER:
        failed = {"error_type": severity}
    span_id = _text(log.get("spanId")).lower()
    body = _value(log.get("body"))
    meta = {
        **source["meta"],
        **scope,
        **({"severity": severity} if severity else {}),
        **({"attributes": attributes} if attributes else {}),
    }
    return (
        _line(
            {
                "name": "trace.log",
                "connection": source["connection"],
                "group": source["group"],
                "trace_id": _trace_id(log),
                "span_id": span_id if _SPAN_ID.fullmatch(span_id) else "",
                "ts_ns": _time_ns(log, "timeUnixNano") or _time_ns(log, "observedTimeUnixNano") or None,
                "type": _text(log.get("eventName")) or severity or "log",
                "payload": body if isinstance(body, str) or body is None else msgspec.json.encode(body).decode(),
                **failed,
                "meta": meta or None,
            }
        ),
    )


def _exception(attributes: OtlpFields) -> OtlpFields:
    """The keys of an exception, by the semantic conventions; nothing where there is none."""
    kind, text = _text(attributes.get("exception.type")), _text(attributes.get("exception.message"))
    return {"error_type": kind or "exception", "error": text} if kind or text else {}


def _line(fields: OtlpFields) -> ReportedLine:
    """Return a line; raises ``ValueError`` where a value cannot be stored."""
    meta = fields.get("meta")
    size = len(fields.get("payload") or "") + (len(msgspec.json.encode(meta)) if meta else 0)
    if size > INGEST_LINE_BYTES:
        raise ValueError(f"attributes: a record has at most {INGEST_LINE_BYTES:,} bytes")
    return msgspec.convert(fields, ReportedLine)


def _trace_id(record: OtlpFields) -> str:
    text = _text(record.get("traceId")).lower()
    return text if _TRACE_ID.fullmatch(text) else ""


def _time_ns(record: OtlpFields, key: str) -> int:
    """A wall time; 0 where there is none."""
    value = _whole(record.get(key))
    if value is None or value < 0:
        raise ValueError(f"{key}: not a valid time")
    return value


def _attributes(record: OtlpFields) -> dict[str, Any]:
    """The attributes of a record, as values of JSON."""
    return {
        key: _value(each.get("value"))
        for each in _objects(record.get("attributes"), MOST_ATTRIBUTES)
        if (key := _text(each.get("key")))
    }


def _value(value: object, depth: int = 0) -> Any:
    """Return an AnyValue as JSON has it; bytes in base64, numbers that JSON has not as text."""
    if depth > MOST_DEPTH:
        raise ValueError("attributes: values are nested too deeply")
    for kind, content in _object(value).items():
        match kind:
            case "stringValue" | "bytesValue":
                return _text(content)
            case "boolValue":
                return content is True
            case "intValue":
                return _whole(content)
            case "doubleValue":
                return content if _is_number(content) else str(content)[:32]
            case "arrayValue":
                return [_value(each, depth + 1) for each in _objects(_object(content).get("values"))]
            case "kvlistValue":
                pairs = _objects(_object(content).get("values"))
                return {_text(each.get("key")): _value(each.get("value"), depth + 1) for each in pairs}
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _object(value: object) -> OtlpFields:
    return value if isinstance(value, dict) else {}


def _objects(values: object, limit: int | None = None) -> list[OtlpFields]:
    return [each for each in values[:limit] if isinstance(each, dict)] if isinstance(values, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _enumerated(value: object, names: Mapping[str, int]) -> int | None:
    return names.get(value) if isinstance(value, str) and value in names else _whole(value)


def _whole(value: object) -> int | None:
    """Return a whole number, which JSON may write as a text; 0 where it is absent, None where it is none."""
    if value is None:
        return 0
    if isinstance(value, str) and len(value) <= 20 and re.fullmatch(r"-?[0-9]+", value, re.ASCII):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _INT64 else None
