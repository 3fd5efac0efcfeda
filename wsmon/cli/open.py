"""``wsmon open``: shows a store, whether its recorder runs or not."""

from __future__ import annotations

import os

import click

from wsmon.cli.screen_options import ScreenWishes, screen_options
from wsmon.cli.stores import find_store
from wsmon.cli.terminal import require_terminal


@click.command()
@click.argument("store")
@screen_options
def open(store: str, *, wishes: ScreenWishes) -> int:  # noqa: A001 - the command's name
    """Look at STORE (a store, its folder or its configuration), also one whose recorder is gone."""
    require_terminal()
    found = find_store(store)
    from wsmon.cli.view import view  # the screen, only when there is one

    return view(found, os.environ, wishes)
