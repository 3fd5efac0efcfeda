"""Values read out of every message as configured: sequence number, its key, time of sending; and feed latency."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from wsmon.model.events import Json
from wsmon.model.json_path import JsonPath, compile_path, read_path
from wsmon.model.units import MS_NS, UNIT_NS

MAX_NUMBER: Final = 2**63 - 1
MAX_KEY_CHARS: Final = 128


class MessageMeasures:
    """Reads ``seq``, ``key`` and ``latency_ms`` for the ``meta`` of a message; no message makes it raise."""

    def __init__(self, sequence: str = "", key: str = "", latency: str = "", unit: str = "ms") -> None:
        """Compile the JSON paths; an empty one is not read. ``unit`` is that of the time of sending.

        Raises ``ValueError`` with a sentence where a text is no path.
        """
        self._sequence = _path(sequence)
        self._key = _path(key) if sequence else None
        self._latency = _path(latency)
        self._unit_ms = UNIT_NS[unit] / MS_NS

    def __bool__(self) -> bool:
        """Whether any value is to be read."""
        return self._sequence is not None or self._latency is not None

    def read(self, document: bytes, at_ns: int) -> dict[str, Json]:
        """Return the values of a message that arrived at the wall time ``at_ns``; those that it lacks are absent."""
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
    """Return a whole number, also one that is written as text; ``None`` for anything else."""
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
    return number if abs(number) <= MAX_NUMBER else None


def _number(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int() | float():
            number = float(value) if abs(value) <= MAX_NUMBER else math.inf
        case str() if len(value) < 40:
            try:
                number = float(value)
            except ValueError:
                return None
        case _:
            return None
    return number if math.isfinite(number) else None


def _key(value: object) -> str:
    """Return the key of a sequence as text; empty where the message has none."""
    match value:
        case str():
            return value[:MAX_KEY_CHARS]
        case bool() | int() | float():
            return str(value)[:MAX_KEY_CHARS]
    return ""


# Clocks drift apart by some 20 ms in this time; a delay that lasts longer becomes the baseline
WINDOW_S = 300
STEP_S = 10


class LatencyBaseline:
    """The least latency of the last minutes on one session, from which the delay of other messages is counted.

    The clocks of sender and recorder differ by an unknown offset, but the difference between two messages does not
    depend on it. The delay of the fastest message itself is unknown, and at most one round trip.
    """

    __slots__ = ("_least",)

    def __init__(self) -> None:
        # Step of time and least latency in it; both ascending
        self._least: deque[tuple[int, int]] = deque()

    def excess_ns(self, latency_ns: int, at_s: int) -> int:
        """Return how much longer than the fastest message this one took, 0 or more."""
        step = at_s // STEP_S
        least = self._least
        while least and least[-1][1] >= latency_ns:
            least.pop()
        if not least or least[-1][0] != step:
            least.append((step, latency_ns))
        while least[0][0] <= step - WINDOW_S // STEP_S:
            least.popleft()
        return latency_ns - least[0][1]
