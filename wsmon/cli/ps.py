"""``wsmon ps``: list the recorders that run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.terminal import print_json, say
from wsmon.clock import SystemClock
from wsmon.errors import WsmonError
from wsmon.model.sanitize import sanitize

if TYPE_CHECKING:
    from wsmon.control.lock import LockInfo


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def ps(as_json: bool) -> None:
    """List the recorders that run, with their stores and configurations, and what is wrong with them."""
    # Imported now: a shell that completes the options waits for this module.
    import asyncio

    import msgspec

    from wsmon.cli.stores import recorders

    found = recorders(os.environ)
    states = asyncio.run(_states(found))
    if as_json:
        listed = [{**msgspec.to_builtins(info), "warning": state} for info, state in zip(found, states, strict=True)]
        print_json(listed)
        return
    if not found:
        say("no recorder runs; `wsmon` starts one")
        return
    rows = [("PID", "SINCE", "STORE", "CONFIGURATION", "STATE")]
    rows += [_row(info, state) for info, state in zip(found, states, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


async def _states(found: Sequence[LockInfo]) -> list[str]:
    """Ask all recorders at once what is wrong with them; an empty text means that all is well."""
    import asyncio

    return await asyncio.gather(*(_state(info) for info in found))


async def _state(info: LockInfo) -> str:
    from wsmon.cli.stores import greeting
    from wsmon.control.client import health_once

    try:
        return (await health_once(Path(info.socket), greeting())).warning
    except (OSError, WsmonError) as error:
        return f"does not answer: {error}"


def _row(info: LockInfo, state: str) -> tuple[str, str, str, str, str]:
    minutes = max(0, SystemClock().wall_ns() - info.started_ns) // 60_000_000_000
    since = f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"
    return (str(info.pid), since, _home(info.store), _home(info.configuration), sanitize(state) or "ok")


def _home(path: str) -> str:
    home = str(Path.home())
    return sanitize(f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path)
