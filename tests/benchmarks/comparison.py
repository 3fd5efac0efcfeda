"""What comparing two feeds costs: CPU and memory, at two sizes of a recording, each in a process of its own.

A million messages in ten seconds is the limit. Memory is that of the window, and does not grow with the messages.

    python -m tests.benchmarks.comparison STORE [KEY]

is the process that compares.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.benchmarks.table import Options, Row
from tests.support.builders import SECOND_NS, message
from tests.support.recordings import FixedClock, Recording
from tests.support.session_events import opening
from wsmon.cli.compare_sides import Side
from wsmon.cli.comparison import CompareRequest, comparison_of
from wsmon.cli.process import collecting_later
from wsmon.model.json_path import compile_path
from wsmon.store.reader import Reader

PER_SECOND = 2_000
BATCH = 20_000
LIMIT_S = 10.0
FEEDS = ("feed-a", "feed-b")
TRADE = '{"e":"trade","id":%d,"s":"BTCUSDT","p":"97120.5","q":"0.01300000","m":true,"pad":"%s"}'
ROOT = Path(__file__).parents[2]
KEYS = {"payload": "", "key": "$.id"}


def made(path: Path, messages: int) -> None:
    """A recording of two feeds of the same trades, of which each loses one in a thousand and is behind by some ms."""
    chance = random.Random(18)
    pad = "x" * 100
    count = messages // 2
    with Recording(path, *FEEDS) as recording:
        recording.write([each for name in FEEDS for each in opening(0, name)])
        for start in range(0, count, BATCH):
            batch = [
                (1 + number / PER_SECOND + chance.expovariate(300), name, TRADE % (number, pad))
                for number in range(start, min(start + BATCH, count))
                for name in FEEDS
                if chance.random() > 0.001
            ]
            events = [message(text, at_s, name, type="trade") for at_s, name, text in sorted(batch)]
            recording.write(events, rolled_after_s=start / PER_SECOND)
        recording.end(2 + count / PER_SECOND)


def measured(store: Path, key: str) -> None:
    """One comparison, in this process: prints its CPU seconds and the peak of its memory in MiB."""
    with closing(Reader(store, FixedClock())) as a, closing(Reader(store, FixedClock())) as b:
        first, second = (Side(view, "feeds", name, None, None) for view, name in zip((a, b), FEEDS, strict=True))
        request = CompareRequest(5 * SECOND_NS, (compile_path(key),) if key else ())
        before_s = time.process_time()
        with collecting_later():
            comparison_of(first, second, request, lambda _report: True)
        used_s = time.process_time() - before_s
    # ru_maxrss would begin with what the parent had
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(used_s, int(peak.split()[1]) / 1024)


def cost(store: Path, key: str) -> tuple[float, float]:
    """CPU seconds and MiB of a comparison, in a process of its own."""
    command = (sys.executable, "-m", __name__, store, key)
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout.split()
    return float(printed[0]), float(printed[1])


def rows(options: Options) -> Iterator[Row]:
    """Compare both recordings by payload and by a key."""
    names = {name: (f"compare, {name}", f"compare, {name}, memory") for name in KEYS}
    if not any(options.wants(each) for pair in names.values() for each in pair):
        return
    small, large = options.amount(100_000, 1_000), options.amount(1_000_000, 3_000)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        stores = {messages: Path(folder) / f"{messages}.db" for messages in (small, large)}
        for messages, store in stores.items():
            made(store, messages)
        for name, key in KEYS.items():
            if not any(map(options.wants, names[name])):
                continue
            costs = {
                messages: [cost(store, key) for _ in range(options.rounds_or(3))] for messages, store in stores.items()
            }
            of_time, of_memory = names[name]
            if options.wants(of_time):
                seconds = tuple(used_s for used_s, _ in costs[large])
                yield Row(of_time, "s of CPU", seconds, limit=LIMIT_S, note=f"{large:,} messages")
            if options.wants(of_memory):
                mib = {messages: tuple(used for _, used in found) for messages, found in costs.items()}
                yield Row(of_memory, "MiB", mib[large], f"{small:,} messages", mib[small], goal=1.5)


if __name__ == "__main__":
    measured(Path(sys.argv[1]), sys.argv[2])
