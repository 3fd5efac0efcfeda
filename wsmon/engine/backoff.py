"""How long to wait before the next attempt."""

from __future__ import annotations

from wsmon.config.specs import ReconnectSpec

SLOW_S = 60.0
# refused credentials and bad certificates are not mended in seconds, and asking again may lock an account


def next_delay_s(retry: ReconnectSpec, attempt: int, roll: float) -> float:
    """Seconds before the ``attempt``-th retry in a row (1 = the first); ``roll`` is a random number in [0, 1).

    min(max, initial × factor^(attempt − 1)) × (1 − jitter × roll)
    """
    try:
        raw_s = retry.initial_s * retry.factor ** (attempt - 1)
    except OverflowError:
        raw_s = retry.max_s
    return min(retry.max_s, raw_s) * (1.0 - retry.jitter * roll)
