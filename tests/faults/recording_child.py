"""A process that records numbered messages until it is killed: ``python recording_child.py STORE``.

It prints every id that its writer acknowledged, and the id of the newest message recorded by then.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.model.block import Committed
from wsmon.model.events import Event, Source
from wsmon.store.database import RunStart, open_for_writing
from wsmon.store.writer import Writer

# Between two messages
GAP_S = 0.0005


def main(path: Path) -> None:
    """Record until the end of the world."""
    clock = SystemClock()
    database = open_for_writing(path)
    recorded = database.last_id
    run = database.begin_run(RunStart(clock.wall_ns(), clock.mono_ns(), os.getpid(), "test", "boot"))
    source = Source("feed", "", "t" * 32, f"{run:016x}")
    bus = Bus(on_drained=lambda: None)

    def acknowledge(last_id: int, _committed: Sequence[Committed]) -> None:
        os.write(1, b"%d %d\n" % (last_id, recorded))

    writer = Writer(database, bus, clock, on_commit=acknowledge, on_failure=fail)
    writer.start()
    number = 0
    while True:
        payload = b"%d" % number
        size = len(payload)
        bus.emit_message(
            Event(source, "message.received", clock.wall_ns(), clock.mono_ns(), "in", "text", size, size + 2, payload)
        )
        number += 1
        recorded += 1
        time.sleep(GAP_S)


def fail(error: BaseException) -> None:
    os.write(2, f"{error!r}\n".encode())
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
