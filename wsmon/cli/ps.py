"""``wsmon ps``: list recordings: those that run with what is wrong with them, then those that ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.terminal import home_path, print_json, say
from wsmon.clock import SystemClock
from wsmon.errors import WsmonError
from wsmon.model.sanitize import sanitize
from wsmon.model.units import MINUTE_NS

if TYPE_CHECKING:
    from wsmon.cli.known_recordings import KnownRecording

# How many of the recordings that ended are listed; --all lists every one.
ENDED_ROWS = 10


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print running recorders (with --all, every recording) as a JSON array."
)
@click.option("--all", "has_all", is_flag=True, help=f"List every recording, not just the {ENDED_ROWS} most recent.")
def ps(as_json: bool, has_all: bool) -> None:
    """List running recorders and recent recordings.

    Names in the first column can be used wherever a command takes STORE.
    """
    # Imported now: a shell that completes the options waits for this module.
    import asyncio

    from wsmon.cli.known_recordings import known_recordings, shown_names

    known = known_recordings(os.environ)
    alive = [each for each in known if each.held is not None]
    states = dict(zip((each.store for each in alive), asyncio.run(_states(alive)), strict=True))
    names = shown_names(known)
    if as_json:
        shown = [(name, each) for name, each in zip(names, known, strict=True) if has_all or each.held is not None]
        print_json([_document(name, each, states) for name, each in shown])
        return
    if not alive:
        say("no recorder is running; start one with `wsmon`")
    if not known:
        return
    ended = len(known) - len(alive)
    count = len(known) if has_all else len(alive) + ENDED_ROWS
    rows = [("NAME", "PID", "SINCE", "STORE", "CONFIGURATION", "STATE")]
    rows += [_row(name, each, states) for name, each in list(zip(names, known, strict=True))[:count]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not has_all and ended > ENDED_ROWS:
        say(f"{ended - ENDED_ROWS} more ended recordings: `wsmon ps --all`")


async def _states(found: Sequence[KnownRecording]) -> list[str]:
    """Ask all recorders at once what is wrong with them; an empty text means that all is well."""
    import asyncio

    return await asyncio.gather(*(_state(each.held.socket) for each in found if each.held is not None))


async def _state(socket: str) -> str:
    from wsmon.cli.stores import greeting
    from wsmon.control.client import health_once

    try:
        return (await health_once(Path(socket), greeting())).warning
    except (OSError, WsmonError) as error:
        return f"not responding: {error}"


def _document(name: str, recording: KnownRecording, states: Mapping[Path, str]) -> dict[str, object]:
    """Return what JSON has of a recording: what the lock says, its name, and whether its recorder runs."""
    import msgspec

    if recording.held is None:
        return {
            "store": str(recording.store),
            "configuration": recording.configuration,
            "name": name,
            "running": False,
        }
    said: dict[str, object] = msgspec.to_builtins(recording.held)
    return {**said, "warning": states[recording.store], "name": name, "running": True}


def _row(name: str, recording: KnownRecording, states: Mapping[Path, str]) -> tuple[str, str, str, str, str, str]:
    from wsmon.cli.known_recordings import last_written_ns

    store, configuration = home_path(recording.store), home_path(recording.configuration)
    if recording.held is None:
        return (
            sanitize(name),
            "-",
            "-",
            store,
            configuration or "-",
            f"ended {_ago(last_written_ns(recording.store))} ago",
        )
    state = sanitize(states[recording.store]) or "ok"
    return (sanitize(name), str(recording.held.pid), _ago(recording.held.started_ns), store, configuration, state)


def _ago(at_ns: int) -> str:
    minutes = max(0, SystemClock().wall_ns() - at_ns) // MINUTE_NS
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes < 2_880 else f"{minutes // 1_440}d"
