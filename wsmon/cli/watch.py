"""``wsmon [CONFIG | URL …]``: starts a recorder where none runs, and shows what it records."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

import click

from wsmon.cli.main import COMMANDS
from wsmon.cli.screen_options import ScreenWishes, screen_options
from wsmon.cli.spawn import Handed, SpawnError, spawn_recorder, wait_until_ready
from wsmon.cli.target import Request, Target, request_options, resolve
from wsmon.cli.terminal import require_terminal
from wsmon.control.lock import LockInfo, holder
from wsmon.errors import StoreHeldError, UsageError


class _Nameless(click.Context):
    """Of a command that goes by no name of its own: usage lines name the program alone."""

    @property
    def command_path(self) -> str:
        """The program."""
        return self.parent.command_path if self.parent is not None else super().command_path


class _WatchCommand(click.Command):
    context_class = _Nameless


@click.command(cls=_WatchCommand, hidden=True)
@request_options
@screen_options
def watch(
    names: tuple[str, ...],
    headers: tuple[str, ...],
    subscribe: tuple[str, ...],
    store: Path | None,
    *,
    wishes: ScreenWishes,
) -> int:
    """Record connections in a process of its own, and watch them.

    `d` leaves and lets the recorder go on; `wsmon attach` comes back.
    """
    request = Request(names, headers, subscribe, store)
    _refuse_misspelt(request)
    target = resolve(request, os.environ)
    require_terminal()
    ensure_recorder(request, target, os.environ)
    from wsmon.cli.view import view  # the screen, only when there is one

    return view(target.store, os.environ, wishes, target)


def _refuse_misspelt(request: Request) -> None:
    """A first word that is no file, but nearly a command, was meant as one."""
    name = request.names[0] if request.names and not request.is_urls else ""
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    if near and not Path(name).exists():
        raise UsageError(f"{name!r} is neither a command nor a file", f"did you mean `wsmon {near[0]}`?")


def ensure_recorder(request: Request, target: Target, environ: Mapping[str, str]) -> None:
    """A recorder runs on the target's store when this returns; of two starts at once, one finds the other's."""
    if holder(target.store) is None:
        try:
            spawn_recorder(_arguments(target), target.store, environ, _handed(request))
        except SpawnError as error:
            if not error.is_held:
                raise
        else:
            return
    wait_until_ready(target.store)
    held = holder(target.store)
    if held is not None:
        _refuse_another(held, target)


def _refuse_another(held: LockInfo, target: Target) -> None:
    if held.configuration not in (target.identity, ""):
        raise StoreHeldError(
            f"the store {target.store} is held by the recorder of {held.configuration} (pid {held.pid}), "
            f"not of {target.identity}",
            "name another place with --store",
            held.pid,
        )


def _arguments(target: Target) -> list[str]:
    """What the process list shows of a recorder: no credential of a URL is in it."""
    configuration = target.loaded.configuration
    named = [target.identity] if configuration.path else [one.url.masked for one in configuration.connections]
    return ["record", *named, "--store", str(target.store)]


def _handed(request: Request) -> Handed | None:
    return Handed(request.names, request.headers, request.subscribe) if request.is_urls else None
