"""``wsmon attach``: shows what a running recorder records."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wsmon.cli.screen_options import ScreenWishes, screen_options
from wsmon.cli.stores import find_recorder
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("store", required=False)
@screen_options
def attach(store: str | None, *, wishes: ScreenWishes) -> int:
    """Watch the recorder of STORE (a store, its folder or its configuration), or the one started last."""
    require_terminal()
    info = find_recorder(store)
    from wsmon.cli.view import view  # the screen, only when there is one

    return view(Path(info.store), os.environ, wishes)
