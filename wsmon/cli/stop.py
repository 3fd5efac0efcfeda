"""``wsmon stop``: end recorders cleanly."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import RecordingName
from wsmon.cli.process import terminate_recorder
from wsmon.cli.terminal import say
from wsmon.clock import SystemClock
from wsmon.errors import EXIT_FAILED, EXIT_OK, WsmonError
from wsmon.model.units import SECOND_NS

if TYPE_CHECKING:
    from wsmon.control.lock import LockInfo
    from wsmon.control.losses import LossNote

# A recorder ends within 2 s; the rest is what a slow disk may add.
STOP_S = 10.0
POLL_S = 0.02


@click.command()
@click.argument("store", required=False, type=RecordingName(is_running=True))
@click.option("--all", "everything", is_flag=True, help="Stop all your recorders.")
def stop(store: str | None, everything: bool) -> int:
    """Stop a recorder after flushing everything to disk.

    STORE is a name shown by `wsmon ps`, a configuration, a store file or its directory. Default: the recorder for
    ./wsmon.toml; otherwise the only running recorder. Exits with status 1 if events were lost.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.known_recordings import choose_recorder, recorders
    from wsmon.config.locate import state_dir

    if everything:
        found = recorders(os.environ)
        if not found:
            say("no recorder is running")
    else:
        _, info = choose_recorder(store, os.environ, takes_newest=False)
        found = (info,)
    code = EXIT_OK
    for info in found:
        lost = end_recorder(info, state_dir(os.environ))
        say(f"stopped recorder of {info.store} (pid {info.pid})")
        code = max(code, say_losses(lost))
    return code


def say_losses(lost: LossNote | None) -> int:
    """Say what a recorder that ended could not keep, and return the exit code for it."""
    if lost is None:
        return EXIT_OK
    say(f"wsmon: {lost.count:,} events lost: {lost.reason}")
    return EXIT_FAILED


def end_recorder(info: LockInfo, state_folder: Path | None = None) -> LossNote | None:
    """End a recorder and wait until its store is free: asked over its socket, or by a signal where it does not answer.

    Return what it could not keep; ``None`` where it kept everything. Raises ``WsmonError`` where it does not end within
    ``STOP_S``.
    """
    import asyncio

    from wsmon.cli.stores import greeting
    from wsmon.control.client import command_once

    try:
        asyncio.run(command_once(Path(info.socket), greeting(), "stop"))
    except (OSError, WsmonError):
        # The recorder is older, newer or stuck: all of them understand a signal.
        _terminate(info)
    return await_end(info, state_folder)


def await_end(info: LockInfo, state_folder: Path | None) -> LossNote | None:
    """Wait until a recorder that was told to end has ended; result and error are those of ``end_recorder``."""
    from wsmon.control.lock import holder
    from wsmon.control.losses import read_note

    clock = SystemClock()
    deadline_ns = clock.mono_ns() + STOP_S * SECOND_NS
    while holder(Path(info.store)) is not None:
        if clock.mono_ns() > deadline_ns:
            raise WsmonError(
                f"the recorder (pid {info.pid}) did not stop within {STOP_S:g} s",
                f"force it with `kill -9 {info.pid}`",
            )
        time.sleep(POLL_S)
    note = read_note(Path(info.store), state_folder)
    return note if note is not None and note.pid == info.pid else None


def _terminate(info: LockInfo) -> None:
    from wsmon.control.lock import lock_owner

    # To kill(2), 0 and less is a whole group of processes, this one among them.
    if info.pid <= 0:
        raise WsmonError(f"the recorder of {info.store} has not reported its process id yet", "try again in a second")
    # Root ends the recorders of other users too, but no other process that their locks name.
    terminate_recorder(info.pid, lock_owner(Path(info.store)))
