"""What each export costs: seconds and memory at two sizes of a store, each in a process of its own.

``python tests/benchmarks/exports.py [--check] [EVENTS …]``; memory must not grow with the events. With ``--check``
each file is given to something that wsmon did not write (``export_checks.py``): node with the packages of
``tests/real_peers``, ``sqlite3``, ``chromium`` and the test dependencies must be there.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.builders import dialled, event, loss, message, ping, pong, refused, retry, stall
from tests.support.recordings import FixedClock, Recording
from tests.support.session_events import of, opening
from wsmon.export.formats import FORMATS
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.store.reader import Reader

SESSION_MESSAGES = 5_000
PER_SECOND = 1_000
CONNECTIONS = ("nova", "orders", "chat", "ticks", "meters")
SIZES = (100_000, 1_000_000)


def made(path: Path, events: int) -> None:
    """A store with a session of many messages after the other, on each connection in turn; each of them is lost."""
    with Recording(path, *CONNECTIONS) as recording:
        recording.write([event("self.run.started", connection="")])
        newest = 1
        number = 0
        while newest < events:
            count = min(SESSION_MESSAGES, events - newest)
            after_s = 1 + number * (SESSION_MESSAGES / PER_SECOND + 1)
            newest = recording.write(session(number, count, after_s), rolled_after_s=after_s)
            number += 1


def session(number: int, messages: int, after_s: float) -> list[Event]:
    """A dial, messages and heartbeats, a loss; and now and then a stall and a refused attempt."""
    name = CONNECTIONS[number % len(CONNECTIONS)]
    times = [after_s + 0.3 + each / PER_SECOND for each in range(messages)]
    events = opening(after_s, name)
    for place, at_s in enumerate(times):
        match place % 1_000:
            case 500:
                events.append(ping(at_s, name))
            case 501:
                events.append(pong(at_s, name))
            case 700:
                events.append(message(bytes(range(256)), at_s, name, direction="out"))
            case _:
                events.append(message(f'{{"e":"trade","n":{place},"p":"97120.5"}}', at_s, name))
    lost_s = after_s + 0.4 + messages / PER_SECOND
    if number % 7 == 0:
        events.append(stall(lost_s, name))
    events.append(loss(lost_s, name, code=(1006, 1001, 1008)[number % 3], open_s=lost_s - after_s))
    of_session = of(f"{number + 1:016x}", *events)
    if number % 5 == 0:
        of_session.append(retry(lost_s, name, 2, 0.1))
        of_session += of(
            f"{number + 1:08x}{0xFFFFFFFF:08x}", dialled(lost_s + 0.1, name, 2), refused(lost_s + 0.2, name)
        )
    return of_session


def measured(store: Path, name: str) -> None:
    """One export, in this process."""
    view = Reader(store, FixedClock())
    before_s = time.perf_counter()
    report = run_export(ExportRequest(name, target_of(store, name), overwrite=True), view)
    took_s = time.perf_counter() - before_s
    view.close()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:10} {report.size_bytes / 1e6:8.1f} MB {took_s:7.1f} s  peak {peak_mib:4.0f} MiB", flush=True)


def target_of(store: Path, name: str) -> Path:
    """Where the export of a store goes."""
    return store.with_name(f"out{FORMATS[name].suffix}")


def checked(store: Path, name: str) -> None:
    """One export, looked at by somebody else."""
    from tests.benchmarks.export_checks import CHECKS

    print(f"{'':10} {CHECKS[name](target_of(store, name), store)}", flush=True)


def main(sizes: tuple[int, ...], *, is_checked: bool, folder: Path) -> None:
    """All formats of all sizes."""
    for events in sizes:
        store = folder / f"{events}.db"
        subprocess.run([sys.executable, __file__, "make", store, str(events)], check=True)
        print(f"{events:,} events", flush=True)
        for name in FORMATS:
            subprocess.run([sys.executable, __file__, "measure", store, name], check=True)
            if is_checked:
                subprocess.run([sys.executable, __file__, "check", store, name], check=True)
            target_of(store, name).unlink()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path, count]:
            made(Path(path), int(count))
        case ["measure", path, name]:
            measured(Path(path), name)
        case ["check", path, name]:
            checked(Path(path), name)
        case arguments:
            os.environ["PYTHONPATH"] = os.pathsep.join(
                filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")))
            )
            sizes = tuple(int(each) for each in arguments if each != "--check") or SIZES
            with tempfile.TemporaryDirectory() as folder:
                main(sizes, is_checked="--check" in arguments, folder=Path(folder))
