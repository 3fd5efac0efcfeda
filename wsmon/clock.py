"""SystemClock: the clocks of this machine behind the ``Clock`` port.

The only module that reads a clock for measuring; everything else receives a ``Clock``, and tests pass a fake one.
"""

from __future__ import annotations

import time


class SystemClock:
    """Wall and monotonic time of this machine."""

    wall_ns = staticmethod(time.time_ns)
    mono_ns = staticmethod(time.monotonic_ns)

    @staticmethod
    def boot_ns() -> int:
        """Return monotonic time, the sleep of the machine included; without it where the system has no such clock."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) if _HAS_BOOT_TIME else time.monotonic_ns()


_HAS_BOOT_TIME = hasattr(time, "CLOCK_BOOTTIME")
