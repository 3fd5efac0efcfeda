"""An application that emits numbered events until its standard input ends: ``python tracing_child.py STORE [FSIZE]``.

It prints the number of the last event whenever all before it are stored or spooled, and at its end what was lost. With
``FSIZE`` none of its files may be longer, as on a full disk, and it prints -1 when the first event is lost.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import time

from wsmon.trace import Sink, TraceEvent

# Events between two looks for what is settled
STEP = 100
GAP_S = 0.01


def main(store: str, fsize: str = "") -> None:
    """Emit until told to end."""
    if fsize:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(fsize), int(fsize)))
    sink = Sink(store, connection=f"p{os.getpid()}", buffer_bytes=50_000 if fsize else 64_000_000)
    number = 0
    was_lossless = True
    while not select.select([sys.stdin], [], [], 0)[0]:
        for _ in range(STEP):
            number += 1
            sink.emit(TraceEvent(name=f"n{number}"))
        if sink.flush(0.5):
            os.write(1, b"%d\n" % number)
        if sink.state.lost and was_lossless:
            was_lossless = False
            os.write(1, b"-1\n")
        time.sleep(GAP_S)
    sink.close(20.0)
    os.write(1, b"emitted %d lost %d waiting %d\n" % (number, sink.state.lost, sink.state.waiting))


if __name__ == "__main__":
    main(*sys.argv[1:])
