"""Packets of MQTT as a test wants them, byte by byte.

``connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"), version=5)``
"""

from __future__ import annotations

USER_AND_PASSWORD = 0xC2


def text(value: bytes) -> bytes:
    """A field behind its 16-bit length."""
    return len(value).to_bytes(2, "big") + value


def packet(first: int, body: bytes) -> bytes:
    """A control packet."""
    length, groups = len(body), b""
    while True:
        length, group = divmod(length, 128)
        groups += bytes([group | (0x80 if length else 0)])
        if not length:
            return bytes([first]) + groups + body


def connect(flags: int, *fields: bytes, version: int = 4, properties: bytes = b"", name: bytes = b"MQTT") -> bytes:
    """A CONNECT with a client identifier and these fields behind it."""
    block = bytes([len(properties)]) + properties if version >= 5 else b""
    return packet(0x10, text(name) + bytes([version, flags, 0, 60]) + block + text(b"client") + b"".join(fields))


def subscribe(identifier: int, *topics: bytes, version: int = 4) -> bytes:
    """A SUBSCRIBE with quality of service 1 for each topic."""
    block = b"\x00" if version >= 5 else b""
    return packet(0x82, identifier.to_bytes(2, "big") + block + b"".join(text(topic) + b"\x01" for topic in topics))


def unsubscribe(identifier: int, *topics: bytes, version: int = 4) -> bytes:
    """An UNSUBSCRIBE."""
    block = b"\x00" if version >= 5 else b""
    return packet(0xA2, identifier.to_bytes(2, "big") + block + b"".join(text(topic) for topic in topics))


def granted(identifier: int, *codes: int, version: int = 4, first: int = 0x90) -> bytes:
    """A SUBACK with these codes; with ``first`` 0xB0 an UNSUBACK."""
    block = b"\x00" if version >= 5 else b""
    return packet(first, identifier.to_bytes(2, "big") + block + bytes(codes))


def publish(topic: bytes, payload: bytes = b"x", *, identifier: int = 0, qos: int = 0, flags: int = 0) -> bytes:
    """A PUBLISH before version 5."""
    number = identifier.to_bytes(2, "big") if qos else b""
    return packet(0x30 | qos << 1 | flags, text(topic) + number + payload)
