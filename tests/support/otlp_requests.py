"""Requests of OTLP: an encoder of protobuf that knows no schema, a span in both formats, and HTTP by hand."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

from wsmon.recorder.otlp_wire import JSON

TRACE_ID = "4b" * 16
SPAN_ID = "5a" * 8
START_NS = 1_700_000_000_000_000_000
Field = tuple[int, "int | float | str | bytes"]


class Fixed(int):
    """A number of eight bytes."""


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    octets = bytearray()
    value &= 2**64 - 1
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*octets, value))


def message(*fields: Field) -> bytes:
    """A message of protobuf: numbers of fields and their values."""
    octets = bytearray()
    for number, value in fields:
        match value:
            case Fixed():
                octets += varint(number << 3 | 1) + value.to_bytes(8, "little")
            case int():
                octets += varint(number << 3) + varint(value)
            case float():
                octets += varint(number << 3 | 1) + struct.pack("<d", value)
            case _:
                content = value.encode() if isinstance(value, str) else value
                octets += varint(number << 3 | 2) + varint(len(content)) + content
    return bytes(octets)


def attribute(key: str, value: bytes) -> bytes:
    """A KeyValue; ``value`` is an AnyValue."""
    return message((1, key), (2, value))


def resource(service: str = "shop") -> bytes:
    """A Resource with its service's name."""
    return message((1, attribute("service.name", message((1, service)))))


def span_request(*spans: bytes) -> bytes:
    """A request with spans."""
    inner = message((1, message((1, "lib"))), *((2, each) for each in spans))
    return message((1, message((1, resource()), (2, inner))))


def span(**changes: Field) -> bytes:
    """A span of 3 ms; ``changes`` replace fields by their names."""
    fields: dict[str, Field] = {
        "trace_id": (1, bytes.fromhex(TRACE_ID)),
        "span_id": (2, bytes.fromhex(SPAN_ID)),
        "name": (5, "GET /"),
        "kind": (6, 2),
        "start": (7, Fixed(START_NS)),
        "end": (8, Fixed(START_NS + 3_000_000)),
    }
    return message(*(fields | changes).values())


def json_spans(*spans: dict[str, Any], **service: str) -> dict[str, Any]:
    """A request with spans, as JSON; ``service`` has attributes of the resource, ``_`` for a dot."""
    attributes = {"service.name": "shop"} | {key.replace("_", "."): value for key, value in service.items()}
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    inner = {"scope": {"name": "lib"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [inner]}]}


def json_logs(*logs: dict[str, Any]) -> dict[str, Any]:
    """A request with log records, as JSON."""
    pairs = [{"key": "service.name", "value": {"stringValue": "shop"}}]
    return {"resourceLogs": [{"resource": {"attributes": pairs}, "scopeLogs": [{"logRecords": list(logs)}]}]}


def json_span(**changes: Any) -> dict[str, Any]:
    """The same span as JSON."""
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 3_000_000),
        **changes,
    }


async def post(
    port: int, path: str, body: bytes | dict[str, Any], kind: str = JSON, **headers: str
) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of the answer; ``headers`` have ``_`` for a dash."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = {"Host": f"localhost:{port}", "Content-Type": kind, "Content-Length": str(len(content))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"POST {path} HTTP/1.1\r\nConnection: close\r\n{head}\r\n".encode() + content)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    first, _, octets = answer.partition(b"\r\n\r\n")
    status, *rest = first.decode().split("\r\n")
    return status.removeprefix("HTTP/1.1 "), dict(line.split(": ", 1) for line in rest), octets


def json_log_keys() -> list[str]:
    """All names in requests of both signals."""
    return [
        "resourceSpans", "resourceLogs", "scopeSpans", "scopeLogs", "spans", "logRecords", "resource", "scope",
        "attributes", "key", "value", "values", "stringValue", "intValue", "doubleValue", "boolValue", "arrayValue",
        "kvlistValue", "bytesValue", "body", "name", "severityNumber", "severityText", "eventName", "timeUnixNano",
        "traceId", "spanId", "status", "code", "message", "events", "kind",
    ]  # fmt: skip
