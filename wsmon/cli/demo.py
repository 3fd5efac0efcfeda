"""``wsmon demo``: wsmon at work on scripted servers, with no network and no configuration."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import Duration, ScreenWishes, screen_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import has_terminal, say
from wsmon.errors import EXIT_OK

if TYPE_CHECKING:
    from wsmon.config.specs import Configuration

IDENTITY = "demo"

# A demonstration without a viewer ends by itself.
IDLE_LIMIT_S = 30 * 60.0

# How long a demonstration lasts where there is no terminal to show it on.
HEADLESS_S = 10.0


@click.command()
@click.option("--headless", is_flag=True, help="Run without the viewer; print statistics at the end.")
@click.option("--for", "limit_s", type=Duration(), metavar="DURATION", help="Stop after DURATION.")
@click.option("--store", type=click.Path(path_type=Path), help="Store to record into.")
@click.option("--ready-fd", type=int, hidden=True, help="File descriptor that signals readiness.")
@screen_options
def demo(
    headless: bool, limit_s: float | None, store: Path | None, ready_fd: int | None, *, wishes: ScreenWishes
) -> int:
    """Run a demo against local scripted servers.

    No network or configuration needed: the servers send ticks, drop or refuse connections, stall, and reject logins.
    Recording continues for 30 minutes after the viewer is closed; the next demo overwrites the recording.
    """
    if not headless and not has_terminal():
        headless, limit_s = True, limit_s or HEADLESS_S
        say(f"no terminal: running headless for {limit_s:g} s, then printing statistics")
    store = Path(os.path.realpath(store)) if store else fresh_store(os.environ)
    if headless:
        return _record(store, limit_s, ready_fd)
    from wsmon.cli.spawn import spawn_recorder

    limit = ["--for", f"{limit_s}s"] if limit_s else []
    spawn_recorder(["demo", "--headless", "--store", str(store), *limit], store, os.environ)
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view
        from wsmon.demo.scenario import demo_scenarios, introduction

    return view(store, os.environ, wishes, introduction=introduction(demo_scenarios()), idle_limit_s=IDLE_LIMIT_S)


def _record(store: Path, limit_s: float | None, ready_fd: int | None) -> int:
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.recording import StderrLog, readiness, run_assignment
    from wsmon.config.locate import socket_of, state_dir
    from wsmon.recorder.run import RecorderOptions

    with readiness(ready_fd) as ready, StderrLog(is_quiet=ready_fd is not None) as log:
        assignment = RecorderOptions(
            prepare=_servers,
            store=store,
            socket=socket_of(store, os.environ),
            identity=IDENTITY,
            state_folder=state_dir(os.environ),
            limit_s=limit_s,
            idle_limit_s=IDLE_LIMIT_S if ready_fd is not None else None,
            on_event=log.print_event,
        )
        run_assignment(assignment, log, ready)
    if ready_fd is None:
        from wsmon.cli.stats_output import print_statistics

        print_statistics(store)
    return EXIT_OK


@asynccontextmanager
async def _servers() -> AsyncIterator[Configuration]:
    from wsmon.clock import SystemClock
    from wsmon.demo.demo import Demo

    async with Demo(SystemClock()) as servers:
        yield servers.configuration


def fresh_store(environ: Mapping[str, str]) -> Path:
    """Return a new place for the store of a demonstration; the stores of ended demonstrations are removed."""
    import re
    import secrets
    import shutil

    from wsmon.config.locate import state_dir
    from wsmon.control.lock import DEFAULT_STORE, holder

    # No store of a configuration lies in such a folder: those end in 8 digits, also that of a demo.toml.
    demo_folder = re.compile(r"demo-[0-9a-f]{12}")
    folder = state_dir(environ)
    for old in folder.glob(f"demo-*/{DEFAULT_STORE}"):
        if demo_folder.fullmatch(old.parent.name) and holder(old) is None:
            shutil.rmtree(old.parent)
    return folder / f"demo-{secrets.token_hex(6)}" / DEFAULT_STORE
