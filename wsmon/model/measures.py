"""What is read out of every message where the configuration asks: its number, what that counts, when it was sent."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from wsmon.model.events import Json
from wsmon.model.json_path import JsonPath, compile_path, read_path
from wsmon.model.units import MS_NS, UNIT_NS

LARGEST_NUMBER: Final = 2**63 - 1
MOST_KEY_CHARS: Final = 128


class MessageMeasures:
    """Reads ``seq``, ``key`` and ``latency_ms`` for the ``meta`` of a message; never raises on any message."""

    def __init__(self, sequence: str = "", key: str = "", latency: str = "", unit: str = "ms") -> None:
        """Paths as they are written; empty: not asked for. Raises ``ValueError`` with a sentence where one is none."""
        self._sequence = _path(sequence)
        self._key = _path(key) if sequence else None
        self._latency = _path(latency)
        self._unit_ms = UNIT_NS[unit] / MS_NS

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self._sequence is not None or self._latency is not None

    def read(self, document: bytes, at_ns: int) -> dict[str, Json]:
        """What a message says that arrived at the wall time ``at_ns``; what it does not say is absent."""
        found: dict[str, Json] = {}
        if self._sequence is not None:
            number = _whole(read_path(self._sequence, document))
            if number is not None:
                found["seq"] = number
                if self._key is not None:
                    found["key"] = _key(read_path(self._key, document))
        if self._latency is not None:
            sent = _number(read_path(self._latency, document))
            if sent is not None:
                found["latency_ms"] = round(at_ns / MS_NS - sent * self._unit_ms, 3)
        return found


def _path(text: str) -> JsonPath | None:
    return compile_path(text) if text else None


def _whole(value: object) -> int | None:
    """A whole number, also one that is written as text; ``None`` for anything else."""
    match value:
        case bool():
            return None
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if len(value) < 20 and value.isascii() and value.isdigit():
            number = int(value)
        case _:
            return None
    return number if abs(number) <= LARGEST_NUMBER else None


def _number(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int() | float():
            number = float(value) if abs(value) <= LARGEST_NUMBER else math.inf
        case str() if len(value) < 40:
            try:
                number = float(value)
            except ValueError:
                return None
        case _:
            return None
    return number if math.isfinite(number) else None


def _key(value: object) -> str:
    """What a number counts, as text; empty where the message does not say."""
    match value:
        case str():
            return value[:MOST_KEY_CHARS]
        case bool() | int() | float():
            return str(value)[:MOST_KEY_CHARS]
    return ""


# How long messages were under way, where only the sender's clock says when they left.
#
# Two clocks differ by an unknown offset. The fastest message of the last minutes had the least on its way; what
# another one took more than it was delay, whatever the offset. So every latency is counted from that fastest
# message; the
# time that it took itself is unknown, and at most one round trip.

# Clocks drift apart by some 20 ms in that time; a delay that lasts longer than this becomes the usual
WINDOW_S = 300
STEP_S = 10


class LatencyBaseline:
    """The least latency of the last minutes, on one session."""

    __slots__ = ("_least",)

    def __init__(self) -> None:
        # Step of time and least latency in it; from each on they only rise
        self._least: deque[tuple[int, int]] = deque()

    def excess_ns(self, latency_ns: int, at_s: int) -> int:
        """How much longer a message took than the fastest one, from 0 on."""
        step = at_s // STEP_S
        least = self._least
        while least and least[-1][1] >= latency_ns:
            least.pop()
        if not least or least[-1][0] != step:
            least.append((step, latency_ns))
        while least[0][0] <= step - WINDOW_S // STEP_S:
            least.popleft()
        return latency_ns - least[0][1]
