"""How long tests go on that try what chance brings: ``WSMON_THOROUGH=10`` tries ten times as much."""

from __future__ import annotations

import os


def times(number: int) -> int:
    """So many, or a multiple of it where somebody takes the time."""
    return number * int(os.environ.get("WSMON_THOROUGH", "1"))
