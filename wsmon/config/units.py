"""Durations and sizes as people write them: ``"1h30m"``, ``"64KiB"``."""

from __future__ import annotations

import re
from types import MappingProxyType

from wsmon.errors import UsageError

SECONDS = MappingProxyType({"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0})
BYTES = MappingProxyType(
    {"b": 1, "kb": 1_000, "mb": 10**6, "gb": 10**9, "tb": 10**12}
    | {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
)
# kB, MB … are powers of ten, KiB, MiB … powers of two (IEC 80000-13)

DURATION_HINT = 'write a number and a unit (us, ms, s, m, h, d), such as "20s", "1h30m", or a number of seconds'
SIZE_HINT = 'write a number and a unit (B, kB, KiB, MB, MiB, GB, GiB, TB, TiB), such as "64KiB", or a number of bytes'

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds meant by ``"500ms"``, ``"20s"``, ``"1h30m"`` or ``"0"``; raises ``UsageError``."""
    rest = text.strip()
    if rest == "0":
        return 0.0
    if not rest:
        raise UsageError("is empty where a duration is expected", DURATION_HINT)
    if _NUMBER.fullmatch(rest):
        raise UsageError("is a duration without a unit", DURATION_HINT)
    seconds, end = 0.0, 0
    while part := _PART.match(rest, end):
        unit = SECONDS.get(part[2])
        if unit is None:
            raise UsageError(f"has a unit that is none of time, '{part[2][:16]}'", DURATION_HINT)
        seconds += float(part[1]) * unit
        end = part.end()
    if end != len(rest):
        raise UsageError("is no duration", DURATION_HINT)
    return seconds


def parse_size(text: str) -> int:
    """Bytes meant by ``"64KiB"``, ``"1.5MB"`` or ``"0"``, rounded down; raises ``UsageError``."""
    rest = text.strip()
    if rest == "0":
        return 0
    if not rest:
        raise UsageError("is empty where a size is expected", SIZE_HINT)
    if _NUMBER.fullmatch(rest):
        raise UsageError("is a size without a unit", SIZE_HINT)
    match = _SIZE.fullmatch(rest.lower())
    if match is None:
        raise UsageError("is no size", SIZE_HINT)
    unit = BYTES.get(match[2])
    if unit is None:
        raise UsageError(f"has a unit that is none of size, '{match[2][:16]}'", SIZE_HINT)
    number = match[1]
    return int(number) * unit if "." not in number else int(float(number) * unit)


def format_duration(seconds: float) -> str:
    """A text that ``parse_duration`` reads as ``seconds``: the largest unit that leaves no fraction."""
    for unit in ("d", "h", "m", "s"):
        count = seconds / SECONDS[unit]
        if seconds and count == int(count):
            return f"{int(count)}{unit}"
    if not seconds:
        return "0s"
    millis = round(seconds * 1e3, 9)
    return f"{int(millis)}ms" if millis == int(millis) else f"{seconds:.12f}".rstrip("0").rstrip(".") + "s"


def format_size(size_bytes: int) -> str:
    """A text that ``parse_size`` reads as ``size_bytes``: the largest unit that leaves no fraction."""
    for name in ("TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"):
        unit = BYTES[name.lower()]
        if size_bytes and size_bytes % unit == 0:
            return f"{size_bytes // unit}{name}"
    return f"{size_bytes}B"
