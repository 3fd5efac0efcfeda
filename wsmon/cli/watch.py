"""``wsmon [CONFIG | URL …]``: start a recorder where none runs, and show what it records."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import click

from wsmon.cli.main import COMMANDS
from wsmon.cli.params import ScreenWishes, request_options, screen_options
from wsmon.cli.process import importing
from wsmon.cli.request import Request
from wsmon.cli.terminal import ask_header_values, require_terminal
from wsmon.errors import UsageError


class _UnnamedContext(click.Context):
    """The context of a command that has no name of its own: usage lines name the program alone."""

    @property
    def command_path(self) -> str:
        """The program."""
        return self.parent.command_path if self.parent is not None else super().command_path


class _WatchCommand(click.Command):
    context_class = _UnnamedContext


@click.command(cls=_WatchCommand, hidden=True)
@request_options
@screen_options
def watch(
    names: tuple[str, ...],
    headers: tuple[str, ...],
    subscribe: tuple[str, ...],
    subprotocols: tuple[str, ...],
    store: Path | None,
    *,
    allow_send: bool,
    wishes: ScreenWishes,
) -> int:
    """Record connections in the background and open the viewer.

    Press `d` to detach and leave the recorder running; run `wsmon attach` to return.
    """
    from wsmon.cli.spawn import ensure_recorder
    from wsmon.cli.targets import resolve

    request = Request(names, headers, subscribe, subprotocols, store, allow_send=allow_send)
    _refuse_misspelt(request)
    request = ask_header_values(request)
    target = resolve(request, os.environ)
    require_terminal()
    ensure_recorder(request, target, os.environ)
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view

    return view(target.store, os.environ, wishes, target)


def _refuse_misspelt(request: Request) -> None:
    """Raise ``UsageError`` for a first word that is no file, but nearly a command."""
    name = request.names[0] if request.names and not request.is_urls else ""
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    if near and not Path(name).exists():
        raise UsageError(f"unknown command {name!r}", f"did you mean `wsmon {near[0]}`?")
