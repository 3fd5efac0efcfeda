"""One direction of an MQTT session: packets out of messages, which need not end where packets end.

A packet in pieces is kept until it is whole, up to ``MAX_KEPT_BYTES``; a longer one is read by its beginning, and what
follows of it is skipped.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from wsmon.protocols.mqtt_packets import MAX_FIXED_HEADER_BYTES, TYPES, Packet, packets

MAX_KEPT_BYTES = 64 * 1024
MAX_PACKETS = 1_000
# of one message that are looked for; the next message is taken to begin where a packet begins


class Chunk(NamedTuple):
    """What one message brought; the packets are ranges of ``stream``."""

    stream: bytes
    # the message, behind what was kept of a packet that it goes on with
    packets: tuple[Packet, ...]
    # whole ones; the last one may be the beginning of one that is too long to be kept
    begun: Packet | None = None
    # goes on with the next message
    skipped: str = ""
    # type of a packet with whose end the message begins, and which was read before
    is_malformed: bool = False
    # something in it is no packet
    has_more: bool = False
    # there are more packets than are looked for


class Stream:
    """Remembers what the last message did not end."""

    def __init__(self) -> None:
        self._head = b""
        self._skipped = ""
        self._skip_bytes = 0

    def feed(self, message: bytes) -> Chunk:
        """The packets that this message completes."""
        skipped = self._skipped if self._skip_bytes else ""
        skip = min(self._skip_bytes, len(message))
        self._skip_bytes -= skip
        stream = self._head + message[skip:]
        self._head = b""
        found = list(islice(packets(stream), MAX_PACKETS))
        end = found[-1].end if found else 0
        if len(found) == MAX_PACKETS and end < len(stream):
            return Chunk(stream, tuple(found), skipped=skipped, has_more=True)
        begun: Packet | None = None
        if found and found[-1].missing:
            begun = self._keep(stream, found)
        elif 0 < len(stream) - end < MAX_FIXED_HEADER_BYTES:
            self._head = stream[end:]
            begun = Packet(stream[end] >> 4, stream[end] & 0x0F, len(stream), len(stream), 1)
        is_malformed = begun is None and len(stream) > end
        return Chunk(stream, tuple(found), begun, skipped, is_malformed)

    def _keep(self, stream: bytes, found: list[Packet]) -> Packet | None:
        """Keep a packet that goes on; one that is too long stays among those that are read."""
        last = found[-1]
        begins = found[-2].end if len(found) > 1 else 0
        if len(stream) - begins > MAX_KEPT_BYTES:
            self._skipped, self._skip_bytes = TYPES[last.number], last.missing
            return None
        self._head = stream[begins:]
        return found.pop()
