"""Histograms as the bytes of a column: dense, small, and added up without a look at each count.

A packed histogram is a header (bytes a lane, index of the first lane, count of zeros) and one lane for each index from
the first to the last that was counted: unsigned, little-endian, as wide as the greatest count needs. Thousands of them
are added as whole numbers of 64-bit lanes: one addition a histogram.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping

from wsmon.model.histogram import ZERO_INDEX

_HEADER = struct.Struct("<BhI")
_TYPECODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
# of ``array``, by bytes a lane
_LANE_BYTES = 8
_LANE_BITS = 8 * _LANE_BYTES


def pack(counts: Mapping[int, int]) -> bytes:
    """The bytes of a histogram (``model.histogram``) of whole numbers: counts by index."""
    zeros = counts.get(ZERO_INDEX, 0)
    indexes = counts.keys() - {ZERO_INDEX}
    if not indexes:
        return _HEADER.pack(1, 0, zeros)
    first = min(indexes)
    width = _width(max(counts[index] for index in indexes))
    lanes = array(_TYPECODES[width], bytes(width * (max(indexes) - first + 1)))
    for index in indexes:
        lanes[index - first] = counts[index]
    return _HEADER.pack(width, first, zeros) + _little_endian(lanes).tobytes()


def unpack(packed: bytes) -> dict[int, int]:
    """The histogram again; indexes without a count are left out."""
    total = PackedSum()
    total.add(packed)
    return total.counts()


class PackedSum:
    """The sum of packed histograms; no count in it may reach 2**64. SQLite takes it as an aggregate function."""

    __slots__ = ("_first", "_lanes", "_zeros")

    def __init__(self) -> None:
        self._lanes = 0
        # a number of 64-bit lanes, the lowest one for ``_first``
        self._first: int | None = None
        self._zeros = 0

    def add(self, *histograms: bytes) -> None:
        """Add histograms; thousands at once cost a microsecond each."""
        total, first, header = self._lanes, self._first, _HEADER.size
        for packed in histograms:
            width, start, zeros = _HEADER.unpack_from(packed)
            self._zeros += zeros
            if width == _LANE_BYTES:
                wide: bytes | bytearray = packed[header:]
            else:
                wide = bytearray((len(packed) - header) // width * _LANE_BYTES)
                for byte in range(width):
                    wide[byte::_LANE_BYTES] = packed[header + byte :: width]
            if first is None:
                first = start
            elif start < first:
                total <<= (first - start) * _LANE_BITS
                first = start
            total += int.from_bytes(wide, "little") << ((start - first) * _LANE_BITS)
        self._lanes, self._first = total, first

    step = add

    def finalize(self) -> bytes:
        """The sum, packed."""
        return pack(self.counts())

    def counts(self) -> dict[int, int]:
        """The sum, by index."""
        lanes = array("Q")
        width_bytes = -(-self._lanes.bit_length() // _LANE_BITS) * _LANE_BYTES
        lanes.frombytes(self._lanes.to_bytes(width_bytes, "little"))
        first = self._first or 0
        found = {first + place: count for place, count in enumerate(_little_endian(lanes)) if count}
        return {ZERO_INDEX: self._zeros, **found} if self._zeros else found


def _width(greatest: int) -> int:
    """Bytes of a lane that holds a count."""
    return next(width for width in _TYPECODES if greatest < 1 << 8 * width)


def _little_endian(lanes: array[int]) -> array[int]:
    """From or to the byte order of the machine."""
    if sys.byteorder == "big":
        lanes.byteswap()
    return lanes
