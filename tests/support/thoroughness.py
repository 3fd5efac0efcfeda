"""How long tests go on that try what chance brings.

As a rule they try the same things each time, so that a failure is one of the change at hand. ``WSMON_THOROUGH=10``
tries ten times as much, and other things each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

THOROUGHNESS = int(os.environ.get("WSMON_THOROUGH", "1"))


def times(number: int) -> int:
    """So many, or a multiple of it where somebody takes the time."""
    return number * THOROUGHNESS


def be_steady() -> None:
    """Properties hold at any speed: a machine that is busy with something else fails none."""
    settings.register_profile(
        "wsmon",
        max_examples=times(100),
        deadline=None,
        derandomize=THOROUGHNESS == 1,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("wsmon")
