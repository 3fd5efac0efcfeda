"""The properties and reason codes of MQTT 5, and the return codes that earlier versions have in their place.

Sources: OASIS MQTT 5.0, tables 2-4 (properties) and 2-6 (reason codes); 3.1.1, table 3.1 (return codes of a CONNACK).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from wsmon.protocols.mqtt_packets import CutError, field, number, varint

MQTT_5 = 5
# its number on the wire; earlier versions have no properties

SERVER_KEEP_ALIVE, AUTHENTICATION_DATA, REASON_STRING, TOPIC_ALIAS = 0x13, 0x16, 0x1F, 0x23
_FIXED_BYTES = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((SERVER_KEEP_ALIVE, 0x21, 0x22, TOPIC_ALIAS), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
_SUBSCRIPTION_IDENTIFIER, _USER_PROPERTY = 0x0B, 0x26
# all other properties are a text or binary data

FAILED = 0x80
# reason codes from here on are failures

# fmt: off
REASONS: Mapping[int, str] = MappingProxyType({
    1: "unacceptable_protocol_version", 2: "identifier_rejected", 3: "server_unavailable",
    4: "bad_user_name_or_password", 5: "not_authorized",
    0x80: "unspecified_error", 0x81: "malformed_packet", 0x82: "protocol_error", 0x83: "implementation_specific_error",
    0x84: "unsupported_protocol_version", 0x85: "client_identifier_not_valid", 0x86: "bad_user_name_or_password",
    0x87: "not_authorized", 0x88: "server_unavailable", 0x89: "server_busy", 0x8A: "banned",
    0x8B: "server_shutting_down", 0x8C: "bad_authentication_method", 0x8D: "keep_alive_timeout",
    0x8E: "session_taken_over", 0x8F: "topic_filter_invalid", 0x90: "topic_name_invalid",
    0x91: "packet_identifier_in_use", 0x92: "packet_identifier_not_found", 0x93: "receive_maximum_exceeded",
    0x94: "topic_alias_invalid", 0x95: "packet_too_large", 0x96: "message_rate_too_high", 0x97: "quota_exceeded",
    0x98: "administrative_action", 0x99: "payload_format_invalid", 0x9A: "retain_not_supported",
    0x9B: "qos_not_supported", 0x9C: "use_another_server", 0x9D: "server_moved",
    0x9E: "shared_subscriptions_not_supported", 0x9F: "connection_rate_exceeded", 0xA0: "maximum_connect_time",
    0xA1: "subscription_identifiers_not_supported", 0xA2: "wildcard_subscriptions_not_supported",
})
# fmt: on
# 1 to 5 are those of a CONNACK before version 5


class Property(NamedTuple):
    """One property: ``message[start:end]`` is its value, of a text or of data without its length."""

    identifier: int
    start: int
    end: int


def properties(message: bytes, at: int, end: int) -> Generator[Property, None, int]:
    """The properties behind the length at ``at``; returns where they end; raises ``CutError`` where they are cut."""
    length, at = varint(message, at, end)
    stop = at + length
    while at < min(stop, end):
        identifier = message[at]
        at += 1
        start = at
        if identifier in _FIXED_BYTES:
            at += _FIXED_BYTES[identifier]
        elif identifier == _SUBSCRIPTION_IDENTIFIER:
            _, at = varint(message, at, end)
        else:
            start, at = field(message, at, end)
            if identifier == _USER_PROPERTY:
                _, at = field(message, at, end)
        yield Property(identifier, start, at)
    if stop > end:
        raise CutError(min(at, end))
    return stop


def after_properties(message: bytes, at: int, end: int) -> int:
    """Where the properties at ``at`` end; raises ``CutError``."""
    places = properties(message, at, end)
    while True:
        try:
            next(places)
        except StopIteration as stopped:
            return int(stopped.value)


def reason_string(message: bytes, at: int, end: int) -> str:
    """What the properties at ``at`` say in words; empty where they say nothing. Raises ``CutError``."""
    for found in properties(message, at, end) if at < end else ():
        if found.identifier == REASON_STRING:
            return message[found.start : found.end].decode("utf-8", "replace")
    return ""


def number_property(message: bytes, at: int, end: int, identifier: int) -> int | None:
    """The 16-bit number that the properties at ``at`` hold under ``identifier``; raises ``CutError``."""
    for found in properties(message, at, end) if at < end else ():
        if found.identifier == identifier:
            return number(message, found.start, min(found.end, end))[0]
    return None


def reason_name(code: int) -> str:
    """The name of a reason or return code that is a failure."""
    return REASONS.get(code, f"code_{code}")
