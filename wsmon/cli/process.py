"""Work that can wait makes way: a recorder on the same processor has its commits first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NICENESS = 5
# of 19: beside a busy recorder it still gets a quarter of a processor


@contextmanager
def low_priority() -> Iterator[None]:
    """In the block, this thread has processors that others leave it; afterwards, too, where it may not climb back."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, NICENESS))
    try:
        yield
    finally:
        with suppress(PermissionError):  # only root may, and the commands that use this end here
            os.setpriority(os.PRIO_PROCESS, 0, before)
