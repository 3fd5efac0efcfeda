"""Frame scan: takes runs of whole, unmasked messages out of received bytes at the least cost. The hot path.

Used by the tap of wsmon's own connections (engine/tap.py) and by the reader of relayed ones (relay/frame_reader.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

DataOpcode = Literal["text", "binary"]
# Inflates a whole message of at most so many bytes; None where it cannot, or there are more
Inflate: TypeAlias = Callable[[bytes, int], bytes | None]

# First bytes of frames with FIN set and no reserved bit: a whole message, not compressed
WHOLE_MESSAGES: Final[dict[int, DataOpcode]] = {0x81: "text", 0x82: "binary"}
# The bit RSV1 of the first byte: a compressed message, where permessage-deflate was negotiated (RFC 7692, section 6)
RSV1: Final = 0x40
DEFLATED: Final = 0x80 | RSV1
DEFLATED_MESSAGES: Final[dict[int, DataOpcode]] = WHOLE_MESSAGES | {
    first | RSV1: opcode for first, opcode in WHOLE_MESSAGES.items()
}
# Compressed messages are reported together up to this size: a read of 64 KiB may hold 64 MiB of them
_INFLATED_BYTES: Final = 1024 * 1024
# The first two bytes of the same frames but for the length: below 126 it is added, 126 says that 16 bits with it follow
_SHORT_HEADS: Final[Mapping[DataOpcode, int]] = MappingProxyType({"text": 0x8100, "binary": 0x8200})
_MEDIUM: Final = 126
# The first two bytes of a frame, and the next two
_unpack_head = struct.Struct(">HH").unpack_from


def scan_run(
    data: bytes,
    at: int,
    opcode: DataOpcode,
    limit_bytes: int,
    inflate: Inflate,
    payloads: list[bytes],
    wire_sizes: list[int],
) -> int:
    """Add the whole messages of this kind that begin at ``at``; return where the next frame begins.

    A frame with a length of 64 bits, one of fewer than 4 bytes at the end, and one that cannot be inflated are left
    to the caller.
    """
    unpack_head, add_payload, add_size = _unpack_head, payloads.append, wire_sizes.append
    short = _SHORT_HEADS[opcode]
    medium = short + _MEDIUM
    deflated_short, deflated_medium = short | RSV1 << 8, medium | RSV1 << 8
    inflated_bytes = 0
    end = len(data)
    last = end - 4
    while at <= last:
        head, length = unpack_head(data, at)
        if head == medium:
            body = at + 4
        elif short <= head < medium:
            length = head - short
            body = at + 2
        elif deflated_short <= head <= deflated_medium and inflated_bytes < _INFLATED_BYTES:
            body = at + 4
            if head < deflated_medium:
                length = head - deflated_short
                body = at + 2
            stop = body + length
            if stop > end or length > limit_bytes:
                break
            payload = inflate(data[body:stop], limit_bytes)
            if payload is None:
                break
            add_payload(payload)
            add_size(stop - at)
            inflated_bytes += len(payload)
            at = stop
            continue
        else:
            break
        stop = body + length
        if stop > end or length > limit_bytes:
            break
        add_payload(data[body:stop])
        add_size(stop - at)
        at = stop
    return at


def inflate_nothing(payload: bytes, limit_bytes: int) -> None:
    """Inflate nothing: no extension that can be used here was negotiated."""


def count_utf8(payloads: list[bytes]) -> int:
    """Return how many texts, from the first one on, are valid UTF-8."""
    # No character can reach across the separator: a text is valid in the joined ones where it is by itself
    joined = b"\n".join(payloads)
    try:
        if not joined.isascii():
            joined.decode()
    except UnicodeDecodeError:
        for number, payload in enumerate(payloads):
            try:
                payload.decode()
            except UnicodeDecodeError:
                return number
    return len(payloads)
