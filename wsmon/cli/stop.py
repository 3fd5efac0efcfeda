"""``wsmon stop``: ends recorders cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import click

from wsmon.cli.greeting import greeting
from wsmon.cli.stores import find_recorder
from wsmon.cli.target import runtime_folder
from wsmon.clock import SystemClock
from wsmon.control.client import command_once
from wsmon.control.lock import LockInfo, holder
from wsmon.control.registry import running
from wsmon.errors import WsmonError
from wsmon.model.units import SECOND_NS

STOP_S = 10.0
# a recorder ends within 2 s; what a slow disk may add
POLL_S = 0.02


@click.command()
@click.argument("store", required=False)
@click.option("--all", "everything", is_flag=True, help="End all recorders of this user.")
def stop(store: str | None, everything: bool) -> None:
    """End the recorder of STORE (or the only one that runs): everything received is committed first."""
    if everything:
        found = running(runtime_folder(os.environ))
        if not found:
            click.echo("no recorder runs", err=True)
    else:
        found = (_only(store),)
    for info in found:
        end_recorder(info)
        click.echo(f"stopped the recorder of {info.store} (pid {info.pid})", err=True)


def end_recorder(info: LockInfo) -> None:
    """Ask over the socket, by signal where nobody answers, and wait until the store is free."""
    try:
        asyncio.run(command_once(Path(info.socket), greeting(), "stop"))
    except (OSError, WsmonError):
        _terminate(info)  # older, newer or stuck: a signal is understood by all
    clock = SystemClock()
    deadline_ns = clock.mono_ns() + STOP_S * SECOND_NS
    while holder(Path(info.store)) is not None:
        if clock.mono_ns() > deadline_ns:
            raise WsmonError(
                f"the recorder (pid {info.pid}) did not end within {STOP_S:g} s", f"kill -9 {info.pid} ends it"
            )
        time.sleep(POLL_S)


def _terminate(info: LockInfo) -> None:
    if info.pid <= 0:  # to kill(2) that is a whole group of processes, ours among them
        raise WsmonError(f"the recorder of {info.store} has not said which process it is", "try again in a second")
    with suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(info.pid, signal.SIGTERM)


def _only(store: str | None) -> LockInfo:
    alive = running(runtime_folder(os.environ))
    if store is None and len(alive) > 1:
        raise WsmonError(f"{len(alive)} recorders run", "name a store, or --all; `wsmon ps` lists them")
    return find_recorder(store)
