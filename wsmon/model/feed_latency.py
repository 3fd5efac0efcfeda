"""How long messages were under way, where only the sender's clock says when they left.

Two clocks differ by an offset that nobody knows. The fastest message of the last minutes had the least on its way: what
another one took more than it was delay, whatever the offset. So every latency is counted from that fastest message; the
time that it took itself is unknown, and at most one round trip.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 300
# clocks drift apart by some 20 ms in that time; a delay that lasts longer than this becomes the usual
STEP_S = 10


class FastestMessage:
    """The least latency of the last minutes, on one session."""

    __slots__ = ("_least",)

    def __init__(self) -> None:
        self._least: deque[tuple[int, int]] = deque()
        # step of time and least latency in it; from each on they only rise

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
