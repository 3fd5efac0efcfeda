"""``wsmon open``: show a store, whether its recorder runs or not."""

from __future__ import annotations

import os

import click

from wsmon.cli.params import RecordingName, ScreenWishes, screen_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("stores", nargs=-1, metavar="[STORE]...", type=RecordingName())
@screen_options
def open(stores: tuple[str, ...], *, wishes: ScreenWishes) -> int:  # noqa: A001 - the command's name
    """Open a recording in the viewer, or several as one.

    STORE is a name shown by `wsmon ps`, a configuration, a store file, its directory, or an incident bundle
    (FILE.wsmon). Default: the recording for ./wsmon.toml; otherwise the only running recorder; otherwise the most
    recent recording. Works whether or not the recorder is running.

    Several recordings are shown together, in the order of time: `wsmon open a.db b.db`. NAME=STORE gives one a name.
    """
    from wsmon.cli.known_recordings import choose_store, split_argument

    require_terminal()
    if len(stores) > 1:
        from wsmon.cli.recordings import choose_recordings

        recordings = choose_recordings(stores, os.environ)
        with importing():
            from wsmon.cli.view import view_recordings

        return view_recordings(recordings, os.environ, wishes)
    choice = choose_store(split_argument(stores[0])[1] if stores else None, os.environ)
    choice.announce()
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view

    return view(choice.recording.store, os.environ, wishes)
