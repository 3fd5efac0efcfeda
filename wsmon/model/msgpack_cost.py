"""What a message of MessagePack may cost to decode, known without decoding it."""

from __future__ import annotations

from typing import Final

# A list or a map takes 90 to 190 ns and up to 240 bytes, another value 17 ns and 8 to 60 bytes for each byte of it:
# a message is refused where its size and twelve bytes for each of them come to more. That is 25 ms and 25 MiB.
# Whether a byte that looks like the head of one is part of a text is not known before decoding.
_MOST_COST: Final = 1024 * 1024
_COST_OF_A_CONTAINER: Final = 12
_CONTAINER_HEADS: Final = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
# Smaller ones cost less, whatever they hold
_SMALL_BYTES: Final = 2**16


def is_too_costly(payload: bytes) -> bool:
    """Whether a message may hold too many values to be decoded."""
    size = len(payload)
    containers = size - len(payload.translate(None, _CONTAINER_HEADS)) if size > _SMALL_BYTES else 0
    return size + _COST_OF_A_CONTAINER * containers > _MOST_COST
