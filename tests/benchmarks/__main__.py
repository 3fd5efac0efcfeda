"""Run benchmarks, print the table, write JSON.

    python -m tests.benchmarks [BENCHMARK]... [--only TEXT]... [--rounds N] [--quick | --full] [--json FILE]
        [--peers PYTHON] [--folder FOLDER]

All benchmarks take hours; each can be run by its name.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import tests.benchmarks
from tests.benchmarks.table import Benchmark, Options, Row, environment, print_heading, print_row, write_json

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".ci" / "bench" / "bin" / "python"


def benchmarks() -> dict[str, Benchmark]:
    """Return the benchmarks by name: the modules of this package that have rows."""
    names = (each.name for each in pkgutil.iter_modules(tests.benchmarks.__path__) if each.name != "__main__")
    modules = {name: importlib.import_module(f"tests.benchmarks.{name}") for name in names}
    return {name: module.rows for name, module in modules.items() if hasattr(module, "rows")}


def main() -> None:
    """Parse the options and run."""
    # Users' Pythons keep compiled modules; where this is set, each process compiles all of them again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Servers and recorders end with it
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("benchmark", nargs="*", help=f"all where none is named: {', '.join(known)}")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="rows with this in their name")
    parser.add_argument("--rounds", type=int)
    amounts = parser.add_mutually_exclusive_group()
    amounts.add_argument(
        "--quick", action="store_true", help="small amounts: see that it works; the figures mean nothing"
    )
    amounts.add_argument("--full", action="store_true", help="the largest amounts: ten million events, exports checked")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="PYTHON", help="of the group 'bench'")
    parser.add_argument("--folder", type=Path, help="where stores are written")
    asked = parser.parse_args()
    if unknown := set(asked.benchmark) - set(known):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    options = Options(asked.rounds, asked.quick, asked.full, tuple(asked.only), asked.peers, asked.folder)
    began, machine = datetime.now(UTC), environment()
    print_heading()
    found: list[Row] = []
    for name in asked.benchmark or known:
        print(f"\n{name}", flush=True)
        for row in known[name](options):
            print_row(row)
            found.append(row)
            if asked.json is not None:
                write_json(asked.json, began, found, machine)


if __name__ == "__main__":
    main()
