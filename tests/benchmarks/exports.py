"""What each export costs: seconds and memory at two sizes of a store, each in a process of its own.

``python tests/benchmarks/exports.py [EVENTS …]``; memory must not grow with the events.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.builders import event, message, source
from tests.recordings import FixedClock, Recording
from tests.sessions import FIRST, of, opening
from wsmon.export.formats import FORMATS, ExportFormat
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.reader import Reader

BATCH_EVENTS = 10_000
PER_SECOND = 1_000
SIZES = (100_000, 1_000_000)


def made(path: Path, events: int) -> None:
    """A store with one session of many messages."""
    of_session = source("nova", session=FIRST)
    with Recording(path, "nova") as recording:
        recording.write([event("self.run.started", connection=""), *of(FIRST, *opening(1, "nova"))])
        for first in range(0, events, BATCH_EVENTS):
            after_s = [2 + number / PER_SECOND for number in range(first, first + BATCH_EVENTS)]
            batch = [msgspec.structs.replace(message(after_s=each), source=of_session) for each in after_s]
            recording.write(batch, rolled_after_s=after_s[0])


def measured(store: Path, name: ExportFormat) -> None:
    """One export, in this process."""
    view = Reader(store, FixedClock())
    before_s = time.perf_counter()
    report = run_export(ExportRequest(name, store.with_name(f"out.{name}"), overwrite=True), view)
    took_s = time.perf_counter() - before_s
    view.close()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:10} {report.size_bytes / 1e6:8.1f} MB {took_s:7.1f} s  peak {peak_mib:4.0f} MiB", flush=True)


def main(sizes: tuple[int, ...]) -> None:
    """All formats of all sizes."""
    with tempfile.TemporaryDirectory() as folder:
        for events in sizes:
            store = Path(folder) / f"{events}.db"
            subprocess.run([sys.executable, __file__, "make", store, str(events)], check=True)
            print(f"{events:,} events", flush=True)
            for name in FORMATS:
                subprocess.run([sys.executable, __file__, "measure", store, name], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path, count]:
            made(Path(path), int(count))
        case ["measure", path, name]:
            measured(Path(path), next(each for each in FORMATS if each == name))
        case counts:
            os.environ["PYTHONPATH"] = os.pathsep.join(
                filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")))
            )
            main(tuple(map(int, counts)) or SIZES)
