"""``wsmon open``: show a store, whether its recorder runs or not."""

from __future__ import annotations

import os

import click

from wsmon.cli.params import RecordingName, ScreenWishes, screen_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("store", required=False, type=RecordingName())
@screen_options
def open(store: str | None, *, wishes: ScreenWishes) -> int:  # noqa: A001 - the command's name
    """Open a recording in the viewer.

    STORE is a name shown by `wsmon ps`, a configuration, a store file, its directory, or an incident bundle
    (FILE.wsmon). Default: the recording for ./wsmon.toml; otherwise the only running recorder; otherwise the most
    recent recording. Works whether or not the recorder is running.
    """
    from wsmon.cli.known_recordings import choose_store

    require_terminal()
    choice = choose_store(store, os.environ)
    choice.announce()
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view

    return view(choice.recording.store, os.environ, wishes)
