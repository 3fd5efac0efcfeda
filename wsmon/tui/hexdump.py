"""Bytes as people read them: offset, hexadecimal, and the letters among them; line by line, on demand."""

from __future__ import annotations

from collections.abc import Iterator

OFFSET_WIDTH = 4
# hexadecimal digits: 64 KiB, which is what a payload is cut to by default; longer ones take more
GROUP = 4
# bytes between two wider gaps
ROWS = (32, 16, 8, 4, 2)
# bytes on a line, the widest that fits


def row_bytes(width: int) -> int:
    """How many bytes fit on a line of so many cells, one between its parts: 32, 16, 8, 4, 2 or 1."""
    return next((count for count in ROWS if _width(count) <= width), 1)


def hexdump(payload: bytes, width: int) -> Iterator[tuple[str, str, str]]:
    """Offset, hexadecimal and letters of each line; a byte that is no printable ASCII character is ``.``."""
    offset_width = max(OFFSET_WIDTH, len(f"{max(0, len(payload) - 1):x}"))
    count = row_bytes(width - offset_width + OFFSET_WIDTH)
    hex_width = _hex_width(count)
    for start in range(0, len(payload), count):
        row = payload[start : start + count]
        groups = (row[at : at + GROUP].hex(" ") for at in range(0, len(row), GROUP))
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:0{offset_width}x}", "  ".join(groups).ljust(hex_width), letters


def _width(count: int) -> int:
    return OFFSET_WIDTH + 1 + _hex_width(count) + 1 + count


def _hex_width(count: int) -> int:
    return 3 * count - 1 + max(0, count // GROUP - 1)
