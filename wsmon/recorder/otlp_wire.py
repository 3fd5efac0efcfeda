"""OTLP on the wire: requests in protobuf or JSON become the same dictionaries; responses in the format of the request.

A dictionary is that of OTLP's JSON encoding: names in lowerCamelCase, ids in hex. Fields that wsmon does not use are
skipped. Protobuf is read by the table below, which is opentelemetry-proto 1.x: the messages are few, and a library
with generated code would be the largest dependency of wsmon. Functions here hold no state and may run on any thread.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

# A request as a dictionary; of JSON, every value may be anything
OtlpFields = Mapping[str, Any]
Signal = Literal["traces", "logs"]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
# Messages in a request: the objects of 4 MiB of empty ones would be a hundred times as large
MOST_MESSAGES: Final = 250_000
# Values in values; SDKs write three or four levels
MOST_DEPTH: Final = 32
_INT64_SIGN: Final = 2**63
_GZIP: Final = 16 + zlib.MAX_WBITS
_DOUBLE: Final = struct.Struct("<d")


class UnreadableError(ValueError):
    """A body that is no request of OTLP; the text says why."""


class TooLargeError(Exception):
    """A body that is too large once unpacked, or has too many parts; the text says the limit."""


def unpacked(body: bytes, limit: int) -> bytes:
    """Return the content of gzip members, at most ``limit`` bytes; raises ``TooLargeError``, ``UnreadableError``."""
    content = bytearray()
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            content += member.decompress(body, limit + 1 - len(content))
        except zlib.error as error:
            raise UnreadableError("the body is not gzip") from error
        if len(content) > limit:
            raise TooLargeError(f"a body has at most {limit:,} bytes, unpacked too")
        if not member.eof:
            raise UnreadableError("the body is not all of its gzip stream")
        body = member.unused_data
    return bytes(content)


def read_request(signal: Signal, kind: str, body: bytes) -> OtlpFields:
    """Return a request; ``kind`` is its media type. Raises ``UnreadableError``, ``TooLargeError``."""
    if kind == PROTOBUF:
        return _Reader().message(body, _TRACES if signal == "traces" else _LOGS)
    try:
        request = msgspec.json.decode(body)
    except (ValueError, OverflowError, RecursionError) as error:
        raise UnreadableError(f"the body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise UnreadableError("the body is no JSON object")
    return request


def partial_success(kind: str, signal: Signal, rejected: int, problem: str) -> bytes:
    """Return the response to a request that was taken in, but for ``rejected`` of its records."""
    if kind == PROTOBUF:
        inner = _tagged(1, rejected) + _texted(2, problem)
        return _texted(1, inner) if rejected else b""
    name = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
    success = {"partialSuccess": {name: str(rejected), "errorMessage": problem}}
    return msgspec.json.encode(success if rejected else {})


def failure(kind: str, problem: str) -> bytes:
    """Return the body of an error response: google.rpc.Status, as the specification says."""
    return _texted(2, problem) if kind == PROTOBUF else msgspec.json.encode({"message": problem})


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _tagged(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _texted(number: int, content: str | bytes) -> bytes:
    octets = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(octets)) + octets


# How a field is read: by the kinds of the protobuf language, hex for ids
_FieldKind = Literal["text", "hex", "bytes", "int", "bool", "fixed", "double", "message"]
_WIRE: Final[Mapping[_FieldKind, int]] = {
    "text": 2, "hex": 2, "bytes": 2, "message": 2, "int": 0, "bool": 0, "fixed": 1, "double": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: _FieldKind
    fields: Mapping[int, _Field] | None = None
    """Of a message."""
    is_list: bool = False


# Fields of messages by their numbers: opentelemetry/proto/{common,resource,trace,logs}/v1
_VALUE: Final[dict[int, _Field]] = {
    1: _Field("stringValue", "text"),
    2: _Field("boolValue", "bool"),
    3: _Field("intValue", "int"),
    4: _Field("doubleValue", "double"),
    7: _Field("bytesValue", "bytes"),
}
_KEY_VALUE: Final = {1: _Field("key", "text"), 2: _Field("value", "message", _VALUE)}
_VALUE[5] = _Field("arrayValue", "message", {1: _Field("values", "message", _VALUE, is_list=True)})
_VALUE[6] = _Field("kvlistValue", "message", {1: _Field("values", "message", _KEY_VALUE, is_list=True)})


def _attributes() -> _Field:
    return _Field("attributes", "message", _KEY_VALUE, is_list=True)


_RESOURCE: Final = _Field("resource", "message", {1: _attributes()})
_SCOPE: Final = _Field("scope", "message", {1: _Field("name", "text"), 2: _Field("version", "text")})
_SPAN: Final = {
    1: _Field("traceId", "hex"),
    2: _Field("spanId", "hex"),
    4: _Field("parentSpanId", "hex"),
    5: _Field("name", "text"),
    6: _Field("kind", "int"),
    7: _Field("startTimeUnixNano", "fixed"),
    8: _Field("endTimeUnixNano", "fixed"),
    9: _attributes(),
    11: _Field(
        "events",
        "message",
        {1: _Field("timeUnixNano", "fixed"), 2: _Field("name", "text"), 3: _attributes()},
        is_list=True,
    ),
    15: _Field("status", "message", {2: _Field("message", "text"), 3: _Field("code", "int")}),
}
_LOG: Final = {
    1: _Field("timeUnixNano", "fixed"),
    2: _Field("severityNumber", "int"),
    3: _Field("severityText", "text"),
    5: _Field("body", "message", _VALUE),
    6: _attributes(),
    9: _Field("traceId", "hex"),
    10: _Field("spanId", "hex"),
    11: _Field("observedTimeUnixNano", "fixed"),
    12: _Field("eventName", "text"),
}


def _request(resources: str, scopes: str, records: str, record: Mapping[int, _Field]) -> Mapping[int, _Field]:
    scope = {1: _SCOPE, 2: _Field(records, "message", record, is_list=True)}
    resource = {1: _RESOURCE, 2: _Field(scopes, "message", scope, is_list=True)}
    return {1: _Field(resources, "message", resource, is_list=True)}


_TRACES: Final = _request("resourceSpans", "scopeSpans", "spans", _SPAN)
_LOGS: Final = _request("resourceLogs", "scopeLogs", "logRecords", _LOG)


class _Reader:
    """Reads one request in protobuf: https://protobuf.dev/programming-guides/encoding/."""

    def __init__(self) -> None:
        self._messages = 0

    def message(self, body: bytes, fields: Mapping[int, _Field], depth: int = 0) -> dict[str, Any]:
        """Return a message; raises ``UnreadableError``, ``TooLargeError``."""
        self._messages += 1
        if self._messages > MOST_MESSAGES:
            raise TooLargeError(f"a request has at most {MOST_MESSAGES:,} values")
        # Levels of values above those of the request itself
        if depth > 3 * MOST_DEPTH:
            raise UnreadableError("values are nested too deeply")
        found: dict[str, Any] = {}
        at, end = 0, len(body)
        while at < end:
            tag, at = _read_varint(body, at)
            number, wire = tag >> 3, tag & 7
            content: int | bytes
            if wire == 0:
                content, at = _read_varint(body, at)
            elif wire == 2:
                size, at = _read_varint(body, at)
                content, at = _piece(body, at, size)
            elif wire in (1, 5):
                content, at = _piece(body, at, 8 if wire == 1 else 4)
            else:
                raise UnreadableError(f"the body is not protobuf: wire type {wire}")
            field = fields.get(number)
            # A field of another type is as unknown as one of another number
            if field is None or _WIRE[field.kind] != wire:
                continue
            value = self._value(field, content, depth)
            if field.is_list:
                found.setdefault(field.name, []).append(value)
            else:
                found[field.name] = value
        return found

    def _value(self, field: _Field, content: int | bytes, depth: int) -> object:
        if isinstance(content, int):
            if field.kind == "bool":
                return bool(content)
            return content - 2 * _INT64_SIGN if content >= _INT64_SIGN else content
        match field.kind:
            case "bytes":
                return base64.b64encode(content).decode()
            case "text":
                return content.decode("utf-8", "replace")
            case "hex":
                return content.hex()
            case "fixed":
                return int.from_bytes(content, "little")
            case "double":
                (number,) = _DOUBLE.unpack(content)
                return number
            case "message":
                assert field.fields is not None
                return self.message(content, field.fields, depth + 1)
            case _:
                raise AssertionError(field.kind)


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            break
        octet = body[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value & (2 * _INT64_SIGN - 1), at
    raise UnreadableError("the body is not protobuf: a number has no end")


def _piece(body: bytes, at: int, size: int) -> tuple[bytes, int]:
    if size > len(body) - at:
        raise UnreadableError("the body is not protobuf: it ends within a field")
    return body[at : at + size], at + size
