"""Control packets of MQTT 3.1, 3.1.1 and 5 as byte ranges of a message; cut and malformed ones as far as they go.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 2 (control packet format), 3.1 (CONNECT) and 3.15 (AUTH).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# fmt: off
TYPES = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE",
    "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)
# fmt: on
USER_NAME, PASSWORD, WILL = 0x80, 0x40, 0x04
# of the flags of a CONNECT
_VARINT_BYTES = 4
# of a length at most
MAX_FIXED_HEADER_BYTES = 1 + _VARINT_BYTES


class CutError(Exception):
    """The bytes end, or make no sense, before what is asked for; ``at`` is how far they were read."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Packet(NamedTuple):
    """One control packet: ``message[start:end]`` is what follows its fixed header."""

    number: int
    flags: int
    start: int
    end: int
    missing: int
    # bytes of it that the message does not hold

    @property
    def type(self) -> str:
        """Its name; empty for the reserved type 0."""
        return TYPES[self.number]


def packets(message: bytes, at: int = 0) -> Iterator[Packet]:
    """The control packets from ``at`` on, up to one that is cut or has no legal length."""
    size = len(message)
    while at + 1 < size:
        first, length, start = message[at], message[at + 1], at + 2
        if length >= 0x80:
            try:
                length, start = varint(message, at + 1, size)
            except CutError:
                return
        at = start + length
        end = min(at, size)
        yield Packet(first >> 4, first & 0x0F, start, end, at - end)


def varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """A length in 7-bit groups, lowest first, and where it ends; raises ``CutError``."""
    value = 0
    for place in range(_VARINT_BYTES):
        if at + place >= end:
            raise CutError(at)
        group = message[at + place]
        value |= (group & 0x7F) << (7 * place)
        if group < 0x80:
            return value, at + place + 1
    raise CutError(at)


def number(message: bytes, at: int, end: int) -> tuple[int, int]:
    """A 16-bit number, and where it ends; raises ``CutError``."""
    if at + 2 > end:
        raise CutError(at)
    return int.from_bytes(message[at : at + 2], "big"), at + 2


def field(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Start and end of a text or of binary data behind its 16-bit length; raises ``CutError`` where it is cut."""
    length, start = number(message, at, end)
    if start + length > end:
        raise CutError(start)
    return start, start + length
