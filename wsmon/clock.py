"""The machine's clocks behind the ``Clock`` port."""

from __future__ import annotations

import time


class SystemClock:
    """Wall and monotonic time of this machine."""

    wall_ns = staticmethod(time.time_ns)
    mono_ns = staticmethod(time.monotonic_ns)
