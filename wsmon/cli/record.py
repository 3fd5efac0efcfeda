"""``wsmon record``: record in this process, without a screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from wsmon.cli.params import Duration, request_options
from wsmon.cli.request import Request
from wsmon.errors import EXIT_OK


@click.command()
@request_options
@click.option("--for", "limit_s", type=Duration(), metavar="DURATION", help="Stop after DURATION.")
@click.option("--quiet", is_flag=True, help="Only print errors.")
@click.option("--ready-fd", type=int, hidden=True, help="File descriptor that signals readiness.")
@click.option("--handed-fd", type=int, hidden=True, help="File descriptor that passes further arguments.")
def record(
    names: tuple[str, ...],
    headers: tuple[str, ...],
    subscribe: tuple[str, ...],
    subprotocols: tuple[str, ...],
    store: Path | None,
    allow_send: bool,
    limit_s: float | None,
    quiet: bool,
    ready_fd: int | None,
    handed_fd: int | None,
) -> int:
    """Record connections in the foreground until interrupted.

    If the configuration has no [[connection]], only events reported by applications are recorded.

    Stops on SIGINT or SIGTERM. Events are written to the store; connection changes are also printed to stderr. Use
    `wsmon attach` in another terminal to watch. SIGHUP reloads the configuration. With `-`, the configuration is read
    from standard input, relative paths are resolved against the current directory, and reloading is not possible.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.recording import StderrLog, assignment_of, readiness, run_assignment
    from wsmon.cli.spawn import receive_handed
    from wsmon.cli.targets import awaited, resolve
    from wsmon.cli.terminal import ask_header_values

    with (
        readiness(ready_fd) as ready,
        StderrLog(is_quiet=quiet or ready_fd is not None, has_libraries=not quiet) as log,
    ):
        handed = receive_handed(handed_fd) if handed_fd is not None else None
        if handed is None:
            request = ask_header_values(Request(names, headers, subscribe, subprotocols, store, allow_send=allow_send))
        else:
            request = handed.request(store)
        target = resolve(request, os.environ, sys.stdin.buffer)
        for warning in target.loaded.warnings:
            log.print_line(str(warning))
        run_assignment(assignment_of(target, limit_s, log), log, ready, awaited(target.loaded.configuration))
    return EXIT_OK
