"""Bytes as people read them: offset, hexadecimal, and the letters among them; line by line, on demand."""

from __future__ import annotations

from collections.abc import Iterator

OFFSET_WIDTH = 6
# hexadecimal digits: 16 MiB
GROUP = 4
# bytes between two wider gaps
SMALLEST_ROW = 4


def row_bytes(width: int) -> int:
    """How many bytes fit on a line of so many cells: 4, 8, 16 or 32."""
    for count in (32, 16, 8):
        if _width(count) <= width:
            return count
    return SMALLEST_ROW


def hexdump(payload: bytes, width: int) -> Iterator[tuple[str, str, str]]:
    """Offset, hexadecimal and letters of each line; a byte that is no printable ASCII character is ``.``."""
    count = row_bytes(width)
    hex_width = 3 * count + count // GROUP - 2
    for start in range(0, len(payload), count):
        row = payload[start : start + count]
        groups = (row[at : at + GROUP].hex(" ") for at in range(0, len(row), GROUP))
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:0{OFFSET_WIDTH}x}", "  ".join(groups).ljust(hex_width), letters


def _width(count: int) -> int:
    return OFFSET_WIDTH + 2 + 3 * count + count // GROUP - 2 + 2 + count
