"""``wsmon record``: record in this process, without a screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from wsmon.cli.params import Duration, Request, request_options
from wsmon.errors import EXIT_OK


@click.command()
@request_options
@click.option("--for", "limit_s", type=Duration(), metavar="DURATION", help="End after this long.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--ready-fd", type=int, hidden=True, help="Where to say that viewers can attach.")
@click.option("--handed-fd", type=int, hidden=True, help="Where the rest of the arguments is read from.")
def record(
    names: tuple[str, ...],
    headers: tuple[str, ...],
    subscribe: tuple[str, ...],
    subprotocols: tuple[str, ...],
    store: Path | None,
    limit_s: float | None,
    quiet: bool,
    ready_fd: int | None,
    handed_fd: int | None,
) -> int:
    """Record connections until SIGINT or SIGTERM.

    Events go to the store, what happens to the connections also to stderr. `wsmon attach` watches from another
    terminal. SIGHUP reads the configuration again. For `-` the configuration comes from standard input: relative
    paths are from the current folder, and it is not read again.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.recording import StderrLog, assignment_of, readiness, run_assignment
    from wsmon.cli.spawn import receive_handed
    from wsmon.cli.targets import resolve
    from wsmon.cli.terminal import ask_header_values

    with (
        readiness(ready_fd) as ready,
        StderrLog(is_quiet=quiet or ready_fd is not None, has_libraries=not quiet) as log,
    ):
        handed = receive_handed(handed_fd) if handed_fd is not None else None
        if handed is None:
            request = ask_header_values(Request(names, headers, subscribe, subprotocols, store))
        else:
            request = Request(handed.urls, handed.headers, handed.subscribe, handed.subprotocols, store, handed.answers)
        target = resolve(request, os.environ, sys.stdin.buffer)
        for warning in target.loaded.warnings:
            log.print_line(str(warning))
        run_assignment(assignment_of(target, limit_s, log), log, ready)
    return EXIT_OK
