"""``wsmon attach``: show what a running recorder records."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wsmon.cli.params import RecordingName, ScreenWishes, screen_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("store", required=False, type=RecordingName(is_running=True))
@screen_options
def attach(store: str | None, *, wishes: ScreenWishes) -> int:
    """Open the viewer on a running recorder.

    STORE is a name shown by `wsmon ps`, a configuration, a store file or its directory. Default: the recorder for
    ./wsmon.toml; otherwise the only running recorder.
    """
    from wsmon.cli.known_recordings import choose_recorder

    require_terminal()
    choice, info = choose_recorder(store, os.environ)
    choice.announce()
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view

    return view(Path(info.store), os.environ, wishes)
