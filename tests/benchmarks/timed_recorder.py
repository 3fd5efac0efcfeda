"""A recorder that writes down how late each commit was, for benchmarks: the real command, its writer watched.

``python tests/benchmarks/timed_recorder.py LOG record CONFIG …``: at its end LOG holds a line a batch of events, with
the milliseconds from the arrival of its oldest event to the return of its commit, and those that pruning took before.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from wsmon.bus import Batch
from wsmon.cli.main import run
from wsmon.clock import SystemClock
from wsmon.store.retention import Pruned, Retention
from wsmon.store.writer import Writer

MS_NS = 1_000_000
# Commits that are told one by one
LATEST = 8


@dataclass(frozen=True, slots=True)
class Commits:
    """What a recorder wrote down."""

    late_ms: list[float]
    """Of each commit, sorted."""
    latest: list[tuple[float, float]]
    """The latest ones, with when (monotonic, seconds) they were."""
    pruning_ms: list[float]
    """Of each slice that removed something, sorted."""
    pruning_cpu_ms: list[float]
    """The same, of which it worked: the rest is the disk, and a machine that does something else."""
    largest_slice: int
    """Events."""

    def late(self, share: float) -> float:
        """The lateness that so large a share of the commits keeps."""
        return self.late_ms[min(len(self.late_ms) - 1, int(len(self.late_ms) * share))]

    def __str__(self) -> str:
        late = f"{len(self.late_ms):,} commits: p50 {self.late(0.5):.0f} ms, p99 {self.late(0.99):.0f} ms, "
        return f"{late}latest {self.late_ms[-1]:.0f} ms"


def read(path: Path) -> Commits:
    """The log of a recorder that has ended."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    commits = sorted((line["late_ms"], line["at_s"]) for line in lines if "late_ms" in line)
    late = [late_ms for late_ms, _ in commits]
    slices = [line for line in lines if "pruning_ms" in line]
    took, worked = sorted(line["pruning_ms"] for line in slices), sorted(line["cpu_ms"] for line in slices)
    return Commits(late, commits[: -LATEST - 1 : -1], took, worked, max((line["events"] for line in slices), default=0))


def watch(path: Path) -> None:
    """See every batch and slice of the writer that this process will start."""
    log = path.open("w", buffering=1)
    clock = SystemClock()
    record, prune = Writer._record, Retention.prune_events

    def recorded(writer: Writer, batch: Batch) -> None:
        record(writer, batch)
        if batch.events:
            late_ms = (clock.mono_ns() - batch.events[0].mono_ns) / MS_NS
            at_s = clock.mono_ns() / 1e9
            log.write(f'{{"late_ms": {late_ms:.3f}, "events": {batch.count}, "at_s": {at_s:.3f}}}\n')

    def pruned(retention: Retention) -> Pruned:
        begun_ns, begun_cpu_ns = clock.mono_ns(), time.thread_time_ns()
        removed = prune(retention)
        if removed.events:
            took_ms, cpu_ms = (clock.mono_ns() - begun_ns) / MS_NS, (time.thread_time_ns() - begun_cpu_ns) / MS_NS
            log.write(f'{{"pruning_ms": {took_ms:.3f}, "cpu_ms": {cpu_ms:.3f}, "events": {removed.events}}}\n')
        return removed

    Writer._record = recorded  # type: ignore[assignment]  # watched, not replaced
    Retention.prune_events = pruned  # type: ignore[assignment]  # the same


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))
