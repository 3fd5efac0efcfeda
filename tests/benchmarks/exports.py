"""What each export costs: CPU and memory, at two sizes of a store, each in a process of its own.

Neither may grow faster than the events; memory not at all. With ``--full`` each file is given to something that wsmon
did not write (``export_checks``): node with the packages of ``tests/real_peers``, ``sqlite3``, ``chromium`` and the
test dependencies must be there.

    python -m tests.benchmarks.exports STORE FORMAT

is the process that exports.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.benchmarks.export_checks import CHECKS
from tests.benchmarks.table import Options, Row
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
ROOT = Path(__file__).parents[2]


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
    """One export, in this process: prints its CPU seconds and the peak of its memory in MiB."""
    with closing(Reader(store, FixedClock())) as view:
        before_s = time.process_time()
        run_export(ExportRequest(name, target_of(store, name), overwrite=True), view)
        used_s = time.process_time() - before_s
    # ru_maxrss would begin with what the parent had
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(used_s, int(peak.split()[1]) / 1024)


def target_of(store: Path, name: str) -> Path:
    """Where the export of a store goes."""
    return store.with_name(f"out{FORMATS[name].suffix}")


def cost(store: Path, name: str) -> tuple[float, float]:
    """CPU seconds and MiB of an export, in a process of its own."""
    command = (sys.executable, "-m", __name__, store, name)
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout.split()
    return float(printed[0]), float(printed[1])


def removed(path: Path) -> None:
    """Remove an export, which may be a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def rows(options: Options) -> Iterator[Row]:
    """Export both stores in each format; with --full, what is not wsmon looks at the larger export."""
    wanted = [name for name in FORMATS if any(options.wants(each) for each in _names(name))]
    if not wanted:
        return
    small, large = options.amount(100_000, 1_000), options.amount(1_000_000, 3_000)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        stores = {events: Path(folder) / f"{events}.db" for events in (small, large)}
        for events, store in stores.items():
            made(store, events)
        for name in wanted:
            costs = {events: cost(store, name) for events, store in stores.items()}
            store = stores[large]
            note = CHECKS[name](target_of(store, name), store) if options.is_full and name in CHECKS else ""
            removed(target_of(store, name))
            of_cpu, of_memory = _names(name)
            peer = f"{small:,} events"
            if options.wants(of_cpu):
                a_thing = {events: (used_s / events * 1e6,) for events, (used_s, _) in costs.items()}
                yield Row(of_cpu, "µs an event", a_thing[large], peer, a_thing[small], note=note)
            if options.wants(of_memory):
                yield Row(of_memory, "MiB", (costs[large][1],), peer, (costs[small][1],))


def _names(name: str) -> tuple[str, str]:
    return f"export, {name}", f"export, {name}, memory"


if __name__ == "__main__":
    measured(Path(sys.argv[1]), sys.argv[2])
