"""``wsmon ps``: the recorders that run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import msgspec

from wsmon.cli.target import runtime_folder
from wsmon.clock import SystemClock
from wsmon.control.lock import LockInfo
from wsmon.control.registry import running
from wsmon.model.sanitize import sanitize


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def ps(as_json: bool) -> None:
    """List the recorders that run, with their stores and configurations."""
    found = running(runtime_folder(os.environ))
    if as_json:
        click.echo(json.dumps([msgspec.to_builtins(info) for info in found], indent=2))
        return
    if not found:
        click.echo("no recorder runs; `wsmon` starts one", err=True)
        return
    rows = [("PID", "SINCE", "STORE", "CONFIGURATION"), *(_row(info) for info in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(info: LockInfo) -> tuple[str, str, str, str]:
    minutes = max(0, SystemClock().wall_ns() - info.started_ns) // 60_000_000_000
    since = f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"
    return (str(info.pid), since, _home(info.store), _home(info.configuration))


def _home(path: str) -> str:
    home = str(Path.home())
    return sanitize(f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path)
