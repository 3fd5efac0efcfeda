"""``wsmon record``: records in this process, without a screen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import click
import msgspec

from wsmon.cli.log_file import LogFile
from wsmon.cli.recording import Talk
from wsmon.cli.spawn import Readiness, handed_over
from wsmon.cli.target import Duration, Request, Target, request_options, resolve
from wsmon.config.specs import Configuration
from wsmon.control.lock import LockInfo, beside
from wsmon.errors import EXIT_OK, StoreHeldError, WsmonError
from wsmon.recorder.run import Assignment

Ready = Callable[[Readiness], None]


@click.command()
@request_options
@click.option("--for", "limit_s", type=Duration(), metavar="DURATION", help="End after this long.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--ready-fd", type=int, hidden=True, help="Where to say that viewers can attach.")
def record(
    names: tuple[str, ...],
    headers: tuple[str, ...],
    subscribe: tuple[str, ...],
    store: Path | None,
    limit_s: float | None,
    quiet: bool,
    ready_fd: int | None,
) -> int:
    """Record connections until SIGINT or SIGTERM.

    Events go to the store, what happens to the connections also to stderr. `wsmon attach` watches from another
    terminal. SIGHUP reads the configuration again.
    """
    with readiness(ready_fd) as ready, Talk(is_quiet=quiet or ready_fd is not None) as talk:
        handed = handed_over(os.environ) if ready_fd is not None else None
        if handed is not None:
            names, headers, subscribe = handed.urls, handed.headers, handed.subscribe
        target = resolve(Request(names, headers, subscribe, store), os.environ)
        for warning in target.loaded.warnings:
            talk.say(str(warning))
        run_assignment(assignment_of(target, limit_s, talk), talk, ready)
    return EXIT_OK


def assignment_of(target: Target, limit_s: float | None, talk: Talk) -> Assignment:
    """The recording of a configuration."""
    reload = target.reload
    return Assignment(
        prepare=lambda: _unchanged(target.loaded.configuration),
        store=target.store,
        socket=target.socket,
        identity=target.identity,
        reload=(lambda: reload().configuration) if reload else None,
        limit_s=limit_s,
        on_event=talk.tell,
    )


def run_assignment(assignment: Assignment, talk: Talk, ready: Ready) -> None:
    """Record in this process; the recorder's modules are imported here, after all that can be refused quickly."""
    from wsmon.recorder.recorder import record as run

    talk.keep_small(LogFile(beside(assignment.store, "log")))

    def on_ready(info: LockInfo) -> None:
        talk.say(f"recording into {info.store} (pid {info.pid}); `wsmon attach` watches")
        ready(Readiness(info.pid, info.store))

    run(assignment, on_ready)


@contextmanager
def readiness(fd: int | None) -> Iterator[Ready]:
    """A function that tells the parent that viewers can attach; what is refused inside is told it, too."""
    if fd is None:
        yield lambda _readiness: None
        return
    with os.fdopen(fd, "wb", buffering=0) as pipe:

        def tell(line: Readiness) -> None:
            if not pipe.closed:
                with pipe, suppress(BrokenPipeError):  # whoever started us has left: that ends no recording
                    pipe.write(msgspec.json.encode(line) + b"\n")

        try:
            yield tell
        except WsmonError as error:
            tell(Readiness(os.getpid(), "", str(error), error.exit_code, isinstance(error, StoreHeldError)))
            raise


@asynccontextmanager
async def _unchanged(configuration: Configuration) -> AsyncIterator[Configuration]:
    yield configuration
