"""Table of measurements: the rows that every benchmark yields, how they are printed, and the JSON of a run.

A benchmark is a module of this package with a function ``rows(options) -> Iterator[Row]``, and
``python -m tests.benchmarks`` runs it.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# Packages whose versions change what is measured
PACKAGES = ("wsmon", "websockets", "msgspec", "ahocorasick-rs", "sqlite-utils", "textual")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose."""

    rounds: int | None = None
    """None: as many as the benchmark finds right."""
    is_quick: bool = False
    """Whether to run on small amounts, to see that the benchmark works; its figures mean nothing."""
    is_full: bool = False
    """Whether to run on the largest amounts, such as stores of ten million events."""
    only: tuple[str, ...] = ()
    """Parts of the names of the wanted rows; empty: all."""
    peers: Path | None = None
    """Python of an environment with the dependency group ``bench``; None: peers that need it are not run."""
    folder: Path | None = None
    """Where stores are written; None: the system's folder for temporary files."""

    def wants(self, name: str) -> bool:
        """Return whether a row is wanted."""
        return not self.only or any(part in name for part in self.only)

    def rounds_or(self, usual: int) -> int:
        """Return how often to measure: one round where only quick, else as asked, else ``usual``."""
        return 1 if self.is_quick else self.rounds or usual

    def amount(self, usual: int, quick: int, full: int | None = None) -> int:
        """Return how much to measure; ``full`` is as usual where it is None."""
        if self.is_quick:
            return quick
        return full if self.is_full and full is not None else usual


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: what something costs, beside a peer that was measured in the same rounds."""

    name: str
    unit: str
    """Of both costs, such as "µs a message"."""
    costs: tuple[float, ...] = ()
    """One a round; empty where the row was not run."""
    peer: str = ""
    """Empty where there is none."""
    peer_costs: tuple[float, ...] = ()
    """In the same order: a cost and the peer's cost at the same place were measured one after the other."""
    goal: float | None = None
    """The greatest right ratio."""
    limit: float | None = None
    """The greatest right cost, whatever the peer's is."""
    note: str = ""
    """Why a row was not run, or what else belongs to it."""

    @property
    def cost(self) -> float:
        """Median of the costs."""
        return statistics.median(self.costs)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Cost by the peer's cost, round by round; the costs themselves where there is no peer."""
        if not self.peer_costs:
            return self.costs
        return tuple(ours / theirs for ours, theirs in zip(self.costs, self.peer_costs, strict=True))

    @property
    def result(self) -> float:
        """Median of ``ratios``: what is compared with the goal."""
        return statistics.median(self.ratios)

    @property
    def is_met(self) -> bool | None:
        """Whether goal and limit are met; None without either, and where the row was not run."""
        if not self.costs or (self.goal is None and self.limit is None):
            return None
        return (self.goal is None or self.result <= self.goal) and (self.limit is None or self.cost <= self.limit)

    def document(self) -> dict[str, object]:
        """The row in the JSON of a run."""
        found: dict[str, object] = {"name": self.name, "unit": self.unit, "goal": self.goal, "limit": self.limit}
        found["note"] = self.note
        if self.costs:
            found |= {"cost": self.cost, "costs": self.costs, "result": self.result, "met": self.is_met}
            found |= {"least": min(self.ratios), "greatest": max(self.ratios)}
        if self.peer_costs:
            found |= {"peer": self.peer, "peer_cost": statistics.median(self.peer_costs)}
            found |= {"peer_costs": self.peer_costs}
        return found


Benchmark = Callable[[Options], Iterator[Row]]


def paired(
    rounds: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure both in turns, the order reversed in every second round; returns our costs and those of the peer."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        sides = list(zip((ours, theirs), found, strict=True))
        for measure, costs in reversed(sides) if number % 2 else sides:
            costs.append(measure())
    return tuple(found[0]), tuple(found[1])


WIDTHS = (52, 26, 40, 24, 16, 8)
HEADINGS = ("what", "cost", "peer", "ratio (least–greatest)", "goal", "")


def print_heading() -> None:
    """Print the machine, the versions and the headings of the columns."""
    known = environment()
    print(", ".join(f"{name} {value}" for name, value in known.items()))
    print(_line(HEADINGS), flush=True)


def print_row(row: Row) -> None:
    """Print a line of the table."""
    if not row.costs:
        print(f"{row.name:<{WIDTHS[0]}}not run: {row.note}", flush=True)
        return
    peer = f"{_figure(statistics.median(row.peer_costs))} {row.peer}" if row.peer_costs else ""
    ratio = (
        f"{_figure(row.result)}{' ×' if row.peer_costs else ''} ({_figure(min(row.ratios))}–{_figure(max(row.ratios))})"
    )
    goals = ((row.goal, " ×"), (row.limit, f" {row.unit}"))
    goal = ", ".join(f"≤ {greatest:g}{of}" for greatest, of in goals if greatest is not None)
    verdict = {None: "", True: "met", False: "MISSED"}[row.is_met]
    cells = (row.name, f"{_figure(row.cost)} {row.unit}", peer, ratio, goal, verdict)
    print(f"{_line(cells)}{row.note}".rstrip(), flush=True)


def _line(cells: Sequence[str]) -> str:
    return "".join(f"{cell + ' ':<{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def environment() -> dict[str, str]:
    """Return what figures depend on: the machine, how busy it is, versions."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "machine": model or platform.machine(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: metadata.version(name) for name in PACKAGES},
    }


def write_json(path: Path, began: datetime, rows: Iterable[Row], known: dict[str, str]) -> None:
    """Write a run as JSON; ``known`` is the environment when it began."""
    document = {
        "began": began.isoformat(),
        "ended": datetime.now(UTC).isoformat(),
        "command": sys.argv[1:],
        "environment": known,
        "load_at_end": f"{os.getloadavg()[0]:.1f}",
        "rows": [row.document() for row in rows],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
