"""``wsmon attach``: show what a running recorder records."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wsmon.cli.params import ScreenWishes, screen_options
from wsmon.cli.process import importing
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("store", required=False, type=click.Path())
@screen_options
def attach(store: str | None, *, wishes: ScreenWishes) -> int:
    """Watch the recorder of STORE (a store, its folder or its configuration), or the one started last."""
    from wsmon.cli.stores import find_recorder

    require_terminal()
    info = find_recorder(store)
    # The screen takes the longest to import: only when there is something to show.
    with importing():
        from wsmon.cli.view import view

    return view(Path(info.store), os.environ, wishes)
