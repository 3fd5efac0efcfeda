"""Budget of redaction: how many steps one message may take, so that no message holds up the others.

A step is the work for a word that looks like a key. What is more work takes more steps. Past the budget the
rest of a message is masked unread, and its event says so.
"""

from __future__ import annotations

from types import MappingProxyType

from wsmon.model.events import Meta
from wsmon.model.redact.masking import ByteRange

# Steps of any message, and bytes of a message for each step more. The aim is 5 ms for 64 KiB and 50 ms for 1 MiB; on
# two cores at load 10 the worst kinds took 7 and 117 ms of CPU, and a quiet machine was not measured
_BASE_STEPS = 2_500
_BYTES_PER_STEP = 48


# In the metadata of a message whose rest was masked unread
MASKED_UNREAD: Meta = MappingProxyType({"masked": "budget"})


class StepBudget:
    """The steps that are left for one message of that many bytes."""

    __slots__ = ("is_over", "left")

    def __init__(self, size_bytes: int) -> None:
        self.left = _BASE_STEPS + size_bytes // _BYTES_PER_STEP
        # Whether a part of the message is masked because it was not read
        self.is_over = False

    def take(self, steps: int) -> bool:
        """Take steps; return whether there were enough left."""
        self.left -= steps
        return self.left >= 0

    def rest(self, at: int, text: bytes) -> ByteRange:
        """Return the mask of everything from ``at``, which stays unread."""
        self.is_over = True
        return ByteRange(at, len(text))
