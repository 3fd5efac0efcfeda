"""How long to wait before the next attempt."""

from __future__ import annotations

from wsmon.config.specs import ReconnectSpec
from wsmon.engine.retry import Failure
from wsmon.model.http import retry_after_s

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


def least_delay(failure: Failure, wall_s: float) -> tuple[float, str]:
    """Seconds to wait at least after a failure, and why, in words; ``wall_s`` is the wall clock, seconds since 1970."""
    slow_s = SLOW_S if failure.retry == "slow" else 0.0
    asked_s = retry_after_s(failure.retry_after, wall_s) or 0.0
    if asked_s > slow_s:
        return asked_s, f"Retry-After asks for {asked_s:.0f} s"
    return slow_s, "no sooner: refused" if slow_s else ""
